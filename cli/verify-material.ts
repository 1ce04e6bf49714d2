import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { JWK } from 'jose';
import { Type } from 'typebox';
import { openProofs, type Proofs } from '../activities/adapters/proofs/index.js';
import { loadConnectors } from '../config/connectors.js';
import { providerKeysFile } from '../config/grants.js';
import { describe, loadConfig, parseYaml, type LoadedConfig } from '../config/load.js';
import { ProofProviderConfig } from '../config/schema.js';
import { openTrustedKeys } from '../config/trusted-keys.js';
import { createFileDirectory } from '../directory/file.js';
import { openDirectory } from '../directory/open.js';
import type { Directory } from '../directory/port.js';
import { connectorRef, type ConnectorDefinition } from '../domain/connector.js';
import { CountersignError } from '../domain/errors.js';
import { isGrant } from '../domain/examine.js';
import type { FloorRule } from '../domain/floor.js';
import type { ProofVerifier } from '../domain/proof.js';
import type { Receipt } from '../domain/receipt.js';
import type { ConnectorRef } from '../domain/request.js';
import { importTrustedKeys, type TrustedKeys } from '../domain/signing.js';
import type { PolicyMaterial } from './verify-policy.js';

export type MaterialOptions = {
  readonly keys?: string;
  readonly providers?: string;
  readonly directory?: string;
  readonly connector?: string;
  readonly bundle?: string;
  readonly authorsKeys?: string;
  readonly timeZone?: string;
  readonly environment?: string;
  readonly config?: string;
};

/** What a grant is held against. */
export type Material = {
  readonly keys: TrustedKeys;
  readonly source: Receipt['source'];
  readonly connector?: ConnectorRef;
  readonly proofs?: Proofs;
  readonly floor?: readonly FloorRule[];
  readonly directory?: Directory;
  readonly policy?: PolicyMaterial;
};

const maxBytes = 4_194_304;
const validateProviders = new Ajv2020({ strict: true }).compile<ProofProviderConfig[]>(Type.Array(ProofProviderConfig, { minItems: 1, maxItems: 20 }));

/** Gathers keys, providers, definitions and policy from the options, and without `--keys` from the configuration. Throws `config-invalid`. */
export async function openMaterial(options: MaterialOptions, grant: unknown): Promise<Material> {
  const config = options.keys === undefined || options.config !== undefined ? loadConfig(options.config) : undefined;
  const keys = options.keys === undefined ? await keysOf(config!) : await importKeys(options.keys);
  const directory = directoryOf(options, config);
  const connectors = connectorsOf(options, config);
  const definition = isGrant(grant) ? connectors.get(grant.request.connector.name) : undefined;
  const policy = policyOf(options, config, connectors);
  const floor = config?.executor.floor;
  const proofs = await proofsOf(options, config, directory);
  return {
    keys,
    source: definition?.external === undefined ? 'executor' : 'connector',
    ...(definition === undefined ? {} : { connector: connectorRef(definition) }),
    ...(proofs === undefined ? {} : { proofs }),
    ...(floor === undefined ? {} : { floor }),
    ...(directory === undefined ? {} : { directory }),
    ...(policy === undefined ? {} : { policy }),
  };
}

async function keysOf(config: LoadedConfig): Promise<TrustedKeys> {
  const folder = config.resolve(config.keys.directory);
  return openTrustedKeys(folder).catch(() => {
    throw new CountersignError('config-invalid', `The public keys in ${folder} cannot be read; name a set with --keys.`);
  });
}

async function importKeys(file: string): Promise<TrustedKeys> {
  return importTrustedKeys(readJsonFile(file) as { readonly keys: readonly JWK[] }).catch(() => {
    throw new CountersignError('config-invalid', `${file} is no set of public keys as public.jwks.json is one.`);
  });
}

function directoryOf({ directory }: MaterialOptions, config: LoadedConfig | undefined): Directory | undefined {
  if (directory !== undefined) return createFileDirectory(requireFile(directory));
  if (config === undefined) return undefined;
  return openDirectory(config);
}

/** The definitions of this release, of the configuration, and the one that was named. */
function connectorsOf({ connector }: MaterialOptions, config: LoadedConfig | undefined): ReadonlyMap<string, ConnectorDefinition> {
  const files = [...(connector === undefined ? [] : [path.resolve(connector)]), ...(config?.externalConnectors ?? []).map((file) => config!.resolve(file))];
  const definitions = loadConnectors({ externalConnectors: [...new Set(files)], resolve: (file) => path.resolve(file) });
  return new Map(definitions.map((definition) => [definition.name, definition]));
}

function policyOf(
  { bundle, authorsKeys, timeZone, environment }: MaterialOptions,
  config: LoadedConfig | undefined,
  connectors: ReadonlyMap<string, ConnectorDefinition>,
): PolicyMaterial | undefined {
  const named = config?.executor.policy;
  const files = {
    bundle: bundle ?? (named === undefined ? undefined : config?.resolve(named.bundle)),
    authorsKeys: authorsKeys ?? (named === undefined ? undefined : config?.resolve(named.authorsKeys)),
  };
  if (files.bundle === undefined && files.authorsKeys === undefined) return undefined;
  if (files.bundle === undefined || files.authorsKeys === undefined)
    throw new CountersignError('config-invalid', '--bundle and --authors-keys belong together: a bundle counts by the signature of its authors.');
  return {
    bundle: readTextFile(files.bundle),
    bundleFile: files.bundle,
    authors: readJsonFile(files.authorsKeys) as { readonly keys: readonly JWK[] },
    connectors,
    timeZone: timeZone ?? config?.policy.timeZone ?? 'Etc/UTC',
    environment: environment ?? config?.environment ?? 'production',
  };
}

async function proofsOf({ providers }: MaterialOptions, config: LoadedConfig | undefined, directory: Directory | undefined): Promise<Proofs | undefined> {
  const configured = providers === undefined ? config?.executor.providers : readProviders(providers);
  if (configured === undefined) return undefined;
  let outage: Error | undefined;
  const whose: Pick<Directory, 'personByAccount'> = {
    personByAccount: async (...account) => {
      try {
        return await directory?.personByAccount(...account);
      } catch (error) {
        outage = error as Error;
        throw error;
      }
    },
  };
  const kept = providers === undefined && config !== undefined ? providerKeysFile(config) : undefined;
  const proofs = openProofs(
    {
      environment: providers === undefined ? (config?.environment ?? 'production') : 'production',
      executor: { providers: configured, ...(config?.executor.passkeys === undefined ? {} : { passkeys: config.executor.passkeys }) },
      resolve: (name: string) => (providers === undefined && config !== undefined ? config.resolve(name) : path.resolve(path.dirname(providers ?? ''), name)),
    },
    whose,
    {
      // Keys that have rotated since are where the executor saw them.
      ...(kept !== undefined && existsSync(kept) ? { file: kept } : {}),
      onFailure: (issuer) => process.stderr.write(`countersign: the keys of ${issuer} cannot be read\n`),
    },
  );
  await proofs.ready;
  const verify: ProofVerifier = async (decision, proof) => {
    const reason = await proofs.verify(decision, proof);
    // That nobody could be asked whose account it is says nothing against a proof.
    if (outage !== undefined) throw outage;
    return reason;
  };
  return { ...proofs, verify };
}

function readProviders(file: string): ProofProviderConfig[] {
  const { document, lines, data } = parseYaml(file, readTextFile(file));
  if (!validateProviders(data)) throw new CountersignError('config-invalid', describe(file, document, lines, validateProviders.errors?.at(-1)));
  return data;
}

function requireFile(file: string): string {
  readTextFile(file);
  return path.resolve(file);
}

/** The JSON in a file. Throws `config-invalid`. */
export function readJsonFile(file: string, most = maxBytes): unknown {
  try {
    return JSON.parse(readTextFile(file, most)) as unknown;
  } catch (error) {
    if (error instanceof CountersignError) throw error;
    throw new CountersignError('config-invalid', `${file} is not JSON.`);
  }
}

function readTextFile(file: string, most = maxBytes): string {
  try {
    if (statSync(file).size <= most) return readFileSync(file, 'utf8');
  } catch {
    throw new CountersignError('config-invalid', `${file} cannot be read.`);
  }
  throw new CountersignError('config-invalid', `${file} is larger than ${most} bytes.`);
}
