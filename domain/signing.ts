import { base64url, compactVerify, decodeProtectedHeader, importJWK, type JWK, type CryptoKey as JoseKey } from 'jose';
import { heldBefore, rememberHeld } from './held-signatures.js';
import { isJsonObject, type JsonObject } from './json.js';

/** Who signs what. The authors of policy sign offline; no server holds their key. */
export const keyRoles = ['policy', 'decision', 'executor', 'authors'] as const;
export type KeyRole = (typeof keyRoles)[number];

/** Every signed thing with its typed header, its signer and where it is meant to be read. */
export const purposes = {
  request: { typ: 'countersign-request+jwt', role: 'decision', iss: 'countersign-api', aud: 'countersign' },
  plan: { typ: 'countersign-plan+jwt', role: 'policy', iss: 'countersign-worker', aud: 'countersign' },
  release: { typ: 'countersign-release+jwt', role: 'policy', iss: 'countersign-worker', aud: 'countersign' },
  decision: { typ: 'countersign-decision+jwt', role: 'decision', iss: 'countersign-api', aud: 'countersign' },
  cancellation: { typ: 'countersign-cancellation+jwt', role: 'decision', iss: 'countersign-api', aud: 'countersign' },
  'policy-bundle': { typ: 'countersign-policy+jwt', role: 'authors', iss: 'countersign-authors', aud: 'countersign', maxLength: 2_097_152 },
  receipt: { typ: 'countersign-receipt+jwt', role: 'executor', iss: 'countersign-executor', aud: 'countersign' },
} as const satisfies Record<string, { typ: string; role: KeyRole; iss: string; aud: string; maxLength?: number }>;
export type Purpose = keyof typeof purposes;

/** Longest compact JWS that is read, in characters, unless the purpose allows more. */
const maxJwsLength = 65_536;

/** Ed25519, or ECDSA on P-256 for a key that a key-management service holds and never hands out. */
export type SigningAlgorithm = 'EdDSA' | 'ES256';

/** A private key with its id. It may be held elsewhere: all it does is sign, in the raw form that JOSE uses. */
export type SigningKey = {
  readonly role: KeyRole;
  readonly kid: string;
  readonly alg: SigningAlgorithm;
  readonly sign: (bytes: Uint8Array) => Promise<Uint8Array>;
};

export const keyStatuses = ['active', 'retired', 'compromised'] as const;
export type KeyStatus = (typeof keyStatuses)[number];

/** A public key, and for what and when it vouches. Times are seconds since 1970. */
export type TrustedKey = {
  readonly role: KeyRole;
  readonly alg: SigningAlgorithm;
  readonly key: JoseKey;
  readonly status: KeyStatus;
  readonly notBefore?: number;
  readonly notAfter?: number;
  /** What was issued from then on does not count. */
  readonly retiredAt?: number;
  readonly compromisedAt?: number;
  readonly successor?: string;
};

/** Public keys by id, each good for one role only. A set that is read anew while it is in use answers with what holds now. */
export type TrustedKeys = { get(kid: string): TrustedKey | undefined };

/** Imports a private Ed25519 JWK. Throws if it is no such key or has no id. */
export async function importSigningKey(jwk: JWK, role: KeyRole): Promise<SigningKey> {
  if (jwk.kty !== 'OKP' || jwk.crv !== 'Ed25519' || jwk.d === undefined || jwk.kid === undefined)
    throw new TypeError(`the ${role} key is not a private Ed25519 JWK with a kid`);
  const key = (await importJWK(jwk, 'EdDSA')) as JoseKey;
  return { role, kid: jwk.kid, alg: 'EdDSA', sign: async (bytes) => new Uint8Array(await crypto.subtle.sign('Ed25519', key, bytes.slice())) };
}

/**
 * Imports a JWKS whose keys carry `countersign_role`, and where they differ from an active key without end, `countersign_status` and the times of `TrustedKey`.
 * Throws on a key without role or id, of an algorithm that is not allowed, with a private part, or with members that cannot be understood.
 */
export async function importTrustedKeys(jwks: { readonly keys: readonly JWK[] }): Promise<ReadonlyMap<string, TrustedKey>> {
  const trusted = new Map<string, TrustedKey>();
  for (const jwk of jwks.keys) {
    const { kid } = jwk;
    if (typeof kid !== 'string' || kid === '') throw new TypeError('a trusted key lacks its id');
    if (trusted.has(kid)) throw new TypeError(`the key id ${kid} stands twice`);
    trusted.set(kid, await importTrustedKey(jwk, kid));
  }
  return trusted;
}

async function importTrustedKey(jwk: JWK, kid: string): Promise<TrustedKey> {
  const members = jwk as Readonly<Record<string, unknown>>;
  const role = keyRoles.find((known) => known === members['countersign_role']);
  if (role === undefined) throw new TypeError(`the trusted key ${kid} lacks its role`);
  if (jwk.d !== undefined) throw new TypeError(`the trusted key ${kid} holds a private part`);
  const alg = algorithmOf(jwk);
  if (alg === undefined || (jwk.alg !== undefined && jwk.alg !== alg)) throw new TypeError(`the trusted key ${kid} is of no algorithm that is allowed`);
  const status = members['countersign_status'] === undefined ? 'active' : keyStatuses.find((known) => known === members['countersign_status']);
  if (status === undefined) throw new TypeError(`the trusted key ${kid} has an unknown status`);
  const time = (name: string): number | undefined => {
    const value = members[name];
    if (value !== undefined && !Number.isSafeInteger(value)) throw new TypeError(`${name} of the trusted key ${kid} is not in whole seconds since 1970`);
    return value as number | undefined;
  };
  const [notBefore, notAfter] = [time('countersign_not_before'), time('countersign_not_after')];
  const [retiredAt, compromisedAt] = [time('countersign_retired_at'), time('countersign_compromised_at')];
  if (status === 'retired' && retiredAt === undefined) throw new TypeError(`the retired key ${kid} does not say since when`);
  const successor = members['countersign_successor'];
  if (successor !== undefined && typeof successor !== 'string') throw new TypeError(`the successor of the trusted key ${kid} is no key id`);
  return {
    role,
    alg,
    key: (await importJWK(jwk, alg)) as JoseKey,
    status,
    ...(notBefore === undefined ? {} : { notBefore }),
    ...(notAfter === undefined ? {} : { notAfter }),
    ...(retiredAt === undefined ? {} : { retiredAt }),
    ...(compromisedAt === undefined ? {} : { compromisedAt }),
    ...(successor === undefined ? {} : { successor }),
  };
}

function algorithmOf(jwk: JWK): SigningAlgorithm | undefined {
  if (jwk.kty === 'OKP' && jwk.crv === 'Ed25519') return 'EdDSA';
  // Keys that lie in files are Ed25519; only a service that signs for us may need the other.
  if (jwk.kty === 'EC' && jwk.crv === 'P-256' && (jwk as Record<string, unknown>)['countersign_held'] === 'kms') return 'ES256';
  return undefined;
}

/** Says why a key does not vouch for what it signed at this time, or nothing if it does. */
export function refuseKey(kid: string, entry: TrustedKey, issuedAt: number): string | undefined {
  if (entry.status === 'compromised') {
    const since = entry.compromisedAt === undefined ? '' : ` at ${new Date(entry.compromisedAt * 1000).toISOString()}`;
    return `signed by the key ${kid}, which was marked compromised${since}`;
  }
  if (entry.notBefore !== undefined && issuedAt < entry.notBefore) return `signed by the key ${kid} before it was valid`;
  if (entry.notAfter !== undefined && issuedAt >= entry.notAfter) return `signed by the key ${kid} after its validity`;
  if (entry.retiredAt !== undefined && issuedAt >= entry.retiredAt) return `signed by the key ${kid} after it was retired`;
  return undefined;
}

/** The same keys as a reader of old evidence sees them: what a compromised key signed verifies, and is for the reader to doubt. */
export function keysForEvidence(keys: TrustedKeys): TrustedKeys {
  return {
    get: (kid) => {
      const entry = keys.get(kid);
      return entry?.status === 'compromised' ? { ...entry, status: 'active' } : entry;
    },
  };
}

/** Signs a payload as a compact JWS with this typed header. */
export async function signCompact(key: SigningKey, typ: string, payload: unknown): Promise<string> {
  // Taken at once: a key that is replaced meanwhile must not sign under the id of the other.
  const { alg, kid, sign: signBytes } = key;
  const input = `${base64url.encode(JSON.stringify({ alg, kid, typ }))}.${base64url.encode(JSON.stringify(payload))}`;
  return `${input}.${base64url.encode(await signBytes(new TextEncoder().encode(input)))}`;
}

/**
 * Verifies a compact JWS: a known key of this role, its own algorithm and no other, the typed header, and that the key vouches for
 * the time at which the claims say they were issued. Returns the claims, or the reason as a string. Never throws on bad input.
 */
export async function verifyCompact(
  jws: string,
  keys: TrustedKeys,
  expected: { readonly role: KeyRole; readonly typ: string },
): Promise<{ readonly claims: JsonObject; readonly kid: string } | string> {
  try {
    const { kid, typ } = decodeProtectedHeader(jws);
    const entry = typeof kid === 'string' ? keys.get(kid) : undefined;
    // A key of another role must not vouch here, whatever it signed.
    if (kid === undefined || entry === undefined || entry.role !== expected.role) return 'the signature does not hold';
    const claims = heldBefore(entry.key, jws) ?? (await claimsOf(jws, entry));
    if (typ !== expected.typ) return 'signed for another purpose';
    if (claims === undefined) return 'no claims';
    const { iat } = claims;
    if (typeof iat !== 'number' || !Number.isSafeInteger(iat)) return 'claims are missing';
    return refuseKey(kid, entry, iat) ?? { claims, kid };
  } catch {
    return 'the signature does not hold';
  }
}

/** Checks the signature. Throws if it does not hold. */
async function claimsOf(jws: string, { key, alg }: TrustedKey): Promise<JsonObject | undefined> {
  const { payload } = await compactVerify(jws, key, { algorithms: [alg] });
  const claims: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
  if (!isJsonObject(claims)) return undefined;
  rememberHeld(key, jws, claims);
  return claims;
}

/**
 * Signs `content` for one purpose as a compact JWS, valid from `issuedAt` to `expiresAt` (seconds since 1970).
 * Requires a key of the role the purpose names.
 */
export async function sign(
  purpose: Purpose,
  key: SigningKey,
  content: unknown,
  times: { readonly issuedAt: number; readonly expiresAt: number; readonly id: string },
): Promise<string> {
  const { typ, role, iss, aud } = purposes[purpose];
  if (key.role !== role) throw new TypeError(`a ${key.role} key cannot sign a ${purpose}`);
  return signCompact(key, typ, { iss, aud, iat: times.issuedAt, exp: times.expiresAt, jti: times.id, [purpose]: content });
}

/** A signed thing whose signature and purpose hold. Its times are for the caller to judge. */
export type Verified = { readonly content: JsonObject; readonly issuedAt: number; readonly expiresAt: number; readonly id: string; readonly kid: string };

/**
 * Verifies signature, algorithm, key role, validity of the key, typed header, issuer and audience of a compact JWS.
 * Returns the reason as a string if anything does not hold. Never throws on bad input.
 */
export async function verify(purpose: Purpose, jws: unknown, keys: TrustedKeys): Promise<Verified | string> {
  const expected = purposes[purpose];
  const maxLength = 'maxLength' in expected ? expected.maxLength : maxJwsLength;
  if (typeof jws !== 'string' || jws.length > maxLength) return 'not a compact JWS';
  const verified = await verifyCompact(jws, keys, expected);
  if (typeof verified === 'string') return verified;
  const { claims, kid } = verified;
  if (claims['iss'] !== expected.iss || claims['aud'] !== expected.aud) return 'from or for somebody else';
  const { iat, exp, jti, [purpose]: content } = claims;
  if (typeof iat !== 'number' || typeof exp !== 'number' || typeof jti !== 'string' || !isJsonObject(content)) return 'claims are missing';
  return { content, issuedAt: iat, expiresAt: exp, id: jti, kid };
}

// What is signed carries the time at which it came to be; its signature is made at once.
const signingDelayMs = 60_000;

/**
 * True if something was signed when it says that it came to be. Keys are held against the time of the signature, rules against the
 * time that was stated: whoever took a retired key along must not choose the two apart.
 */
export function isSignedWhen(signed: Pick<Verified, 'issuedAt'>, stated: string): boolean {
  // What is no time compares as false, and is no time at which this was signed.
  return Math.abs(Date.parse(stated) - signed.issuedAt * 1000) <= signingDelayMs;
}
