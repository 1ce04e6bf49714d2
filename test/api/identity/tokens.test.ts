import { generateKeyPair, UnsecuredJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAccessTokenVerifier, TokenRefused } from '../../../api/identity/verify-access-token.js';
import type { IssuerConfig } from '../../../config/schema.js';
import { CountersignError } from '../../../domain/errors.js';
import { TestIssuer } from '../http/support/issuer.js';

let issuer: TestIssuer;
let other: TestIssuer;
const now = () => Math.floor(Date.now() / 1_000);
beforeAll(async () => {
  issuer = await TestIssuer.start();
  other = await TestIssuer.start();
});
afterAll(async () => {
  await issuer.stop();
  await other.stop();
});

function verifier(overrides: Partial<IssuerConfig> = {}, cooldownMs = 0) {
  return createAccessTokenVerifier([issuer.config(overrides)], { allowLoopbackHttp: true, cooldownMs });
}

async function refusal(token: string, verify = verifier()): Promise<CountersignError> {
  const error: unknown = await verify(token).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof CountersignError)) throw new TypeError(`expected a refusal, got ${String(error)}`);
  return error;
}

describe('tokens that are accepted', () => {
  it('an agent, by the configured claim alone', async () => {
    expect(await verifier()(await issuer.agent())).toMatchObject({ kind: 'agent', issuer: issuer.url, subject: 'invoice-bot' });
  });
  it('a person, by a nested claim that lists roles', async () => {
    const verify = verifier({ principal: { claim: 'realm_access.roles', agent: ['workload'], person: ['staff'] } });
    expect(await verify(await issuer.token({ sub: 'alice', realm_access: { roles: ['x', 'staff'] } }))).toMatchObject({ kind: 'person', subject: 'alice' });
  });
  it('a person of Okta, by the id and not the login name, and a service of Okta', async () => {
    const verify = verifier({ principal: { claim: 'uid', agent: [], person: ['*'], absent: 'agent' }, subjectClaim: 'uid' });
    expect(await verify(await issuer.token({ sub: 'alice@acme.example', uid: '00u1' }))).toMatchObject({ kind: 'person', subject: '00u1' });
    expect(await verify(await issuer.token({ sub: '0oa9' }))).toMatchObject({ kind: 'agent', subject: '0oa9' });
    await expect(verify(await issuer.token({ sub: 'alice@acme.example', uid: '' }))).rejects.toMatchObject({ code: 'token-invalid' });
    await expect(verify(await issuer.token({ sub: 'alice@acme.example', uid: ['00u1'] }))).rejects.toMatchObject({ code: 'token-invalid' });
  });
  it.each([['JWT'], ['at+jwt'], ['application/at+jwt'], [null]])('typ %s', async (typ) => {
    expect((await verifier()(await issuer.token({}, { typ }))).kind).toBe('agent');
  });
  it('one of several audiences, and a clock that is off by less than the tolerance', async () => {
    expect((await verifier()(await issuer.token({ aud: ['other', 'countersign'], exp: now() - 2 }))).kind).toBe('agent');
  });
});

describe('tokens that are refused with a constant text', () => {
  const forged = async () => (await generateKeyPair('ES256')).privateKey;
  const cases: Record<string, () => Promise<string>> = {
    'not a JWT': async () => 'abc.def.ghi',
    'signed by a key that was never published': async () => issuer.token({}, { key: await forged() }),
    'of an issuer that is not configured': () => other.token(),
    'that names our issuer but is signed by another': async () => other.token({ iss: issuer.url }, { kid: 'k1' }),
    'for another audience': () => issuer.token({ aud: 'payroll' }),
    'without audience': () => issuer.token({}, { drop: ['aud'] }),
    'without expiry': () => issuer.token({}, { drop: ['exp'] }),
    'without time of issue': () => issuer.token({}, { drop: ['iat'] }),
    'without subject': () => issuer.token({}, { drop: ['sub'] }),
    'with an empty subject': () => issuer.token({ sub: '' }),
    'with control characters in the subject': () => issuer.token({ sub: 'a\nb' }),
    'issued in the future': () => issuer.token({ iat: now() + 600, exp: now() + 900 }),
    'not valid yet': () => issuer.token({ nbf: now() + 600 }),
    'neither an agent nor a person': () => issuer.token({ countersign_kind: 'robot' }),
    'without the deciding claim': () => issuer.token({}, { drop: ['countersign_kind'] }),
    'both an agent and a person': () => issuer.token({ countersign_kind: ['agent', 'person'] }),
    'an ID token': () => issuer.token({ at_hash: 'x' }),
    'a logout token': () => issuer.token({ events: {} }),
    'an ID token that says so': () => issuer.token({ typ: 'ID' }),
    'of another type': () => issuer.token({}, { typ: 'countersign-decision+jwt' }),
    'bound to a key': () => issuer.token({ cnf: { jkt: 'x' } }),
    unsigned: async () =>
      new UnsecuredJWT({ iss: issuer.url, aud: 'countersign', sub: 'invoice-bot', countersign_kind: 'agent' }).setIssuedAt().setExpirationTime('5m').encode(),
    'signed with a public key as secret': async () => issuer.token({}, { alg: 'HS256', key: new TextEncoder().encode('x'.repeat(64)) }),
  };
  it.each(Object.entries(cases))('%s', async (_name, make) => {
    const error = await refusal(await make());
    expect(error).toBeInstanceOf(TokenRefused);
    expect(error.code).toBe('token-invalid');
    expect(error.detail).toBe('The access token was not accepted');
  });
  it('expired', async () => expect((await refusal(await issuer.token({ iat: now() - 900, exp: now() - 60 }))).code).toBe('token-expired'));
  it('older than the issuer may be trusted', async () =>
    expect((await refusal(await issuer.token({ iat: now() - 900 }), verifier({ maxTokenAgeSeconds: 300 }))).code).toBe('token-expired'));
  it('without a claim that configuration requires', async () =>
    expect((await refusal(await issuer.token(), verifier({ requiredClaims: ['tenant'] }))).code).toBe('token-invalid'));
  it('of an algorithm that configuration does not list', async () =>
    expect((await refusal(await issuer.token(), verifier({ algorithms: ['RS256'] }))).code).toBe('token-invalid'));
});

describe('keys of an issuer', () => {
  it('are fetched once for many tokens', async () => {
    const own = await TestIssuer.start();
    const verify = createAccessTokenVerifier([own.config()], { allowLoopbackHttp: true });
    await Promise.all(Array.from({ length: 20 }, async () => verify(await own.agent())));
    expect([own.discoveryRequests, own.jwksRequests]).toEqual([1, 1]);
    await own.stop();
  });
  it('rotate: a new key is found, a withdrawn one counts no more', async () => {
    const own = await TestIssuer.start();
    const verify = createAccessTokenVerifier([own.config()], { allowLoopbackHttp: true, cooldownMs: 0 });
    const old = await own.agent();
    await verify(old);
    await own.rotate('k2', true);
    expect((await verify(await own.agent())).kind).toBe('agent');
    expect((await refusal(old, verify)).code).toBe('token-invalid');
    await own.stop();
  });
  it('are not asked for again and again by tokens with invented key ids', async () => {
    const own = await TestIssuer.start();
    const verify = createAccessTokenVerifier([own.config()], { allowLoopbackHttp: true });
    await verify(await own.agent());
    for (let attempt = 0; attempt < 20; attempt += 1) await refusal(await own.token({}, { kid: `invented-${attempt}` }), verify);
    expect(own.jwksRequests).toBe(1);
    await own.stop();
  });
  it('come from the configured address without discovery', async () => {
    const verify = verifier({ jwksUri: `${issuer.url}/jwks` });
    const before = issuer.discoveryRequests;
    expect((await verify(await issuer.agent())).kind).toBe('agent');
    expect(issuer.discoveryRequests).toBe(before);
  });
  it.each([
    ['an issuer that is down', (own: TestIssuer) => void (own.status = 500)],
    ['a discovery document of another issuer', (own: TestIssuer) => void (own.discovery = { issuer: 'https://evil.example', jwks_uri: `${own.url}/jwks` })],
    [
      'a discovery document that leads to plain http elsewhere',
      (own: TestIssuer) => void (own.discovery = { issuer: own.url, jwks_uri: 'http://192.0.2.1/jwks' }),
    ],
    ['a JWK set without end', (own: TestIssuer) => void (own.oversized = true)],
  ])('that cannot be had leave the answer open: %s', async (_name, spoil) => {
    const own = await TestIssuer.start();
    spoil(own);
    expect((await refusal(await own.agent(), createAccessTokenVerifier([own.config()], { allowLoopbackHttp: true }))).code).toBe('issuer-unavailable');
    await own.stop();
  });
  it('are not fetched over plain http in production', async () => {
    expect((await refusal(await issuer.agent(), createAccessTokenVerifier([issuer.config()], { allowLoopbackHttp: false }))).code).toBe('issuer-unavailable');
  });
});
