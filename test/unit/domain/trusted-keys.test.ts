import { exportJWK, generateKeyPair, type JWK } from 'jose';
import { describe, expect, it } from 'vitest';
import { importSigningKey, importTrustedKeys, keysForEvidence, sign, signCompact, verify, type KeyRole, type SigningKey } from '../../../domain/signing.js';

const retired = 2_000;

async function keyPair(role: KeyRole, kid: string): Promise<{ readonly signing: SigningKey; readonly jwk: JWK }> {
  const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
  const jwk = { ...(await exportJWK(privateKey)), kid };
  const { d: _private, ...half } = jwk;
  return { signing: await importSigningKey(jwk, role), jwk: { ...half, countersign_role: role } as JWK };
}

const { signing, jwk } = await keyPair('decision', 'decision-1');
const signedAt = (issuedAt: number) => sign('decision', signing, { fine: true }, { issuedAt, expiresAt: issuedAt + 300, id: 'd-1' });

async function saysOf(members: Record<string, unknown>, issuedAt: number): Promise<string> {
  const said = await verify('decision', await signedAt(issuedAt), await importTrustedKeys({ keys: [{ ...jwk, ...members }] }));
  return typeof said === 'string' ? said : 'holds';
}

describe('a trusted key vouches', () => {
  it.each([
    ['without any member, at all times', {}, 1, 'holds'],
    ['active, from its first second on', { countersign_status: 'active', countersign_not_before: 1_000 }, 1_000, 'holds'],
    ['active, not a second before', { countersign_not_before: 1_000 }, 999, 'signed by the key decision-1 before it was valid'],
    ['active, up to its last second', { countersign_not_after: 1_000 }, 999, 'holds'],
    ['active, no second longer', { countersign_not_after: 1_000 }, 1_000, 'signed by the key decision-1 after its validity'],
    ['retired, for what it signed before', { countersign_status: 'retired', countersign_retired_at: retired }, retired - 1, 'holds'],
    [
      'retired, for nothing from then on',
      { countersign_status: 'retired', countersign_retired_at: retired },
      retired,
      'signed by the key decision-1 after it was retired',
    ],
    ['active, but to be retired at a time that has come', { countersign_retired_at: retired }, retired, 'signed by the key decision-1 after it was retired'],
    [
      'compromised, for nothing, however old',
      { countersign_status: 'compromised', countersign_compromised_at: retired },
      1,
      'signed by the key decision-1, which was marked compromised at 1970-01-01T00:33:20.000Z',
    ],
    ['compromised without a time, for nothing', { countersign_status: 'compromised' }, 1, 'signed by the key decision-1, which was marked compromised'],
  ])('%s', async (_name, members, issuedAt, expected) => expect(await saysOf(members, issuedAt)).toBe(expected));

  it('compromised, still towards a reader of evidence, who is told the key', async () => {
    const keys = await importTrustedKeys({ keys: [{ ...jwk, countersign_status: 'compromised', countersign_compromised_at: retired } as JWK] });
    expect(await verify('decision', await signedAt(1), keysForEvidence(keys))).toMatchObject({ kid: 'decision-1' });
    expect(keysForEvidence(keys).get('decision-1')).toMatchObject({ compromisedAt: retired });
    expect(keysForEvidence(keys).get('unknown')).toBeUndefined();
  });

  it('for no time at all when the claims do not say a whole second', async () => {
    const keys = await importTrustedKeys({ keys: [jwk] });
    for (const iat of [undefined, 1.5, '7', null])
      expect(
        await verify(
          'decision',
          await signCompact(signing, 'countersign-decision+jwt', { iss: 'countersign-api', aud: 'countersign', iat, exp: 9, jti: 'd', decision: {} }),
          keys,
        ),
      ).toBe('claims are missing');
  });
});

describe('a set of trusted keys is refused', () => {
  const { crv: _crv, ...noCurve } = jwk;
  it.each([
    ['without an id', { ...jwk, kid: undefined }],
    ['with an empty id', { ...jwk, kid: '' }],
    ['without a role', { ...jwk, countersign_role: undefined }],
    ['with a role nobody knows', { ...jwk, countersign_role: 'root' }],
    ['with a private part', { ...jwk, d: 'AAAA' }],
    ['of no curve', noCurve],
    ['of another algorithm than its kind', { ...jwk, alg: 'ES256' }],
    ['with a status nobody knows', { ...jwk, countersign_status: 'fine' }],
    ['retired without a time', { ...jwk, countersign_status: 'retired' }],
    ['with a time in words', { ...jwk, countersign_not_after: '2026-01-01' }],
    ['with a successor that is no id', { ...jwk, countersign_successor: 7 }],
  ])('%s', async (_name, bad) => {
    await expect(importTrustedKeys({ keys: [bad as JWK] })).rejects.toThrow();
  });

  it('with an id twice', async () => expect(importTrustedKeys({ keys: [jwk, jwk] })).rejects.toThrow('stands twice'));

  it('with a P-256 key that no key-management service holds', async () => {
    const { publicKey } = await generateKeyPair('ES256');
    const other = { ...(await exportJWK(publicKey)), kid: 'policy-kms', countersign_role: 'policy' };
    await expect(importTrustedKeys({ keys: [other] })).rejects.toThrow('no algorithm that is allowed');
    expect((await importTrustedKeys({ keys: [{ ...other, countersign_held: 'kms' } as JWK] })).get('policy-kms')).toMatchObject({ alg: 'ES256' });
  });
});

describe('one algorithm a key', () => {
  it('refuses what claims the algorithm of another', async () => {
    const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
    const kms = { ...(await exportJWK(publicKey)), kid: 'decision-kms', countersign_role: 'decision', countersign_held: 'kms' };
    const keys = await importTrustedKeys({ keys: [jwk, kms] });
    const raw = async (bytes: Uint8Array) => new Uint8Array(await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, privateKey, bytes.slice()));
    const held: SigningKey = { role: 'decision', kid: 'decision-kms', alg: 'ES256', sign: raw };
    const times = { issuedAt: 1, expiresAt: 2, id: 'x' };
    expect(await verify('decision', await sign('decision', held, {}, times), keys)).toMatchObject({ kid: 'decision-kms' });
    for (const disguised of [
      { ...held, kid: 'decision-1' },
      { ...held, alg: 'EdDSA' as const },
      { ...signing, kid: 'decision-kms' },
      { ...signing, alg: 'ES256' as const },
    ])
      expect(await verify('decision', await sign('decision', disguised, {}, times), keys)).toBe('the signature does not hold');
  });

  it('signs under the id of the key it began with, though another takes its place meanwhile', async () => {
    const second = await keyPair('decision', 'decision-2');
    const keys = await importTrustedKeys({ keys: [jwk, second.jwk] });
    let current = signing;
    const live = {
      role: 'decision' as const,
      get kid() {
        return current.kid;
      },
      get alg() {
        return current.alg;
      },
      get sign() {
        const { sign: signBytes } = current;
        // The other key comes in force between the header and the signature.
        current = second.signing;
        return signBytes;
      },
    };
    expect(await verify('decision', await sign('decision', live, {}, { issuedAt: 1, expiresAt: 2, id: 'x' }), keys)).toMatchObject({ kid: 'decision-1' });
    expect(await verify('decision', await sign('decision', live, {}, { issuedAt: 1, expiresAt: 2, id: 'x' }), keys)).toMatchObject({ kid: 'decision-2' });
  });
});
