import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT, type JWK } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bearerToken } from '../../api/identity/bearer.js';
import { createAccessTokenVerifier, type AccessTokenVerifier } from '../../api/identity/verify-access-token.js';
import { CountersignError } from '../../domain/errors.js';
import { TestIssuer } from '../api/http/support/issuer.js';
import { budget } from './budget.js';
import { anything, decode, edited, edits, forged, forgery, meaning, nasty } from './mutate.js';

let issuer: TestIssuer;
let verify: AccessTokenVerifier;
let tokens: string[];
beforeAll(async () => {
  issuer = await TestIssuer.start();
  verify = createAccessTokenVerifier([issuer.config({ requiredClaims: ['client_id'] })], { allowLoopbackHttp: true });
  tokens = [
    await issuer.agent(),
    await issuer.person('alice'),
    await issuer.person('bob', { jti: 'x', act: { sub: 'invoice-bot', act: { sub: 'release-bot' } } }),
  ];
  await verify(tokens[0] as string);
});
afterAll(() => issuer.stop());

/** The verified token, or its refusal; anything else that is thrown fails the test. */
async function answer(token: string): Promise<Awaited<ReturnType<AccessTokenVerifier>> | CountersignError> {
  try {
    return await verify(token);
  } catch (error) {
    if (!(error instanceof CountersignError)) throw error;
    expect(['token-invalid', 'token-expired']).toContain(error.code);
    expect(error.detail).toMatch(/^The access token [a-z ]+$/);
    return error;
  }
}

describe('the token verifier under attack', () => {
  it('accepts nothing that was changed by somebody without the key of the issuer', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(2), fc.nat(2), forgery, async (at, from, how) => {
        const presented = forged(tokens[at] as string, tokens[from] as string, how);
        const result = await answer(presented);
        if (!(result instanceof CountersignError)) expect(tokens.map(meaning)).toContain(meaning(presented));
      }),
      budget(2_000),
    );
  });

  it('accepts of what the issuer signed only an access token for us, of one kind, in time', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(2), edits, async (at, changes) => {
        const claims = edited(decode((tokens[at] as string).split('.')[1]) as Record<string, unknown>, changes);
        // What is absent in the changed claims must be absent in the token too.
        const drop = ['iss', 'aud', 'sub', 'iat', 'exp', 'countersign_kind', 'client_id'].filter((name) => !Object.hasOwn(claims, name));
        const token = await issuer.token(claims as never, { drop }).catch(() => undefined);
        if (token === undefined) return;
        const result = await answer(token);
        if (result instanceof CountersignError) return;
        const now = Date.now() / 1_000;
        expect(claims['iss']).toBe(issuer.url);
        expect([claims['aud']].flat()).toContain('countersign');
        expect(claims['exp']).toBeGreaterThan(now - 10);
        expect(claims['iat']).toBeLessThan(now + 10);
        expect(result.subject).toBe(claims['sub']);
        expect(result.subject).toMatch(/^[^\p{C}]{1,255}$/u);
        const kinds = [claims['countersign_kind']].flat();
        if (Object.hasOwn(claims, 'act')) {
          expect(result).toMatchObject({
            kind: 'agent',
            mayDecide: false,
            actors: [(claims['act'] as { sub: string }).sub, ...(result.actors?.slice(1) ?? [])],
          });
          return;
        }
        expect(kinds).toContain(result.kind);
        expect(kinds).not.toContain(result.kind === 'agent' ? 'person' : 'agent');
        for (const name of ['cnf', 'at_hash', 'c_hash', 'events']) expect(Object.hasOwn(claims, name)).toBe(false);
      }),
      budget(1_200),
    );
  });

  it('takes no proof of possession that was changed, and each one once', async () => {
    const [mine, other] = await Promise.all([generateKeyPair('ES256', { extractable: true }), generateKeyPair('ES256', { extractable: true })]);
    const jwks = await Promise.all([mine, other].map((pair) => exportJWK(pair.publicKey)));
    const token = await issuer.agent('invoice-bot', { cnf: { jkt: await calculateJwkThumbprint(jwks[0] as JWK) } });
    const url = 'https://countersign.example/v1/actions';
    const claims = (jti: string) => ({
      jti,
      htm: 'POST',
      htu: url,
      iat: Math.floor(Date.now() / 1_000),
      ath: createHash('sha256').update(token).digest('base64url'),
    });
    const proof = (jti: string, by: 0 | 1) =>
      new SignJWT(claims(jti)).setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: jwks[by] as JWK }).sign([mine, other][by]!.privateKey);
    let count = 0;
    await fc.assert(
      fc.asyncProperty(forgery, async (how) => {
        const [good, theirs] = await Promise.all([proof(`p-${(count += 1)}`, 0), proof('theirs', 1)]);
        const present = async (one: string) => {
          try {
            await verify(token, { scheme: 'dpop', proofs: [one], method: 'POST', url });
            return true;
          } catch (error) {
            if (!(error instanceof CountersignError)) throw error;
            expect(error.code).toBe('dpop-proof-invalid');
            return false;
          }
        };
        const presented = forged(good, theirs, how);
        const taken = await present(presented);
        if (taken) expect(meaning(presented)).toBe(meaning(good));
        expect(await present(good)).toBe(!taken);
      }),
      budget(600),
    );
  });

  it('refuses any other text, and any other header, in words of ours', async () => {
    const value = fc.oneof(
      nasty,
      fc.string(),
      fc.string({ unit: 'binary' }),
      anything.map((one) => `Bearer ${JSON.stringify(one)}`),
    );
    await fc.assert(
      fc.asyncProperty(value, fc.array(value, { maxLength: 3 }), async (text, more) => {
        expect(await answer(text)).toBeInstanceOf(CountersignError);
        const raw = ['authorization', text, ...more.flatMap((one) => ['Authorization', one])];
        try {
          expect(bearerToken(raw)).toMatch(/^[A-Za-z0-9._~+/-]+=*$/);
          expect(more).toEqual([]);
        } catch (error) {
          if (!(error instanceof CountersignError)) throw error;
          expect(['token-missing', 'token-invalid']).toContain(error.code);
        }
      }),
      budget(2_000),
    );
  });
});
