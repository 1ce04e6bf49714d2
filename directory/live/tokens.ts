import { randomUUID } from 'node:crypto';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { importJWK, importPKCS8, SignJWT, type JWK } from 'jose';
import { Type, type Static } from 'typebox';
import { createJsonClient, realClockwork, type Authorize, type Clockwork } from './client.js';
import type { Ask } from './source.js';

const TokenAnswer = Type.Object({ access_token: Type.String({ minLength: 1, maxLength: 16_384 }), expires_in: Type.Number({ minimum: 1 }) });
const validToken = new Ajv2020({ strict: true }).compile<Static<typeof TokenAnswer>>(TokenAnswer);
const assertionSeconds = 300;
// A token is not used in its last minute: it might run out on the way.
const sparedMs = 60_000;

/** A key that signs assertions about ourselves: JWK or PKCS #8. */
export type AssertionKey = { readonly jwk: JWK } | { readonly pem: string; readonly kid?: string };

/** A token that never changes. */
export function fixedToken(scheme: string, token: string): Authorize {
  const value = `${scheme} ${token}`;
  return async () => value;
}

/**
 * Tokens of our own from a token endpoint, kept until shortly before they run out and asked for once, however many wait.
 * @param form what the endpoint is sent, made anew each time
 */
export function clientToken(
  endpoint: string,
  form: (nowMs: number) => Promise<Readonly<Record<string, string>>>,
  { timeoutMs, clockwork = realClockwork }: { readonly timeoutMs: number; readonly clockwork?: Clockwork },
): Authorize {
  const { origin, href } = new URL(endpoint);
  const client = createJsonClient({ baseUrl: origin, timeoutMs, clockwork });
  let held: { readonly value: string; readonly untilMs: number } | undefined;
  let pending: Promise<string> | undefined;

  async function fetchToken(ask: Ask): Promise<string> {
    const askedAt = clockwork.now();
    const { body } = await client.post(href, new URLSearchParams(await form(askedAt)), validToken, ask);
    const value = `Bearer ${body.access_token}`;
    held = { value, untilMs: askedAt + Math.max(body.expires_in * 500, body.expires_in * 1_000 - sparedMs) };
    return value;
  }

  return async (ask, renew) => {
    if (!renew && held !== undefined && held.untilMs > clockwork.now()) return held.value;
    pending ??= fetchToken(ask).finally(() => (pending = undefined));
    return pending;
  };
}

/** A signed statement of who we are (RFC 7523), for token endpoints that take no shared secret. */
export async function assertion(
  key: AssertionKey,
  claims: { readonly issuer: string; readonly subject: string; readonly audience: string; readonly more?: Readonly<Record<string, string>> },
  nowMs: number,
): Promise<string> {
  const algorithm = 'jwk' in key ? (key.jwk.alg ?? 'RS256') : 'RS256';
  const kid = 'jwk' in key ? key.jwk.kid : key.kid;
  const at = Math.floor(nowMs / 1_000);
  return new SignJWT({ ...claims.more })
    .setProtectedHeader({ alg: algorithm, typ: 'JWT', ...(kid === undefined ? {} : { kid }) })
    .setIssuer(claims.issuer)
    .setSubject(claims.subject)
    .setAudience(claims.audience)
    .setIssuedAt(at)
    .setExpirationTime(at + assertionSeconds)
    .setJti(randomUUID())
    .sign('jwk' in key ? await importJWK(key.jwk, algorithm) : await importPKCS8(key.pem, algorithm));
}
