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

  it.each<[string, Partial<Record<keyof Permit, unknown>>, { role?: string; kid?: string; typ?: string }]>([
    ['signed by the policy key', {}, { role: 'policy' }],
    ['signed by the decision key under the name of the executor', {}, { role: 'decision', kid: 'executor' }],
    ['signed for another purpose', {}, { typ: 'countersign-plan+jwt' }],
    ['for another queue', { aud: 'other' }, {}],
    ['for two queues', { aud: ['acme-releases', 'other'] }, {}],
    ['for another action', { action: 'postgres.export' }, {}],
    ['expired', { iat: nowSeconds - 300, exp: nowSeconds - 180 }, {}],
    ['from the future', { iat: nowSeconds + 100, exp: nowSeconds + 220 }, {}],
    ['valid for a year', { exp: nowSeconds + 31_536_000 }, {}],
    ['without id', { jti: undefined }, {}],
    ['without parameters', { parameters: undefined }, {}],
  ])('does not hold when %s', async (_, change, options) => {
    expect(await verifyPermit(await signed({ ...payload, ...change }, options), keys, expected)).toBeTypeOf('string');
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
