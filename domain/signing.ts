import { CompactSign, compactVerify, importJWK, type JWK, type CryptoKey as JoseKey } from 'jose';
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

/** A private key with its id. */
export type SigningKey = { readonly kid: string; readonly role: KeyRole; readonly key: JoseKey };

/** Public keys by id, each good for one role only. */
export type TrustedKeys = ReadonlyMap<string, { readonly role: KeyRole; readonly key: JoseKey }>;

/** Imports a private Ed25519 JWK. Throws if it is no such key or has no id. */
export async function importSigningKey(jwk: JWK, role: KeyRole): Promise<SigningKey> {
  if (jwk.kty !== 'OKP' || jwk.crv !== 'Ed25519' || jwk.d === undefined || jwk.kid === undefined)
    throw new TypeError(`the ${role} key is not a private Ed25519 JWK with a kid`);
  return { kid: jwk.kid, role, key: (await importJWK(jwk, 'EdDSA')) as JoseKey };
}

/** Imports a JWKS whose keys carry `countersign_role`. Throws on a key without role, without id, or not Ed25519. */
export async function importTrustedKeys(jwks: { readonly keys: readonly JWK[] }): Promise<TrustedKeys> {
  const trusted = new Map<string, { role: KeyRole; key: JoseKey }>();
  for (const jwk of jwks.keys) {
    const role = keyRoles.find((known) => known === (jwk as Record<string, unknown>)['countersign_role']);
    if (role === undefined || jwk.kid === undefined || jwk.kty !== 'OKP' || jwk.crv !== 'Ed25519')
      throw new TypeError('a trusted key lacks its role, its id, or is not Ed25519');
    if (jwk.d !== undefined) throw new TypeError(`the trusted key ${jwk.kid} holds a private part`);
    if (trusted.has(jwk.kid)) throw new TypeError(`the key id ${jwk.kid} stands twice`);
    trusted.set(jwk.kid, { role, key: (await importJWK(jwk, 'EdDSA')) as JoseKey });
  }
  return trusted;
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
  const payload = { iss, aud, iat: times.issuedAt, exp: times.expiresAt, jti: times.id, [purpose]: content };
  return new CompactSign(new TextEncoder().encode(JSON.stringify(payload))).setProtectedHeader({ alg: 'EdDSA', kid: key.kid, typ }).sign(key.key);
}

/** A signed thing whose signature and purpose hold. Its times are for the caller to judge. */
export type Verified = { readonly content: JsonObject; readonly issuedAt: number; readonly expiresAt: number; readonly id: string; readonly kid: string };

/**
 * Verifies signature, algorithm, key role, typed header, issuer and audience of a compact JWS.
 * Returns the reason as a string if anything does not hold. Never throws on bad input.
 */
export async function verify(purpose: Purpose, jws: unknown, keys: TrustedKeys): Promise<Verified | string> {
  const expected = purposes[purpose];
  const maxLength = 'maxLength' in expected ? expected.maxLength : maxJwsLength;
  if (typeof jws !== 'string' || jws.length > maxLength) return 'not a compact JWS';
  try {
    let kid = '';
    const { payload, protectedHeader } = await compactVerify(
      jws,
      (header) => {
        const entry = typeof header.kid === 'string' ? keys.get(header.kid) : undefined;
        // A key of another role must not vouch here, whatever it signed.
        if (entry === undefined || entry.role !== expected.role) throw new TypeError('no trusted key');
        kid = header.kid as string;
        return entry.key;
      },
      { algorithms: ['EdDSA'] },
    );
    if (protectedHeader.typ !== expected.typ) return 'signed for another purpose';
    const claims: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
    if (!isJsonObject(claims)) return 'no claims';
    if (claims['iss'] !== expected.iss || claims['aud'] !== expected.aud) return 'from or for somebody else';
    const { iat, exp, jti, [purpose]: content } = claims;
    if (typeof iat !== 'number' || typeof exp !== 'number' || typeof jti !== 'string' || !isJsonObject(content)) return 'claims are missing';
    return { content, issuedAt: iat, expiresAt: exp, id: jti, kid };
  } catch {
    return 'the signature does not hold';
  }
}
