import { exportJWK, generateKeyPair, type JWK } from 'jose';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { digestJson } from '../../../domain/digest.js';
import { deepFreeze } from '../../../domain/frozen.js';
import { heldBefore, rememberHeld } from '../../../domain/held-signatures.js';
import { refuseRelease } from '../../../domain/release.js';
import { importSigningKey, importTrustedKeys, sign, verify, type KeyRole, type SigningKey, type TrustedKey } from '../../../domain/signing.js';

const times = { issuedAt: 1_000, expiresAt: 2_000, id: 'one' };
let key: SigningKey;
let entry: TrustedKey;
/** A set of keys that changes while it is in use, as the one in the key folder does. */
let keys: Map<string, TrustedKey>;
let checked: ReturnType<typeof vi.spyOn>;

async function pair(role: KeyRole, kid: string): Promise<{ key: SigningKey; entry: TrustedKey }> {
  const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
  const jwk: JWK = { ...(await exportJWK(privateKey)), kid };
  const { d: _d, ...half } = jwk;
  const trusted = await importTrustedKeys({ keys: [{ ...half, countersign_role: role } as JWK] });
  return { key: await importSigningKey(jwk, role), entry: trusted.get(kid)! };
}

beforeEach(async () => {
  ({ key, entry } = await pair('policy', 'p1'));
  keys = new Map([['p1', entry]]);
  checked = vi.spyOn(crypto.subtle, 'verify');
});
afterEach(() => checked.mockRestore());

describe('a signature that held', () => {
  it('is checked once', async () => {
    const jws = await sign('plan', key, { outcome: 'review' }, times);
    const first = await verify('plan', jws, keys);
    expect(await verify('plan', jws, keys)).toEqual(first);
    expect(checked).toHaveBeenCalledTimes(1);
  });

  it.each<[string, (entry: TrustedKey) => TrustedKey | undefined, RegExp]>([
    ['is marked compromised', (known) => ({ ...known, status: 'compromised' }), /was marked compromised/],
    ['is retired from before', (known) => ({ ...known, status: 'retired', retiredAt: 900 }), /after it was retired/],
    ['ends before', (known) => ({ ...known, notAfter: 1_000 }), /after its validity/],
    ['gets another role', (known) => ({ ...known, role: 'decision' }), /does not hold/],
    ['is taken away', () => undefined, /does not hold/],
  ])('stops counting at once when its key %s', async (_what, change, reason) => {
    const jws = await sign('plan', key, { outcome: 'review' }, times);
    expect(await verify('plan', jws, keys)).toMatchObject({ kid: 'p1' });
    const changed = change(entry);
    if (changed === undefined) keys.delete('p1');
    else keys.set('p1', changed);
    expect(await verify('plan', jws, keys)).toMatch(reason);
  });

  it('says nothing of another key under the same id', async () => {
    const jws = await sign('plan', key, { outcome: 'review' }, times);
    expect(await verify('plan', jws, keys)).toMatchObject({ kid: 'p1' });
    keys.set('p1', (await pair('policy', 'p1')).entry);
    expect(await verify('plan', jws, keys)).toBe('the signature does not hold');
  });

  it('is still for one purpose only', async () => {
    const jws = await sign('plan', key, { outcome: 'review' }, times);
    expect(await verify('plan', jws, keys)).toMatchObject({ kid: 'p1' });
    expect(await verify('release', jws, keys)).toBe('signed for another purpose');
  });

  it('leaves the times to be judged at each use', async () => {
    const digest = digestJson('x');
    const of = { actionId: 'act_1', actionDigest: digest, planDigest: digest, decisionIds: ['d'], latestDecisionMs: 1_000_000 } as const;
    const { latestDecisionMs: _latest, ...content } = of;
    const jws = await sign('release', key, { ...content, releasedAt: new Date(1_000_000).toISOString() }, times);
    expect(await refuseRelease(jws, keys, of, 1_500_000)).toBeUndefined();
    expect(await refuseRelease(jws, keys, of, 2_000_000)).toEqual({ check: 'release: expired', code: 'grant-expired' });
  });

  it('gives everybody the same claims, which nobody can change', async () => {
    const jws = await sign('plan', key, { stages: [{ quorum: 2 }] }, times);
    const first = await verify('plan', jws, keys);
    if (typeof first === 'string') throw new Error(first);
    expect(() => Object.assign((first.content['stages'] as object[])[0]!, { quorum: 0 })).toThrow(TypeError);
    expect(await verify('plan', jws, keys)).toMatchObject({ content: { stages: [{ quorum: 2 }] } });
  });
});

describe('a signature that did not hold', () => {
  it('is checked again each time', async () => {
    const jws = await sign('plan', key, { outcome: 'review' }, times);
    const stranger = (await pair('policy', 'p1')).entry;
    keys.set('p1', stranger);
    expect(await verify('plan', jws, keys)).toBe('the signature does not hold');
    expect(await verify('plan', jws, keys)).toBe('the signature does not hold');
    expect(checked).toHaveBeenCalledTimes(2);
    expect(heldBefore(stranger.key, jws)).toBeUndefined();
  });

  it('does not ride on one that did: a letter more, less or other is another text', async () => {
    const jws = await sign('plan', key, { outcome: 'review' }, times);
    expect(await verify('plan', jws, keys)).toMatchObject({ kid: 'p1' });
    const [head, body, signature] = jws.split('.') as [string, string, string];
    const other = Buffer.from(Buffer.from(body, 'base64url').toString().replace('review', 'allow')).toString('base64url');
    for (const forged of [`${head}.${other}.${signature}`, `${jws}A`, jws.slice(0, -1)])
      expect(await verify('plan', forged, keys)).toBe('the signature does not hold');
  });
});

describe('what is remembered', () => {
  it('is bounded, and what was not asked for longest goes first', () => {
    const of = {};
    const text = (name: string) => name.padEnd(1_000_000, '.');
    for (const name of ['a', 'b', 'c', 'd']) rememberHeld(of, text(name), {});
    expect(heldBefore(of, text('a'))).toEqual({});
    rememberHeld(of, text('e'), {});
    expect(['a', 'b', 'c', 'd', 'e'].filter((name) => heldBefore(of, text(name)) !== undefined)).toEqual(['a', 'c', 'd', 'e']);
    rememberHeld(of, 'f'.repeat(5_000_000), {});
    expect(heldBefore(of, 'f'.repeat(5_000_000))).toBeUndefined();
  });
});

describe('digests', () => {
  it('of what can change are made anew', () => {
    const value = { parameters: { limit: 1 } };
    const before = digestJson(value);
    value.parameters.limit = 2;
    expect(digestJson(value)).not.toBe(before);
  });

  it('of what is frozen are the same as before, whole and in part', () => {
    const value = { parameters: { limit: 1, list: [1, { deep: 'x' }, null, undefined].slice(0, 3) } };
    const [whole, part] = [digestJson(value), digestJson(value.parameters)];
    deepFreeze(value);
    expect([digestJson(value), digestJson(value.parameters), digestJson(value)]).toEqual([whole, part, whole]);
    expect(() => Object.assign(value.parameters, { limit: 2 })).toThrow(TypeError);
  });

  it('of what is frozen only on the surface are made anew', () => {
    const value = Object.freeze({ parameters: { limit: 1 } });
    const before = digestJson(value);
    value.parameters.limit = 2;
    expect(digestJson(value)).not.toBe(before);
  });
});
