import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { loadConnectors } from '../config/connectors.js';
import { loadConfig, type LoadedConfig } from '../config/load.js';
import { createFileDirectory, parseDirectory } from '../directory/file.js';
import type { DirectoryFile } from '../directory/schema.js';
import type { ConnectorDefinition } from '../domain/connector.js';
import { CountersignError } from '../domain/errors.js';
import type { Asker, People } from '../policy/check/route-findings.js';

/** What the commands about policy are told of a deployment. */
export type DeploymentOptions = {
  readonly policies?: string;
  readonly directory?: string;
  readonly config?: string;
  readonly connector?: readonly string[];
  readonly json?: boolean;
};

/** A deployment as the commands about policy see it, without its keys, secrets and servers. */
export type Deployment = {
  /** Folder of the policies, as it was given, for messages. */
  readonly policies: string;
  readonly people?: People & { readonly file: DirectoryFile };
  readonly connectors: ReadonlyMap<string, ConnectorDefinition>;
  readonly timeZone: string;
  readonly environment: string;
  readonly config?: LoadedConfig;
};

/** Adds the options that say what policy is held against. */
export function withDeployment(command: Command): Command {
  return command
    .option('--policies <folder>', 'folder with schema.cedarschema, *.cedar and routes.yaml; that of the configuration, or "policies"')
    .option('--directory <file>', 'directory file; that of the configuration, or directory.yaml in the policy folder')
    .option('--config <file>', 'countersign.yaml of the deployment; without it the connectors are those that Countersign brings')
    .option(
      '--connector <file>',
      'file of a further connector, as in externalConnectors; may stand several times',
      (file: string, before: string[]) => [...before, file],
      [],
    );
}

/** Reads what the options name. Throws `config-invalid` with a remedy. */
export function openDeployment(options: DeploymentOptions): Deployment {
  const config = options.config === undefined ? undefined : loadConfig(options.config);
  const policies = options.policies ?? relative(config?.resolve(config.policy.directory)) ?? 'policies';
  const { file } = config?.directory ?? {};
  // A file beside the policies says nothing of people who are in an identity provider.
  const live = config !== undefined && file === undefined && options.directory === undefined;
  const people = live ? undefined : openPeople(options.directory ?? (file === undefined ? undefined : relative(config?.resolve(file))), policies);
  const configured = (config?.externalConnectors ?? []).map((each) => config?.resolve(each) ?? each);
  const definitions = loadConnectors({ externalConnectors: [...configured, ...(options.connector ?? [])], resolve: (each) => path.resolve(each) });
  return {
    policies,
    ...(people === undefined ? {} : { people }),
    connectors: new Map(definitions.map((definition) => [definition.name, definition])),
    timeZone: config?.policy.timeZone ?? 'Etc/UTC',
    environment: config?.environment ?? 'production',
    ...(config === undefined ? {} : { config }),
  };
}

/** The people of a deployment. Throws `config-invalid` when no directory was found, since the command cannot do without. */
export function requirePeople({ people, policies }: Deployment): NonNullable<Deployment['people']> {
  if (people === undefined)
    throw new CountersignError('config-invalid', `There is no ${path.join(policies, 'directory.yaml')}; name the directory file with --directory or --config.`);
  return people;
}

function openPeople(named: string | undefined, policies: string): Deployment['people'] {
  const beside = path.join(policies, 'directory.yaml');
  const at = named ?? (existsSync(beside) ? beside : undefined);
  if (at === undefined) return undefined;
  let text: string;
  try {
    text = readFileSync(at, 'utf8');
  } catch {
    throw new CountersignError('config-invalid', `${at} cannot be read; name the directory file with --directory.`);
  }
  const file = parseDirectory(at, text);
  return { directory: createFileDirectory(at), askers: askersOf(file), file };
}

/** Everybody who is active and can ask, with those whom asking excludes. */
function askersOf({ people, agents }: DirectoryFile): readonly Asker[] {
  return [
    ...agents
      .filter(({ active = true }) => active)
      .map(({ id, owner, actsFor = [] }): Asker => {
        const excluded = [...new Set([owner, ...actsFor])];
        return { id, kind: 'agent', excluded, because: `owned by ${owner}${actsFor.length === 0 ? '' : `, acts for ${actsFor.join(', ')}`}` };
      }),
    ...people.filter(({ active = true }) => active).map(({ id }): Asker => ({ id, kind: 'person', excluded: [id], because: 'who cannot approve it themself' })),
  ];
}

function relative(file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  const short = path.relative(process.cwd(), file);
  return short.startsWith('..') ? file : short;
}
