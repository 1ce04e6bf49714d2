import type { LoadedConfig } from '../../../config/load.js';
import type { ProofProviderConfig } from '../../../config/schema.js';
import type { Directory } from '../../../directory/port.js';
import { CountersignError } from '../../../domain/errors.js';
import type { ProofVerifier } from '../../../domain/proof.js';
import { relyingPartyAt, verifyAssertion } from '../../../domain/verify-passkey.js';
import { verifyProof, type PasskeyRules, type ProofProvider } from '../../../domain/verify-proof.js';
import { openPasskeyList } from './passkey-list.js';
import { openProviderKeys, type KeySource, type ProviderKeys } from './provider-keys.js';

const defaultMaxAgeSeconds = 300;
const lookEveryMs = 600_000;
const defaultRegistrationDays = 180;
const daySeconds = 86_400;

/** The proof checks of one process. */
export type Proofs = {
  readonly verify: ProofVerifier;
  /** Settles when every provider was looked at once, whether it answered or not. */
  readonly ready: Promise<void>;
  close(): void;
};

/** What it needs of the configuration. */
export type ProofsConfig = Pick<LoadedConfig, 'environment' | 'resolve'> & { readonly executor: Pick<LoadedConfig['executor'], 'providers' | 'passkeys'> };

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
  const passkeys = passkeysOf(config);
  const ready = keys.refresh();
  const timer = setInterval(() => void keys.refresh(), lookEveryMs).unref();
  return {
    verify: (decision, proof) => verifyProof(decision, proof, { providers, ...(passkeys === undefined ? {} : { passkeys }) }),
    ready,
    close: () => {
      clearInterval(timer);
      keys.close();
    },
  };
}

function providerOf(config: ProofProviderConfig, directory: Pick<Directory, 'personByAccount'>, keys: ProviderKeys): ProofProvider {
  const { issuer, audience, algorithms, mfaAcr, maxAgeSeconds, personClaim, subjectClaim, distrustedKeys } = config;
  return {
    issuer,
    audience,
    algorithms,
    mfaAcr: mfaAcr ?? [],
    maxAgeSeconds: maxAgeSeconds ?? defaultMaxAgeSeconds,
    keyFor: async (kid, atSeconds) => (distrustedKeys?.includes(kid) === true ? undefined : keys.keyFor(issuer, kid, atSeconds)),
    personOf: async (subject, claims) => {
      if (personClaim !== undefined) return textOf(claims[personClaim]);
      const account = subjectClaim === undefined ? subject : textOf(claims[subjectClaim]);
      return account === undefined ? undefined : activeId(await directory.personByAccount(issuer, account, { fresh: true }));
    },
  };
}

function passkeysOf(config: ProofsConfig): PasskeyRules | undefined {
  const configured = config.executor.passkeys;
  if (configured === undefined) return undefined;
  const { origin, maxRegistrationAgeDays, file } = configured;
  const party = relyingPartyAt(origin);
  if (party === undefined)
    throw new CountersignError('config-invalid', 'executor.passkeys: origin must be the https address of the inbox, with a name; http is for localhost only.');
  return {
    maxRegistrationAgeSeconds: (maxRegistrationAgeDays ?? defaultRegistrationDays) * daySeconds,
    checkAssertion: async (proof, challenge) => {
      const asserted = await verifyAssertion(proof, proof.registration.publicKey, challenge, party);
      return 'reason' in asserted ? asserted.reason : undefined;
    },
    ...(file === undefined ? {} : { refuse: openPasskeyList(config.resolve(file)) }),
  };
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
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
