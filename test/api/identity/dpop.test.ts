import { createHash, randomUUID } from 'node:crypto';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT, type CryptoKey as JoseKey, type JWK } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDpopVerifier, DpopRefused } from '../../../api/identity/dpop.js';
import { createReplayMemory } from '../../../api/identity/replay-memory.js';
import { createAccessTokenVerifier, TokenRefused, type Presentation } from '../../../api/identity/verify-access-token.js';
import type { IssuerConfig } from '../../../config/schema.js';
import { exportBody, TestApi } from '../http/support/api.js';

type Holder = { readonly key: JoseKey; readonly jwk: JWK; readonly thumbprint: string };
async function holder(alg = 'ES256'): Promise<Holder> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const jwk = await exportJWK(publicKey);
  return { key: privateKey, jwk, thumbprint: await calculateJwkThumbprint(jwk, 'sha256') };
}

// The address that the api is configured with; where it listens does not matter.
const publicUrl = 'http://127.0.0.1:9';
const url = `${publicUrl}/v1/connectors`;
const seconds = () => Math.floor(Date.now() / 1_000);
const hash = (token: string) => createHash('sha256').update(token).digest('base64url');

let api: TestApi;
let mine: Holder;
let token: string;
beforeAll(async () => {
  api = await TestApi.start();
  mine = await holder();
  token = await bound(mine);
});
afterAll(() => api.stop());

const bound = (to: Holder, claims: object = {}) => api.issuer.agent('invoice-bot', { cnf: { jkt: to.thumbprint }, ...claims });

type Change = { readonly claims?: Record<string, unknown>; readonly header?: Record<string, unknown>; readonly by?: Holder; readonly key?: JoseKey };
async function proof(of: string, { claims = {}, header = {}, by = mine, key = by.key }: Change = {}): Promise<string> {
  const payload = { jti: randomUUID(), htm: 'GET', htu: url, iat: seconds(), ath: hash(of), ...claims };
  const protectedHeader = { alg: 'ES256', typ: 'dpop+jwt', jwk: by.jwk, ...header };
  return new SignJWT(JSON.parse(JSON.stringify(payload)) as typeof payload).setProtectedHeader(JSON.parse(JSON.stringify(protectedHeader)) as never).sign(key);
}
const get = (headers: Record<string, string>, path = '/v1/connectors') => api.call('GET', path, { headers });
const withProof = async (change: Change = {}) => get({ authorization: `DPoP ${token}`, dpop: await proof(token, change) });

describe('a token that is bound to a key', () => {
  it('is taken with a proof of that key, and the proof once', async () => {
    const made = await proof(token);
    expect((await get({ authorization: `DPoP ${token}`, dpop: made })).status).toBe(200);
    const again = await get({ authorization: `DPoP ${token}`, dpop: made });
    expect([again.status, again.body.code]).toEqual([401, 'dpop-proof-invalid']);
    expect(again.headers.get('www-authenticate')).toBe('DPoP error="invalid_dpop_proof", algs="ES256 EdDSA Ed25519 PS256 RS256"');
    expect((await withProof()).status).toBe(200);
  });
  it('is worth nothing as a bearer token, which is what a thief has', async () => {
    for (const headers of [{}, { dpop: await proof(token) }] as Record<string, string>[]) {
      const reply = await get({ authorization: `Bearer ${token}`, ...headers });
      expect([reply.status, reply.body.code]).toEqual([401, 'token-invalid']);
      expect(reply.headers.get('www-authenticate')).toBe('DPoP error="invalid_token", algs="ES256 EdDSA Ed25519 PS256 RS256"');
    }
  });
  it('submits by POST with a proof for that, and the address goes without its query', async () => {
    const change = { claims: { htm: 'POST', htu: `${publicUrl}/v1/actions` } };
    const reply = await api.call('POST', '/v1/actions', {
      body: exportBody,
      headers: { authorization: `dpop ${token}`, dpop: await proof(token, change), 'idempotency-key': 'dpop-1' },
    });
    expect(reply.status).toBe(202);
    const listed = await get(
      { authorization: `DPoP ${token}`, dpop: await proof(token, { claims: { htu: `${publicUrl}/v1/actions#x` } }) },
      '/v1/actions?limit=1',
    );
    expect(listed.status).toBe(200);
  });
  it('is compared by an address that is written otherwise and is the same', async () => {
    for (const htu of ['HTTP://127.0.0.1:9/v1/connectors', 'http://127.0.0.1:9/v1/%63onnectors?x=1', 'http://127.0.0.1:9/v1/../v1/connectors'])
      expect((await withProof({ claims: { htu } })).status).toBe(200);
  });
  it('is worth as much by any key of an algorithm that is allowed', async () => {
    for (const alg of ['EdDSA', 'PS256', 'RS256']) {
      const other = await holder(alg);
      const theirs = await bound(other);
      expect((await get({ authorization: `DPoP ${theirs}`, dpop: await proof(theirs, { by: other, header: { alg } }) })).status).toBe(200);
    }
  });
});

describe('a proof is refused', () => {
  const cases: Record<string, () => Promise<Change> | Change> = {
    'by another key': async () => ({ by: await holder() }),
    'by another key that shows the key of the token': async () => ({ key: (await holder()).key }),
    'for another method': () => ({ claims: { htm: 'POST' } }),
    'for the method in small letters': () => ({ claims: { htm: 'get' } }),
    'for another path': () => ({ claims: { htu: `${publicUrl}/v1/actions` } }),
    'for the path in other letters': () => ({ claims: { htu: `${publicUrl}/v1/CONNECTORS` } }),
    'for a slash more': () => ({ claims: { htu: `${url}/` } }),
    'for an escaped slash': () => ({ claims: { htu: `${publicUrl}/v1%2Fconnectors` } }),
    'for another host': () => ({ claims: { htu: 'http://evil.example/v1/connectors' } }),
    'for another port': () => ({ claims: { htu: 'http://127.0.0.1:10/v1/connectors' } }),
    'for another scheme': () => ({ claims: { htu: 'https://127.0.0.1:9/v1/connectors' } }),
    'for an address with a user': () => ({ claims: { htu: 'http://a@127.0.0.1:9/v1/connectors' } }),
    'for an address that is none': () => ({ claims: { htu: '/v1/connectors' } }),
    'for a list of addresses': () => ({ claims: { htu: [url] } }),
    'for another access token': () => ({ claims: { ath: hash('another') } }),
    'for no access token': () => ({ claims: { ath: undefined } }),
    'without id': () => ({ claims: { jti: undefined } }),
    'with an empty id': () => ({ claims: { jti: '' } }),
    'without time': () => ({ claims: { iat: undefined } }),
    'of a while ago': () => ({ claims: { iat: seconds() - 70 } }),
    'of the future': () => ({ claims: { iat: seconds() + 10 } }),
    'with another typed header': () => ({ header: { typ: 'JWT' } }),
    'without a typed header': () => ({ header: { typ: undefined } }),
    'without its key': () => ({ header: { jwk: undefined } }),
    'that shows its private key': async () => ({ header: { jwk: await exportJWK(mine.key) } }),
    'signed with a shared secret': () => ({
      header: { alg: 'HS256', jwk: { kty: 'oct', k: 'c2VjcmV0' } },
      key: new TextEncoder().encode('x'.repeat(32)) as never,
    }),
  };
  it.each(Object.entries(cases))('%s', async (_name, change) => {
    const reply = await withProof(await change());
    expect([reply.status, reply.body.code]).toEqual([401, 'dpop-proof-invalid']);
    expect(reply.body.detail).toBe('The proof of possession was not accepted');
  });
  it('that is missing, text, or too long', async () => {
    for (const headers of [{}, { dpop: 'a.b.c' }, { dpop: '' }, { dpop: 'x'.repeat(8_300) }] as Record<string, string>[])
      expect((await get({ authorization: `DPoP ${token}`, ...headers })).body.code).toBe('dpop-proof-invalid');
  });
  it('and the log alone knows why, without token or proof', async () => {
    const made = await proof(token, { claims: { htm: 'PUT' } });
    await get({ authorization: `DPoP ${token}`, dpop: made });
    expect(api.logLines.some((line) => line['reason'] === 'for another method')).toBe(true);
    expect(JSON.stringify(api.logLines)).not.toContain(made.slice(-40));
  });
});

describe('what else comes with the scheme', () => {
  it('a token that is not bound proves nothing by it', async () => {
    const plain = await api.issuer.agent();
    const reply = await get({ authorization: `DPoP ${plain}`, dpop: await proof(plain) });
    expect([reply.status, reply.body.code]).toEqual([401, 'token-invalid']);
    expect((await get({ authorization: `Bearer ${plain}` })).status).toBe(200);
  });
  it('no token at all is answered with both schemes', async () => {
    expect((await get({})).headers.get('www-authenticate')).toMatch(/^Bearer, DPoP algs="/);
    expect((await get({ authorization: 'DPoP' })).body.code).toBe('token-invalid');
    expect((await get({ authorization: 'DPoPx a.b.c' })).body.code).toBe('token-missing');
  });
  it('a token bound in a way that nobody checks is refused', async () => {
    for (const cnf of [{ 'x5t#S256': 'x' }, { jkt: mine.thumbprint, 'x5t#S256': 'x' }, { jkt: 7 }, { jkt: 'short' }, 'x', null, {}]) {
      const odd = await api.issuer.agent('invoice-bot', { cnf });
      expect((await get({ authorization: `DPoP ${odd}`, dpop: await proof(odd) })).body.code).toBe('token-invalid');
    }
  });
});

describe('what an issuer may be configured to', () => {
  const verifier = (change: Partial<IssuerConfig>, secret?: Uint8Array, now?: () => number) =>
    createAccessTokenVerifier([api.issuer.config(change)], { allowLoopbackHttp: true, dpop: createDpopVerifier(secret, now) });
  const presented = (proofs: readonly string[]): Presentation => ({ scheme: 'dpop', proofs, method: 'GET', url });
  const outcome = (answer: Promise<unknown>) =>
    answer.then(
      () => 'taken',
      (error: unknown) => error,
    );

  it('required: a token that is not bound is refused, however it comes', async () => {
    const verify = verifier({ dpop: 'required' });
    const plain = await api.issuer.agent();
    for (const presentation of [undefined, { ...presented([]), scheme: 'bearer' as const }, presented([await proof(plain)])])
      expect(await outcome(verify(plain, presentation))).toMatchObject({ code: 'token-invalid', scheme: 'dpop' });
    expect(await outcome(verify(token, presented([await proof(token)])))).toBe('taken');
  });
  it('a caller of the verifier who knows nothing of proofs takes no bound token', async () =>
    expect(await outcome(verifier({})(token))).toBeInstanceOf(TokenRefused));
  it('two proofs are refused', async () =>
    expect(await outcome(verifier({})(token, presented([await proof(token), await proof(token)])))).toMatchObject({ code: 'dpop-proof-invalid' }));
  it('a nonce: asked for, then taken, by another process with the same secret too, and not for ever', async () => {
    let now = Date.now();
    const secret = new Uint8Array(32);
    const verify = verifier({ dpopNonce: true }, secret, () => now);
    const asked = await outcome(verify(token, presented([await proof(token)])));
    expect(asked).toBeInstanceOf(DpopRefused);
    const { code, nonce } = asked as DpopRefused;
    expect([code, typeof nonce]).toEqual(['dpop-nonce-required', 'string']);
    const made = () => proof(token, { claims: { nonce, iat: Math.floor(now / 1_000) } });
    expect(await outcome(verify(token, presented([await made()])))).toBe('taken');
    expect(await outcome(verifier({ dpopNonce: true }, secret, () => now)(token, presented([await made()])))).toBe('taken');
    expect(await outcome(verifier({ dpopNonce: true })(token, presented([await made()])))).toMatchObject({ code: 'dpop-nonce-required' });
    now += 600_000;
    expect(await outcome(verify(token, presented([await made()])))).toMatchObject({ code: 'dpop-nonce-required' });
  });
  it('a proof is remembered for as long as it would be taken', async () => {
    let now = Date.now();
    const verify = verifier({}, undefined, () => now);
    const made = await proof(token, { claims: { iat: Math.floor(now / 1_000) + 4 } });
    expect(await outcome(verify(token, presented([made])))).toBe('taken');
    for (const later of [1_000, 30_000, 60_000, 69_000, 75_000]) {
      now += later;
      expect(await outcome(verify(token, presented([made])))).toMatchObject({ code: 'dpop-proof-invalid' });
    }
  });
});

describe('the memory of proofs', () => {
  it('is bounded for each owner and in all, refuses when it is full, and empties with time', () => {
    let now = 0;
    const memory = createReplayMemory({ now: () => now, perOwner: 2, most: 3 });
    expect(['a', 'b', 'a', 'c'].map((id) => memory.use('one', id, 1_000))).toEqual(['first', 'first', 'again', 'full']);
    expect(['a', 'b'].map((id) => memory.use('two', id, 5_000))).toEqual(['first', 'full']);
    expect(memory.use('three', 'a', 5_000)).toBe('full');
    now = 1_001;
    expect(memory.use('three', 'a', 5_000)).toBe('first');
    expect(memory.use('two', 'a', 9_000)).toBe('again');
  });
});
