import { createHash } from 'node:crypto';
import type { JWK } from 'jose';
import type { SigningAlgorithm } from '../domain/signing.js';
import type { ProcessRole } from './key-files.js';

/** The public half of a key as it is published: named members only, and an id that follows from the key itself. */
export function publicJwk(jwk: JWK, role: ProcessRole, alg: SigningAlgorithm): JWK {
  const { kty, crv, x, y } = jwk;
  const half = { kty, crv, x, ...(y === undefined ? {} : { y }) } as JWK;
  return { ...half, kid: `${role}-${thumbprint(half).slice(0, 16)}`, alg, use: 'sig', countersign_role: role } as JWK;
}

/** RFC 7638: the members in lexical order, without white space. */
function thumbprint({ crv, kty, x, y }: JWK): string {
  return createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url');
}
