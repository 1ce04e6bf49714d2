import { CountersignError } from '../domain/errors.js';
import type { DirectoryConfig } from './directory-schema.js';
import type { LoadedConfig } from './load.js';

const providers = ['okta', 'entra', 'google', 'scim'] as const;

/** What is wrong with a `directory` section that no schema can say, or undefined. */
export function directoryTrouble(directory: DirectoryConfig): { readonly at: readonly string[]; readonly what: string } | undefined {
  const what = wrongIn(directory);
  return what === undefined ? undefined : { at: ['directory'], what };
}

function wrongIn(directory: DirectoryConfig): string | undefined {
  const named = [...(directory.file === undefined ? [] : ['file']), ...providers.filter((name) => directory[name] !== undefined)];
  if (named.length !== 1) return '"directory" names exactly one of file, okta, entra, google and scim.';
  if (directory.file === undefined)
    return directory.agents === undefined ? '"directory.agents" is missing; beside a provider it is the file of the agents.' : undefined;
  const beside = (['agents', 'cacheSeconds', 'timeoutSeconds', 'deadlineSeconds'] as const).find((name) => directory[name] !== undefined);
  return beside === undefined ? undefined : `"directory.${beside}" is for a directory of a provider; remove it.`;
}

/** The directory file. Throws `config-invalid` where the people are a provider's. */
export function directoryFile(config: LoadedConfig): string {
  if (config.directory.file === undefined)
    throw new CountersignError('config-invalid', `${config.file}: this needs "directory.file"; the people of this configuration are in an identity provider.`);
  return config.resolve(config.directory.file);
}

/** What `issuer: development` in a directory file stands for; nothing in production. */
export function developmentIssuer(config: LoadedConfig): string | undefined {
  return config.dev === undefined ? undefined : `http://127.0.0.1:${config.dev.idpPort}`;
}
