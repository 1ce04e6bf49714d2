import { decodeJwt, errors, jwtVerify, type JWTPayload } from 'jose';
import type { IssuerConfig } from '../../config/schema.js';
import { CountersignError } from '../../domain/errors.js';
import { createDpopVerifier, type DpopVerifier } from './dpop.js';
import { createIssuerKeys, IssuerUnavailable, type IssuerKeysOptions } from './issuer-keys.js';

/** What a verified access token says. `kind` is decided by the configured claim alone. */
export type VerifiedToken = {
  readonly kind: 'agent' | 'person';
  readonly issuer: string;
  readonly subject: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
  /** Whether the configuration lets a decision be made with this token. */
  readonly mayDecide: boolean;
  readonly acr?: string;
  /**
   * Subjects, at the same issuer, of those who act with the token for its subject, the present one first (RFC 8693). A token
   * that has them is an agent's, whatever else it says.
   */
  readonly actors?: readonly string[];
  readonly claims: JWTPayload;
};

/** A refused token: what the caller learns is constant, `reason` is for the log. */
export class TokenRefused extends CountersignError {
  constructor(
    code: 'token-invalid' | 'token-expired',
    readonly reason: string,
    /** The scheme that the token has to be presented with. */
    readonly scheme: 'bearer' | 'dpop' = 'bearer',
  ) {
    super(code);
  }
}

const defaultToleranceSeconds = 30;
// One who acts and three before; a longer chain is nobody's intention.
const mostActors = 4;

/** How a token came, where it may be bound to a key: with which scheme and proofs, and for what. */
export type Presentation = { readonly scheme: 'bearer' | 'dpop'; readonly proofs: readonly string[]; readonly method: string; readonly url: string };

/** Verifies one token. Without a presentation it is taken as a plain bearer token, which one that is bound to a key is not. */
export type AccessTokenVerifier = (token: string, presented?: Presentation) => Promise<VerifiedToken>;

/**
 * Verifies access tokens against the configured issuers: signature, algorithm, type, issuer, audience, times,
 * required claims, and that it is an agent's or a person's and not both.
 * The returned function throws `TokenRefused`, or `issuer-unavailable` when the issuer cannot be reached.
 */
export function createAccessTokenVerifier(
  issuers: readonly IssuerConfig[],
  options: IssuerKeysOptions & { readonly dpop?: DpopVerifier },
): AccessTokenVerifier {
  const dpop = options.dpop ?? createDpopVerifier();
  const known = issuers.map((config) => ({ config, keys: createIssuerKeys(config, options) }));
  return async (token, presented) => {
    const unverified = peek(token);
    // The unverified claims only choose which issuer's keys have to vouch for them.
    const candidate =
      known.find(({ config }) => config.issuer === unverified.iss && audiences(unverified).includes(config.audience)) ??
      known.find(({ config }) => config.issuer === unverified.iss);
    if (candidate === undefined) throw new TokenRefused('token-invalid', 'issuer not configured');
    const verified = await verifyAccessToken(token, candidate.config, candidate.keys);
    await requirePossession(token, verified, candidate.config, presented, dpop);
    return verified;
  };
}

/** Verifies one access token against one issuer, but not that it is presented by whom it was bound to. Throws like a verifier. */
export async function verifyAccessToken(token: string, config: IssuerConfig, keys: ReturnType<typeof createIssuerKeys>): Promise<VerifiedToken> {
  const toleranceSeconds = config.clockToleranceSeconds ?? defaultToleranceSeconds;
  try {
    const { payload, protectedHeader } = await jwtVerify(token, keys, {
      issuer: config.issuer,
      audience: config.audience,
      algorithms: [...config.algorithms],
      clockTolerance: toleranceSeconds,
      requiredClaims: ['exp', 'iat', 'sub', ...(config.requiredClaims ?? [])],
      ...(config.maxTokenAgeSeconds === undefined ? {} : { maxTokenAge: config.maxTokenAgeSeconds }),
    });
    requireAccessToken(payload, protectedHeader.typ);
    if ((payload.iat as number) > Date.now() / 1000 + toleranceSeconds) throw new TokenRefused('token-invalid', 'issued in the future');
    const acr = payload['acr'];
    const kind = kindOf(payload, config);
    const subject = kind === 'person' && config.subjectClaim !== undefined ? payload[config.subjectClaim] : payload.sub;
    if (!isSubject(subject)) throw new TokenRefused('token-invalid', 'subject unfit');
    const actors = actorsOf(payload);
    return {
      // Somebody acts for the subject, so it is not the subject who is here; what the claim says of the subject no longer matters.
      kind: actors === undefined ? kind : 'agent',
      mayDecide: actors === undefined && mayDecide(payload, config),
      ...(actors === undefined ? {} : { actors }),
      issuer: config.issuer,
      subject,
      issuedAt: payload.iat as number,
      expiresAt: payload.exp as number,
      ...(typeof acr === 'string' ? { acr } : {}),
      claims: payload,
    };
  } catch (error) {
    throw refusal(error);
  }
}

// An ID token or a logout token of the same issuer is signed by the same keys and must not pass for an access token.
function requireAccessToken(payload: JWTPayload, typ: string | undefined): void {
  const type = typ?.toLowerCase().replace(/^application\//, '');
  if (type !== undefined && type !== 'at+jwt' && type !== 'jwt') throw new TokenRefused('token-invalid', 'not the type of an access token');
  for (const claim of ['at_hash', 'c_hash', 'events']) if (Object.hasOwn(payload, claim)) throw new TokenRefused('token-invalid', 'an ID or logout token');
  const inner = payload['typ'];
  if (typeof inner === 'string' && ['id', 'refresh', 'offline', 'logout'].includes(inner.toLowerCase()))
    throw new TokenRefused('token-invalid', 'another kind of token');
}

/**
 * A token that is bound to a key (RFC 7800) counts only with a proof of that key: as a plain bearer token it may be stolen.
 * Throws `TokenRefused` and `DpopRefused`.
 */
async function requirePossession(
  token: string,
  { claims }: VerifiedToken,
  config: IssuerConfig,
  presented: Presentation | undefined,
  dpop: DpopVerifier,
): Promise<void> {
  if (!Object.hasOwn(claims, 'cnf')) {
    if (config.dpop === 'required') throw new TokenRefused('token-invalid', 'not bound to a key', 'dpop');
    if (presented?.scheme === 'dpop') throw new TokenRefused('token-invalid', 'not bound to a key, yet presented as if it were');
    return;
  }
  const thumbprint = thumbprintOf(claims['cnf']);
  if (presented?.scheme !== 'dpop') throw new TokenRefused('token-invalid', 'bound to a key, yet presented as a bearer token', 'dpop');
  await dpop(presented.proofs, {
    token,
    thumbprint,
    method: presented.method,
    url: presented.url,
    clockToleranceSeconds: config.clockToleranceSeconds ?? defaultToleranceSeconds,
    nonce: config.dpopNonce ?? false,
  });
}

// One way to be bound, and no other beside it that nobody would check.
function thumbprintOf(cnf: unknown): string {
  const { jkt } = (typeof cnf === 'object' && cnf !== null ? cnf : {}) as { readonly jkt?: unknown };
  if (typeof jkt !== 'string' || !/^[\w-]{43}$/.test(jkt) || Object.keys(cnf as object).length > 1)
    throw new TokenRefused('token-invalid', 'bound to a key in a way that is not known');
  return jkt;
}

// No subject of a real provider is longer; control characters would forge log lines and keys.
function isSubject(value: unknown): value is string {
  return typeof value === 'string' && /^[^\p{C}]{1,255}$/u.test(value);
}

/** The chain of `act`, the present actor first. One that cannot be read in full makes the token worthless, since people would be missing from it. */
function actorsOf(payload: JWTPayload): readonly string[] | undefined {
  if (!Object.hasOwn(payload, 'act')) return undefined;
  const actors: string[] = [];
  for (let act: unknown = payload['act']; act !== undefined; act = (act as Record<string, unknown>)['act']) {
    if (actors.length === mostActors) throw new TokenRefused('token-invalid', 'delegated too many times');
    if (typeof act !== 'object' || act === null || Array.isArray(act)) throw new TokenRefused('token-invalid', 'actor unfit');
    const { sub, iss } = act as { readonly sub?: unknown; readonly iss?: unknown };
    if (!isSubject(sub)) throw new TokenRefused('token-invalid', 'actor unfit');
    // An issuer speaks for its own subjects only.
    if (iss !== undefined && iss !== payload.iss) throw new TokenRefused('token-invalid', 'actor of another issuer');
    actors.push(sub);
  }
  return actors;
}

function kindOf(payload: JWTPayload, config: IssuerConfig): 'agent' | 'person' {
  const value = claimAt(payload, config.principal.claim);
  const values = (Array.isArray(value) ? value : [value]).filter((item): item is string => typeof item === 'string');
  if (value === undefined && config.principal.absent !== undefined) return config.principal.absent;
  const means = (meant: readonly string[]) => values.some((item) => meant.includes(item) || (meant.includes('*') && item !== ''));
  const [agent, person] = [means(config.principal.agent), means(config.principal.person)];
  if (agent === person) throw new TokenRefused('token-invalid', agent ? 'both an agent and a person' : 'neither an agent nor a person');
  return agent ? 'agent' : 'person';
}

// Scopes stand in one string, separated by spaces.
function mayDecide(payload: JWTPayload, { decide }: IssuerConfig): boolean {
  if (decide === undefined) return false;
  const value = claimAt(payload, decide.claim);
  const held = (Array.isArray(value) ? value : [value]).flatMap((item) => (typeof item === 'string' ? [item, ...item.split(' ')] : []));
  return held.some((item) => decide.values.includes(item));
}

// A claim by its own name first, since names with dots exist; then as a path, such as realm_access.roles.
function claimAt(payload: JWTPayload, name: string): unknown {
  if (Object.hasOwn(payload, name)) return payload[name];
  let value: unknown = payload;
  for (const part of name.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<string, unknown>)[part];
  }
  return value;
}

function peek(token: string): JWTPayload {
  try {
    return decodeJwt(token);
  } catch {
    throw new TokenRefused('token-invalid', 'not a JWT');
  }
}

function audiences(payload: JWTPayload): readonly unknown[] {
  return Array.isArray(payload.aud) ? payload.aud : [payload.aud];
}

function refusal(error: unknown): Error {
  if (error instanceof CountersignError) return error;
  const code = error instanceof errors.JOSEError ? error.code : undefined;
  if (error instanceof IssuerUnavailable || error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid || code === 'ERR_JOSE_GENERIC')
    return new CountersignError('issuer-unavailable', 'The identity provider cannot be reached.', { cause: error });
  if (error instanceof errors.JWTExpired) return new TokenRefused('token-expired', `claim ${error.claim}: ${error.reason}`);
  if (error instanceof errors.JWTClaimValidationFailed) return new TokenRefused('token-invalid', `claim ${error.claim}: ${error.reason}`);
  if (code !== undefined) return new TokenRefused('token-invalid', code);
  return error instanceof TypeError ? new TokenRefused('token-invalid', 'malformed') : (error as Error);
}
