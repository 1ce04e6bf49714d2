import { CountersignError } from '../domain/errors.js';
import { secretFromEnv, type LoadedConfig } from './load.js';

type GrantsConfig = Pick<LoadedConfig, 'environment' | 'resolve'> & {
  readonly executor: Pick<LoadedConfig['executor'], 'grants' | 'providerKeys' | 'providers'>;
};

/** Where an executor keeps the grants it consumed. */
export type GrantsPlace = { readonly kind: 'file'; readonly file: string } | { readonly kind: 'postgres'; readonly url: string };

/** The place that `executor.grants` names. Throws `config-invalid` for a database that would be reached in clear. */
export function grantsPlace(config: GrantsConfig): GrantsPlace {
  const { grants } = config.executor;
  if (typeof grants === 'string') return { kind: 'file', file: config.resolve(grants) };
  const { urlEnv } = grants.postgres;
  const text = secretFromEnv(urlEnv);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^postgres(?:ql)?:$/.test(url.protocol)) throw new CountersignError('config-invalid', `${urlEnv} is no postgres:// URL.`);
  const loopback = ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname);
  const verified = ['verify-full', 'verify-ca'].includes(url.searchParams.get('sslmode') ?? '');
  // Whoever answers in the database's place decides which grants were consumed.
  if (!loopback && !verified && config.environment === 'production')
    throw new CountersignError('config-invalid', `${urlEnv} must end in ?sslmode=verify-full (and sslrootcert=<file> for an authority of your own).`);
  return { kind: 'postgres', url: text };
}

/** The file in which an executor remembers the keys of identity providers; undefined where it needs none. Throws `config-invalid`. */
export function providerKeysFile(config: GrantsConfig): string | undefined {
  const { grants, providerKeys, providers } = config.executor;
  if (providerKeys !== undefined) return config.resolve(providerKeys);
  if (typeof grants === 'string') return config.resolve(grants);
  if (providers === undefined) return undefined;
  throw new CountersignError(
    'config-invalid',
    'executor.providerKeys is missing: with grants in PostgreSQL, name a file in which this executor remembers keys of identity providers that have rotated.',
  );
}
