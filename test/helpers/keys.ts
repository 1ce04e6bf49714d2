import { exportJWK, generateKeyPair, type JWK } from 'jose';
import { requestDigest, type ActionRequest } from '../../domain/request.js';
import { importSigningKey, importTrustedKeys, keyRoles, sign, type KeyRole, type SigningKey, type TrustedKeys } from '../../domain/signing.js';

/** The api's signature over a request that it accepted, made this long after it was taken. */
export function sealRequest(request: ActionRequest, key: SigningKey, lateMs = 0): Promise<string> {
  const issuedAt = Math.floor((Date.parse(request.requestedAt) + lateMs) / 1000);
  return sign('request', key, { actionId: request.id, digest: requestDigest(request) }, { issuedAt, expiresAt: issuedAt + 300, id: request.id });
}

/** Fresh keys of every role, as in a deployment: private halves apart, public halves in one set. */
export type TestKeys = {
  readonly signing: Readonly<Record<KeyRole, SigningKey>>;
  readonly trusted: TrustedKeys;
  readonly jwks: { readonly keys: readonly JWK[] };
};

export async function makeKeys(label = 'test'): Promise<TestKeys> {
  const made = await Promise.all(
    keyRoles.map(async (role) => {
      const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
      return { role, jwk: { ...(await exportJWK(privateKey)), kid: `${role}-${label}`, alg: 'EdDSA', use: 'sig' } };
    }),
  );
  const jwks = { keys: made.map(({ role, jwk: { d: _private, ...rest } }) => ({ ...rest, countersign_role: role }) as JWK) };
  const signing = Object.fromEntries(await Promise.all(made.map(async ({ role, jwk }) => [role, await importSigningKey(jwk, role)]))) as Record<
    KeyRole,
    SigningKey
  >;
  return { signing, trusted: await importTrustedKeys(jwks), jwks };
}
