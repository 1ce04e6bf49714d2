import type { LoadedConfig } from '../../../config/load.js';
import type { ProofProviderConfig } from '../../../config/schema.js';
import type { Directory } from '../../../directory/port.js';
import { CountersignError } from '../../../domain/errors.js';
import type { ProofVerifier } from '../../../domain/proof.js';
import { verifyProof, type ProofProvider } from '../../../domain/verify-proof.js';
import { openProviderKeys, type KeySource, type ProviderKeys } from './provider-keys.js';

const defaultMaxAgeSeconds = 300;
const lookEveryMs = 600_000;

/** The proof checks of one process. */
export type Proofs = {
  readonly verify: ProofVerifier;
  /** Settles when every provider was looked at once, whether it answered or not. */
  readonly ready: Promise<void>;
  close(): void;
};

/** What it needs of the configuration. */
export type ProofsConfig = Pick<LoadedConfig, 'environment' | 'resolve'> & { readonly executor: Pick<LoadedConfig['executor'], 'providers'> };

/**
 * Checks proofs with the providers of `executor.providers` alone: what the api says of a sign-in is never asked. Keys that rotate are kept in
 * `file`, or as long as the process lives. Throws `config-invalid` for a provider whose keys could be swapped on the way.
 */
export function openProofs(
  config: ProofsConfig,
  directory: Pick<Directory, 'personByAccount'>,
  options: { readonly file?: string; readonly onFailure?: (issuer: string, error: unknown) => void } = {},
): Proofs {
  const configured = config.executor.providers ?? [];
  const keys = openProviderKeys(new Map(configured.map((provider) => [provider.issuer, sourceOf(config, provider)])), options);
  const providers = configured.map((provider) => providerOf(provider, directory, keys));
  const ready = keys.refresh();
  const timer = setInterval(() => void keys.refresh(), lookEveryMs).unref();
  return {
    verify: (decision, proof) => verifyProof(decision, proof, { providers }),
    ready,
    close: () => {
      clearInterval(timer);
      keys.close();
    },
  };
}

function providerOf(config: ProofProviderConfig, directory: Pick<Directory, 'personByAccount'>, keys: ProviderKeys): ProofProvider {
  const { issuer, audience, algorithms, mfaAcr, maxAgeSeconds, personClaim, distrustedKeys } = config;
  return {
    issuer,
    audience,
    algorithms,
    mfaAcr: mfaAcr ?? [],
    maxAgeSeconds: maxAgeSeconds ?? defaultMaxAgeSeconds,
    keyFor: async (kid, atSeconds) => (distrustedKeys?.includes(kid) === true ? undefined : keys.keyFor(issuer, kid, atSeconds)),
    personOf: async (subject, claims) => {
      if (personClaim === undefined) return activeId(await directory.personByAccount(issuer, subject));
      const value = claims[personClaim];
      return typeof value === 'string' && value !== '' ? value : undefined;
    },
  };
}

function activeId(person: Awaited<ReturnType<Directory['personByAccount']>>): string | undefined {
  return person?.active === true ? person.id : undefined;
}

function sourceOf(config: ProofsConfig, { issuer, jwksFile, jwksUri }: ProofProviderConfig): KeySource {
  if (jwksFile !== undefined) return { kind: 'file', file: config.resolve(jwksFile) };
  if (jwksUri === undefined) throw new CountersignError('config-invalid', `executor.providers names neither jwksFile nor jwksUri for ${issuer}.`);
  const url = URL.canParse(jwksUri) ? new URL(jwksUri) : undefined;
  const loopback = url?.protocol === 'http:' && ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname) && config.environment === 'development';
  if (url?.protocol !== 'https:' && !loopback) throw new CountersignError('config-invalid', `executor.providers: jwksUri of ${issuer} must be https.`);
  return { kind: 'uri', uri: jwksUri };
}
