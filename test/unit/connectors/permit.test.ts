import { CompactSign, exportJWK, generateKeyPair, type JWK } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { permitPayload, permitType, verifyPermit, type Permit } from '../../../domain/permit.js';
import { importTrustedKeys, type TrustedKeys } from '../../../domain/signing.js';
import { postgresExport } from '../../../domain/connectors/index.js';
import { requestOf } from './request.js';

const nowSeconds = 1_775_000_000;
const request = { ...requestOf(postgresExport, { type: 'Service', id: 'acme/shop' }, { version: '1.2.3' }), action: 'release.rollout' };
const payload = permitPayload({
  request,
  actionDigest: `sha256:${'1'.repeat(64)}`,
  approvedBy: [{ id: 'alice', name: 'Alice' }],
  taskQueue: 'acme-releases',
  issuedAt: nowSeconds,
});
const expected = { taskQueue: 'acme-releases', action: 'release.rollout', nowSeconds };

describe('a permit', () => {
  let keys: TrustedKeys;
  const pairs = new Map<string, Awaited<ReturnType<typeof generateKeyPair>>>();
  beforeAll(async () => {
    const jwks: JWK[] = [];
    for (const role of ['executor', 'policy', 'decision']) {
      const pair = await generateKeyPair('EdDSA', { extractable: true });
      pairs.set(role, pair);
      jwks.push({ ...(await exportJWK(pair.publicKey)), kid: role, countersign_role: role } as JWK);
    }
    keys = await importTrustedKeys({ keys: jwks });
  });
  const signed = (claims: object, options: { role?: string; kid?: string; typ?: string } = {}) =>
    new CompactSign(new TextEncoder().encode(JSON.stringify(claims)))
      .setProtectedHeader({ alg: 'EdDSA', kid: options.kid ?? options.role ?? 'executor', typ: options.typ ?? permitType })
      .sign(pairs.get(options.role ?? 'executor')!.privateKey);

  it('says what was approved, and no more of the requester than who it is', async () => {
    const permit = await verifyPermit(await signed(payload), keys, expected);
    expect(permit).toEqual(payload);
    expect(payload).toMatchObject({
      iss: 'countersign-executor',
      aud: 'acme-releases',
      jti: `permit_${request.id}`,
      actionId: request.id,
      parameters: { version: '1.2.3' },
    });
    expect(Object.keys(payload.requester)).toEqual(['kind', 'id', 'name']);
  });

  const shape = 'not the shape of a permit';
  it.each<[string, Partial<Record<keyof Permit, unknown>>, { role?: string; kid?: string; typ?: string }, string]>([
    ['signed by the policy key', {}, { role: 'policy' }, 'the signature does not hold'],
    ['signed by the decision key under the name of the executor', {}, { role: 'decision', kid: 'executor' }, 'the signature does not hold'],
    ['signed for another purpose', {}, { typ: 'countersign-plan+jwt' }, 'signed for another purpose'],
    ['for another queue', { aud: 'other' }, {}, 'for somebody else'],
    ['for another action', { action: 'postgres.export' }, {}, 'for another action'],
    ['expired to the second', { iat: nowSeconds - 150, exp: nowSeconds - 30 }, {}, 'expired'],
    ['from the future', { iat: nowSeconds + 31, exp: nowSeconds + 151 }, {}, 'from the future'],
    ['valid for a second too long', { exp: nowSeconds + 121 }, {}, 'valid for too long'],
    ['of another issuer', { iss: 'countersign-worker' }, {}, shape],
    ['for two queues', { aud: ['acme-releases', 'other'] }, {}, shape],
    ['for no queue', { aud: '' }, {}, shape],
    ['without id', { jti: undefined }, {}, shape],
    ['with a number as id', { jti: 7 }, {}, shape],
    ['without expiry', { exp: undefined }, {}, shape],
    ['with an expiry between seconds', { exp: nowSeconds + 0.5 }, {}, shape],
    ['without action', { action: undefined }, {}, shape],
    ['without parameters', { parameters: undefined }, {}, shape],
    ['with a list of parameters', { parameters: [] }, {}, shape],
    ['without action id', { actionId: undefined }, {}, shape],
    ['with an action id in a list', { actionId: ['act_a'] }, {}, shape],
    ['with something before the action id', { actionId: 'x act_a' }, {}, shape],
    ['with something behind the action id', { actionId: 'act_a b' }, {}, shape],
    ['with a digest in a list', { actionDigest: [`sha256:${'1'.repeat(64)}`] }, {}, shape],
    ['with something before the digest', { actionDigest: `x sha256:${'1'.repeat(64)}` }, {}, shape],
    ['with a digest that is too long', { actionDigest: `sha256:${'1'.repeat(65)}` }, {}, shape],
    ['without resource', { resource: undefined }, {}, shape],
    ['with a resource without type', { resource: { id: 'x' } }, {}, shape],
    ['with a resource without id', { resource: { type: 'x' } }, {}, shape],
    ['without requester', { requester: undefined }, {}, shape],
    ['with a requester without id', { requester: { kind: 'agent', name: 'x' } }, {}, shape],
    ['without a list of approvers', { approvedBy: 'alice' }, {}, shape],
  ])('does not hold when %s', async (_, change, options, reason) => {
    expect(await verifyPermit(await signed({ ...payload, ...change }, options), keys, expected)).toBe(reason);
  });

  it('holds to the last second, as clocks may differ', async () => {
    for (const iat of [nowSeconds - 149, nowSeconds + 30])
      expect(await verifyPermit(await signed({ ...payload, iat, exp: iat + 120 }), keys, expected)).toMatchObject({ iat });
    expect(await verifyPermit(await signed({ ...payload, iat: nowSeconds - 125, exp: nowSeconds - 5 }), keys, { ...expected, skewSeconds: 5 })).toBe('expired');
  });

  it('is not read when it is no text or longer than any permit', async () => {
    for (const junk of [undefined, null, 7, {}, 'x'.repeat(262_145)]) expect(await verifyPermit(junk, keys, expected)).toBe('not a compact JWS');
    expect(await verifyPermit('x'.repeat(262_144), keys, expected)).toBe('the signature does not hold');
    expect(await verifyPermit(await signed([payload]), keys, expected)).toBe('no claims');
  });

  it('does not hold when a byte of it was changed, or nothing signed it', async () => {
    const [header, , signature] = (await signed(payload)).split('.');
    const other = Buffer.from(JSON.stringify({ ...payload, parameters: { version: '6.6.6' } })).toString('base64url');
    expect(await verifyPermit(`${header}.${other}.${signature}`, keys, expected)).toBeTypeOf('string');
    const none = Buffer.from(JSON.stringify({ alg: 'none', kid: 'executor', typ: permitType })).toString('base64url');
    expect(await verifyPermit(`${none}.${other}.`, keys, expected)).toBeTypeOf('string');
    for (const junk of [undefined, null, 7, {}, '', 'a.b.c', 'x'.repeat(300_000)]) expect(await verifyPermit(junk, keys, expected)).toBeTypeOf('string');
  });
});
