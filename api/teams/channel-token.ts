import { createRemoteJWKSet, errors, jwtVerify, type JWTPayload } from 'jose';
import { secureUrl, type TeamsCredentials } from '../../config/teams-token.js';
import { CountersignError } from '../../domain/errors.js';

const microsoftIssuer = 'https://api.botframework.com';
const microsoftMetadata = 'https://login.botframework.com/v1/.well-known/openidconfiguration';
// Microsoft allows five minutes; more would keep stolen tokens alive.
const clockToleranceSeconds = 300;
const metadataMaxAgeMs = 24 * 3_600_000;
const fetchTimeoutMs = 5_000;
const maxTokenLength = 16_384;

/** What a verified token of the channel says. */
export type ChannelToken = {
  /** The address that Microsoft signed as the one to answer to. */
  readonly serviceUrl: string;
  /** Channels for which the key that signed may speak. */
  readonly endorsements: readonly string[];
};

/** Why a token was refused, for the log; never holds the token. */
export class ChannelTokenRefused extends CountersignError {
  constructor(
    code: 'token-missing' | 'token-invalid' | 'token-expired',
    readonly reason: string,
  ) {
    super(code);
  }
}

export type VerifyChannelToken = (authorization: string | undefined) => Promise<ChannelToken>;

/**
 * Verifies tokens that the Bot Framework sends with every activity: RS256 by a key of the published set, our issuer,
 * our app id as audience, not expired. Keys are cached and fetched again when they rotate, at most once per cool-down.
 * The verifier throws `token-missing`, `token-invalid`, `token-expired`, or `channel-unavailable` while keys cannot be fetched.
 */
export function createChannelTokenVerifier(
  config: Pick<TeamsCredentials, 'appId' | 'tokenIssuer' | 'openIdMetadataUrl'>,
  { cooldownMs = 30_000, now = () => new Date() }: { readonly cooldownMs?: number; readonly now?: () => Date } = {},
): VerifyChannelToken {
  const issuer = config.tokenIssuer ?? microsoftIssuer;
  const metadataUrl = secureUrl(config.openIdMetadataUrl ?? microsoftMetadata, 'teams.openIdMetadataUrl');
  const keys = createKeySource(metadataUrl, issuer, cooldownMs);

  return async (authorization) => {
    const token = bearer(authorization);
    const keySet = await keys();
    try {
      const { payload, protectedHeader } = await jwtVerify(token, keySet, {
        issuer,
        audience: config.appId,
        algorithms: ['RS256'],
        clockTolerance: clockToleranceSeconds,
        requiredClaims: ['exp'],
        currentDate: now(),
      });
      const key = keySet.jwks()?.keys.find((candidate) => candidate.kid === protectedHeader.kid) as { endorsements?: unknown } | undefined;
      return { serviceUrl: serviceUrlOf(payload), endorsements: strings(key?.endorsements) };
    } catch (error) {
      throw refusal(error);
    }
  };
}

function bearer(authorization: string | undefined): string {
  if (authorization === undefined || authorization === '') throw new ChannelTokenRefused('token-missing', 'no authorization header');
  if (authorization.length > maxTokenLength) throw new ChannelTokenRefused('token-invalid', 'token too long');
  const [, token] = /^Bearer ([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)$/i.exec(authorization) ?? [];
  if (token === undefined) throw new ChannelTokenRefused('token-invalid', 'not a signed bearer token');
  return token;
}

function serviceUrlOf(payload: JWTPayload): string {
  const claim = payload['serviceurl'];
  if (typeof claim !== 'string' || claim === '') throw new ChannelTokenRefused('token-invalid', 'no serviceurl claim');
  return claim;
}

function strings(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
}

function refusal(error: unknown): CountersignError {
  if (error instanceof CountersignError) return error;
  if (error instanceof errors.JWTExpired) return new ChannelTokenRefused('token-expired', 'expired');
  if (error instanceof errors.JWTClaimValidationFailed) return new ChannelTokenRefused('token-invalid', `claim ${error.claim} ${error.reason}`);
  if (error instanceof errors.JWKSNoMatchingKey) return new ChannelTokenRefused('token-invalid', 'unknown key');
  if (error instanceof errors.JWSSignatureVerificationFailed) return new ChannelTokenRefused('token-invalid', 'bad signature');
  if (error instanceof errors.JOSEAlgNotAllowed) return new ChannelTokenRefused('token-invalid', 'algorithm not allowed');
  if (error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid || isFetchFailure(error)) return unavailable(error);
  if (error instanceof errors.JOSEError) return new ChannelTokenRefused('token-invalid', error.code);
  return unavailable(error);
}

// jose reports an answer other than 200 as a plain JOSEError, a broken connection as fetch's TypeError.
function isFetchFailure(error: unknown): boolean {
  return error instanceof TypeError || (error instanceof errors.JOSEError && error.code === 'ERR_JOSE_GENERIC');
}

function unavailable(cause: unknown): CountersignError {
  return new CountersignError('channel-unavailable', 'The keys that sign for Teams cannot be fetched.', { cause });
}

function createKeySource(metadataUrl: URL, issuer: string, cooldownMs: number) {
  type KeySet = ReturnType<typeof createRemoteJWKSet>;
  let cached: { readonly at: number; readonly uri: string; readonly keys: KeySet } | undefined;
  let loading: Promise<KeySet> | undefined;

  async function load(): Promise<KeySet> {
    try {
      const response = await fetch(metadataUrl, { redirect: 'error', signal: AbortSignal.timeout(fetchTimeoutMs), headers: { accept: 'application/json' } });
      const metadata = (await response.json()) as { issuer?: unknown; jwks_uri?: unknown };
      if (!response.ok || metadata.issuer !== issuer || typeof metadata.jwks_uri !== 'string') throw new Error(`unusable metadata (HTTP ${response.status})`);
      const uri = secureUrl(metadata.jwks_uri, 'jwks_uri').href;
      // The same address keeps its keys and, with them, their cool-down.
      const keys = cached?.uri === uri ? cached.keys : createRemoteJWKSet(new URL(uri), { cooldownDuration: cooldownMs, timeoutDuration: fetchTimeoutMs });
      cached = { at: Date.now(), uri, keys };
      return keys;
    } catch (error) {
      // Old metadata with keys that still verify is better than refusing everybody.
      if (cached !== undefined) return cached.keys;
      throw unavailable(error);
    }
  }

  return async (): Promise<KeySet> => {
    if (cached !== undefined && Date.now() - cached.at < metadataMaxAgeMs) return cached.keys;
    loading ??= load().finally(() => (loading = undefined));
    return loading;
  };
}
