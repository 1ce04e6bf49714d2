import { CompactSign, exportJWK, generateKeyPair, importJWK, type JWK } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { importSigningKey, importTrustedKeys, sign, signCompact, verify, type Purpose, type SigningKey, type TrustedKeys } from '../../../domain/signing.js';

const times = { issuedAt: 1_000, expiresAt: 2_000, id: 'one' };
const claims = { iss: 'countersign-api', aud: 'countersign', iat: 1_000, exp: 2_000, jti: 'one', decision: { verdict: 'approve' } };
const typ = 'countersign-decision+jwt';
let jwk: JWK;
let key: SigningKey;
let keys: TrustedKeys;
beforeAll(async () => {
  const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
  jwk = { ...(await exportJWK(privateKey)), kid: 'd1' };
  key = await importSigningKey(jwk, 'decision');
  const { d: _d, ...half } = jwk;
  keys = await importTrustedKeys({ keys: [{ ...half, countersign_role: 'decision' } as JWK] });
});

describe('what was signed for one purpose', () => {
  it('verifies for it, with its claims', async () => {
    expect(await verify('decision', await sign('decision', key, { verdict: 'approve' }, times), keys)).toEqual({
      content: { verdict: 'approve' },
      issuedAt: 1_000,
      expiresAt: 2_000,
      id: 'one',
      kid: 'd1',
    });
  });

  // One key signs requests, decisions and cancellations: only the typed header and the name of the content keep them apart.
  it.each<[Purpose, Purpose]>([
    ['request', 'decision'],
    ['cancellation', 'decision'],
    ['decision', 'request'],
    ['decision', 'cancellation'],
  ])('a %s is no %s', async (made, read) => {
    expect(await verify(read, await sign(made, key, { verdict: 'approve' }, times), keys)).toBe('signed for another purpose');
  });

  it('is not signed by a key of another role', async () => {
    await expect(sign('plan', key, {}, times)).rejects.toThrow('a decision key cannot sign a plan');
  });
});

describe('a signature of the right key is refused for', () => {
  const without = (name: string) => Object.fromEntries(Object.entries(claims).filter(([member]) => member !== name));
  it.each<[string, unknown, string]>([
    ['another issuer', { ...claims, iss: 'countersign-worker' }, 'from or for somebody else'],
    ['another audience', { ...claims, aud: 'payroll' }, 'from or for somebody else'],
    ['several audiences', { ...claims, aud: ['countersign'] }, 'from or for somebody else'],
    ['no time of issue', without('iat'), 'claims are missing'],
    ['a time of issue in words', { ...claims, iat: '1000' }, 'claims are missing'],
    ['a time of issue that is no whole second', { ...claims, iat: 1_000.5 }, 'claims are missing'],
    ['no expiry', without('exp'), 'claims are missing'],
    ['an expiry in words', { ...claims, exp: '2000' }, 'claims are missing'],
    ['no id', without('jti'), 'claims are missing'],
    ['an id that is a number', { ...claims, jti: 1 }, 'claims are missing'],
    ['no content', without('decision'), 'claims are missing'],
    ['content that is a list', { ...claims, decision: [] }, 'claims are missing'],
    ['content under the name of another purpose', { ...without('decision'), request: claims.decision }, 'claims are missing'],
    ['a list of claims', [claims], 'no claims'],
    ['nothing', null, 'no claims'],
  ])('%s', async (_name, payload, reason) => expect(await verify('decision', await signCompact(key, typ, payload), keys)).toBe(reason));

  it('another typed header', async () =>
    expect(await verify('decision', await signCompact(key, 'countersign-plan+jwt', claims), keys)).toBe('signed for another purpose'));

  it('bytes that are not UTF-8', async () => {
    const text = new TextEncoder().encode(JSON.stringify({ ...claims, note: 'x' }));
    text[text.lastIndexOf('x'.charCodeAt(0))] = 0xff;
    const jws = await new CompactSign(text).setProtectedHeader({ alg: 'EdDSA', kid: 'd1', typ }).sign(await importJWK(jwk, 'EdDSA'));
    expect(await verify('decision', jws, keys)).toBe('the signature does not hold');
  });

  it('another algorithm than the key is trusted for', async () => {
    const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
    const jws = await new CompactSign(new TextEncoder().encode(JSON.stringify(claims))).setProtectedHeader({ alg: 'ES256', kid: 'd1', typ }).sign(privateKey);
    expect(await verify('decision', jws, keys)).toBe('the signature does not hold');
    // Nor when the key itself is of that algorithm, unless it was trusted as such.
    const crossed: TrustedKeys = { get: () => ({ role: 'decision', alg: 'EdDSA', key: publicKey, status: 'active' }) };
    expect(await verify('decision', jws, crossed)).toBe('the signature does not hold');
  });

  it('no key id, an unknown one, or one of another role', async () => {
    const signed = async (header: object) =>
      new CompactSign(new TextEncoder().encode(JSON.stringify(claims)))
        .setProtectedHeader({ alg: 'EdDSA', typ, ...header })
        .sign(await importJWK(jwk, 'EdDSA'));
    expect(await verify('decision', await signed({}), keys)).toBe('the signature does not hold');
    expect(await verify('decision', await signed({ kid: 'd2' }), keys)).toBe('the signature does not hold');
    const policy: TrustedKeys = { get: (kid) => ({ ...keys.get(kid)!, role: 'policy' }) };
    expect(await verify('decision', await signed({ kid: 'd1' }), policy)).toBe('the signature does not hold');
  });

  it('more than the limit, before anything is read; and what is no text', async () => {
    const fill = async (length: number) => (await signCompact(key, typ, { ...claims, decision: { fill: 'x'.repeat(length) } })).length;
    const per = 3 / 4;
    let length = Math.floor((65_536 - (await fill(0))) * per);
    while ((await fill(length)) < 65_536) length += 1;
    const longest = (await fill(length)) === 65_536 ? length : length - 1;
    expect(typeof (await verify('decision', await signCompact(key, typ, { ...claims, decision: { fill: 'x'.repeat(longest) } }), keys))).toBe('object');
    expect(await verify('decision', await signCompact(key, typ, { ...claims, decision: { fill: 'x'.repeat(longest + 2) } }), keys)).toBe('not a compact JWS');
    for (const junk of [undefined, null, 7, {}, ['a.b.c']]) expect(await verify('decision', junk, keys)).toBe('not a compact JWS');
  });
});

describe('a private key is not taken without', () => {
  it.each<[string, Partial<JWK>]>([
    ['its kind', { kty: 'EC' }],
    ['its curve', { crv: 'X25519' }],
    ['its private part', { d: undefined as never }],
    ['its id', { kid: undefined as never }],
  ])('%s', async (_name, change) =>
    expect(importSigningKey({ ...jwk, ...change }, 'decision')).rejects.toThrow('the decision key is not a private Ed25519 JWK with a kid'),
  );
});
