import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ExecutionOutcome } from '../../../domain/connector.js';
import { verifyReceipt, withReceipt } from '../../../domain/receipt.js';
import { sign, verify } from '../../../domain/signing.js';
import { makeKeys } from '../../helpers/keys.js';

const keys = await makeKeys();
const at = '2026-04-01T00:00:00.000Z';
const digest = `sha256:${'1'.repeat(64)}` as const;
const action = { actionId: 'act_a', actionDigest: digest, source: 'executor' } as const;
const done: ExecutionOutcome = { status: 'succeeded', facts: [{ label: 'Rows', value: '5' }], resultDigest: digest, startedAt: at, finishedAt: at };
const vouch = (outcome: ExecutionOutcome = done, change = {}) => withReceipt(outcome, { ...action, startedAt: at, ...change }, keys.signing.executor);

describe('a receipt', () => {
  it('vouches for the outcome that it came with', async () =>
    expect(await verifyReceipt(await vouch(), action, keys.trusted)).toEqual({ state: 'verified', source: 'executor' }));
  it('tells when the end came, holds for ten years, and names the result of a success alone', async () => {
    const read = async (outcome: ExecutionOutcome) => {
      const signed = await verify('receipt', (await vouch(outcome)).receipt, keys.trusted);
      if (typeof signed === 'string') throw new Error(signed);
      return signed;
    };
    const endSeconds = Date.parse(at) / 1000;
    const { issuedAt, expiresAt, content } = await read(done);
    expect([issuedAt, expiresAt]).toEqual([endSeconds, endSeconds + 10 * 366 * 86_400]);
    expect(content).toMatchObject({ resultDigest: digest, startedAt: at, finishedAt: at, status: 'succeeded' });
    const { resultDigest: _none, ...bare } = done;
    expect((await read(bare)).content).not.toHaveProperty('resultDigest');
    expect((await read({ status: 'failed', code: 'target-refused', detail: '', finishedAt: at })).content).not.toHaveProperty('resultDigest');
  });
  it('is of no action whose digest is not known', async () =>
    expect(await verifyReceipt(await vouch(done, { actionDigest: undefined }), { ...action, actionDigest: undefined }, keys.trusted)).toMatchObject({
      code: 'receipt-invalid',
    }));
  it('is missing on a success without one', async () =>
    expect(await verifyReceipt(done, action, keys.trusted)).toMatchObject({ state: 'missing', code: 'receipt-missing' }));
  it('is not asked for where no effect is claimed', async () => {
    for (const outcome of [
      { status: 'failed', code: 'grant-expired', detail: '', finishedAt: at },
      { status: 'cancelled', detail: '', finishedAt: at },
      { status: 'unknown', detail: '', check: '', finishedAt: at },
    ] as const)
      expect(await verifyReceipt(outcome, action, keys.trusted)).toEqual({ state: 'none' });
  });

  const forged: Record<string, { readonly given: () => Promise<ExecutionOutcome>; readonly says: string }> = {
    'of another action': { given: () => vouch(done, { actionId: 'act_b' }), says: 'of another action' },
    'of another digest of this action': { given: () => vouch(done, { actionDigest: `sha256:${'2'.repeat(64)}` }), says: 'of another action' },
    'of what a connector reported': { given: () => vouch(done, { source: 'connector' }), says: 'word of the connector' },
    'with other facts': { given: async () => ({ ...(await vouch()), facts: [] }) as ExecutionOutcome, says: 'another outcome' },
    'of a failure, on a success': {
      given: async () => {
        const { receipt } = await vouch({ status: 'failed', code: 'target-refused', detail: '', finishedAt: at });
        return { ...done, ...(receipt === undefined ? {} : { receipt }) };
      },
      says: 'another outcome',
    },
    'by the policy key': {
      given: async () => withReceipt(done, { ...action, startedAt: at }, { ...keys.signing.policy, role: 'executor' }),
      says: 'the signature does not hold',
    },
    'by another deployment': { given: async () => withReceipt(done, { ...action, startedAt: at }, (await makeKeys('x')).signing.executor), says: 'signature' },
    'signed as something else': {
      given: async () => ({ ...done, receipt: await sign('decision', keys.signing.decision, {}, { issuedAt: 1, expiresAt: 2, id: 'x' }) }),
      says: 'does not hold',
    },
    'that is no text': { given: async () => ({ ...done, receipt: { toString: 'x' } }) as never, says: 'not a compact JWS' },
    'on an outcome without a canonical form': { given: async () => ({ ...(await vouch()), facts: '\ud800' }) as never, says: 'another outcome' },
  };
  for (const [name, { given, says }] of Object.entries(forged))
    it(`does not hold ${name}`, async () =>
      expect(await verifyReceipt(await given(), action, keys.trusted)).toMatchObject({
        state: 'invalid',
        code: 'receipt-invalid',
        detail: expect.stringContaining(says),
      }));
  it('does not hold while nobody knows the digest of the action', async () =>
    expect(await verifyReceipt(await vouch(), { ...action, actionDigest: undefined }, keys.trusted)).toMatchObject({ state: 'invalid' }));
  it('never throws, whatever the engine hands over', async () => {
    await fc.assert(
      fc.asyncProperty(fc.anything(), fc.anything(), async (receipt, status) => {
        const verdict = await verifyReceipt({ ...done, receipt, status } as never, action, keys.trusted);
        expect(verdict.state).not.toBe('verified');
      }),
    );
  });
});
