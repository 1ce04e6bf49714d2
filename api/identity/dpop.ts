import { createHash, createHmac, randomBytes } from 'node:crypto';
import { calculateJwkThumbprint, EmbeddedJWK, errors, jwtVerify, type JWK, type JWTPayload } from 'jose';
import { CountersignError } from '../../domain/errors.js';
import { createReplayMemory } from './replay-memory.js';

/** Algorithms of proofs, named to callers in the challenge. */
export const dpopAlgorithms = ['ES256', 'EdDSA', 'Ed25519', 'PS256', 'RS256'] as const;

const longestProof = 8_192;
const proofLifetimeSeconds = 60;
const nonceLifetimeSeconds = 300;

/** A proof that was refused: what the caller learns is constant, `reason` is for the log. */
export class DpopRefused extends CountersignError {
  constructor(
    code: 'dpop-proof-invalid' | 'dpop-nonce-required',
    readonly reason: string,
    /** The nonce to use, when one is asked for. */
    readonly nonce?: string,
  ) {
    super(code);
  }
}

/** What a proof has to be about. */
export type DpopExpectation = {
  readonly token: string;
  /** SHA-256 thumbprint of the key that the token is bound to. */
  readonly thumbprint: string;
  readonly method: string;
  /** The address of the request as callers know it; query and fragment do not matter. */
  readonly url: string;
  readonly clockToleranceSeconds: number;
  readonly nonce: boolean;
};

/** Checks proofs of possession. Throws `DpopRefused`, or `rate-limited` while more proofs are remembered than may be. */
export type DpopVerifier = (proofs: readonly string[], expected: DpopExpectation) => Promise<void>;

/**
 * Checks proofs as RFC 9449 has it: typed header, algorithm, the key that the token is bound to, method, address, time, the hash of
 * this very token, and that each is used once.
 * @param nonceSecret the same in every process behind one address, so that each knows the nonces of the others
 */
export function createDpopVerifier(nonceSecret: Uint8Array = randomBytes(32), now: () => number = Date.now): DpopVerifier {
  const memory = createReplayMemory({ now });
  const nonceOf = (bucket: number): string => createHmac('sha256', nonceSecret).update(`dpop nonce ${bucket}`).digest('base64url');
  return async (proofs, expected) => {
    const [proof] = proofs;
    if (proof === undefined) throw new DpopRefused('dpop-proof-invalid', 'no proof');
    if (proofs.length > 1 || proof.length > longestProof) throw new DpopRefused('dpop-proof-invalid', 'more than one proof, or one that is too long');
    const { claims, jwk } = await readProof(proof, expected.clockToleranceSeconds, now());
    if ((await calculateJwkThumbprint(jwk, 'sha256')) !== expected.thumbprint) throw new DpopRefused('dpop-proof-invalid', 'a proof of another key');
    if (claims['htm'] !== expected.method) throw new DpopRefused('dpop-proof-invalid', 'for another method');
    if (!sameAddress(claims['htu'], expected.url)) throw new DpopRefused('dpop-proof-invalid', 'for another address');
    if (claims['ath'] !== createHash('sha256').update(expected.token).digest('base64url'))
      throw new DpopRefused('dpop-proof-invalid', 'for another access token');
    if (expected.nonce) {
      const bucket = Math.floor(now() / 1_000 / nonceLifetimeSeconds);
      if (![nonceOf(bucket), nonceOf(bucket - 1)].includes(claims['nonce'] as string))
        throw new DpopRefused('dpop-nonce-required', 'without a nonce of ours that is still good', nonceOf(bucket));
    }
    const { jti } = claims;
    if (typeof jti !== 'string' || jti === '') throw new DpopRefused('dpop-proof-invalid', 'without an id');
    // Remembered last and for as long as it would be accepted: only what holds takes up memory.
    const until = ((claims.iat as number) + proofLifetimeSeconds + 2 * expected.clockToleranceSeconds + 1) * 1_000;
    switch (memory.use(expected.thumbprint, jti, until)) {
      case 'first':
        return;
      case 'again':
        throw new DpopRefused('dpop-proof-invalid', 'used before');
      case 'full':
        throw new CountersignError('rate-limited', 'More proofs than can be remembered; use the token less often.');
    }
  };
}

async function readProof(proof: string, clockTolerance: number, nowMs: number): Promise<{ readonly claims: JWTPayload; readonly jwk: JWK }> {
  try {
    const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, {
      typ: 'dpop+jwt',
      algorithms: [...dpopAlgorithms],
      clockTolerance,
      maxTokenAge: proofLifetimeSeconds,
      currentDate: new Date(nowMs),
      requiredClaims: ['iat', 'jti', 'htm', 'htu', 'ath'],
    });
    return { claims: payload, jwk: protectedHeader.jwk as JWK };
  } catch (error) {
    const reason =
      error instanceof errors.JWTClaimValidationFailed ? `claim ${error.claim}: ${error.reason}` : error instanceof errors.JOSEError ? error.code : 'malformed';
    throw new DpopRefused('dpop-proof-invalid', reason);
  }
}

// RFC 9449 section 4.3: compared after normalisation by syntax and scheme (RFC 3986), without query and fragment.
function sameAddress(htu: unknown, url: string): boolean {
  if (typeof htu !== 'string' || htu.length > 2_048) return false;
  try {
    const [told, asked] = [new URL(htu), new URL(url)];
    if (told.username !== '' || told.password !== '') return false;
    return told.origin === asked.origin && plainPath(told.pathname) === plainPath(asked.pathname);
  } catch {
    return false;
  }
}

function plainPath(path: string): string {
  return path.replace(/%[0-9a-f]{2}/gi, (escaped) => {
    const character = String.fromCharCode(Number.parseInt(escaped.slice(1), 16));
    return /[A-Za-z0-9._~-]/.test(character) ? character : escaped.toUpperCase();
  });
}
