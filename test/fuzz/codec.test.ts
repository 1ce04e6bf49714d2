import type { Payload } from '@temporalio/common';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { encryptionKeys } from '../../codec/keys.js';
import { createPayloadCodec } from '../../codec/payload-codec.js';
import { CountersignError } from '../../domain/errors.js';
import { testKey } from '../helpers/encryption.js';
import { budget } from './budget.js';

const keys = encryptionKeys([testKey('first')], 'first');
const refusing = createPayloadCodec(keys, { unreadable: 'refuse' });
const marking = createPayloadCodec(keys, { unreadable: 'mark' });
const mine = { type: 'workflow', namespace: 'default', workflowId: 'act_mine' } as const;
const theirs = { ...mine, workflowId: 'act_theirs' } as const;
const text = (payload: Payload | undefined) => Buffer.from(payload?.data ?? []).toString('utf8');
const clear = (said: string): Payload => ({
  metadata: { encoding: new TextEncoder().encode('json/plain') },
  data: new TextEncoder().encode(JSON.stringify(said)),
});

let sealed: Payload;
let foreign: Payload;
beforeAll(async () => {
  [sealed] = (await refusing.encode([clear('mine')], mine)) as [Payload];
  [foreign] = (await refusing.encode([clear('theirs')], theirs)) as [Payload];
});

/** What somebody without the key can make of payloads that lie in Temporal. */
const tampering = fc.record({
  from: fc.boolean(),
  at: fc.nat(9_999),
  flip: fc.integer({ min: 1, max: 255 }),
  cut: fc.option(fc.nat(200), { nil: undefined }),
  metadata: fc.dictionary(fc.constantFrom('encoding', 'encryption-key-id', 'workflow', 'key', 'messageType', '__proto__'), fc.uint8Array({ maxLength: 40 }), {
    maxKeys: 3,
  }),
  noise: fc.option(fc.uint8Array({ maxLength: 300 }), { nil: undefined }),
});

describe('the payload codec under attack', () => {
  it('gives out nothing that was changed, moved, cut or made up by somebody without the key', async () => {
    await fc.assert(
      fc.asyncProperty(tampering, async ({ from, at, flip, cut, metadata, noise }) => {
        const source = from ? sealed : foreign;
        const data = noise ?? Uint8Array.from(source.data ?? []);
        if (noise === undefined && data.length > 0) data[at % data.length] = (data[at % data.length] ?? 0) ^ flip;
        const given: Payload = { metadata: { ...source.metadata, ...metadata }, data: cut === undefined ? data : data.subarray(0, cut) };
        const refused = await refusing.decode([given], mine).catch((error: unknown) => error);
        expect(refused).toBeInstanceOf(CountersignError);
        expect(['payload-unreadable', 'encryption-key-unknown']).toContain((refused as CountersignError).code);
        const marked = await marking.decode([given], mine).catch((error: unknown) => (error as CountersignError).code);
        if (typeof marked === 'string') expect(marked).toBe('encryption-key-unknown');
        else expect(text(marked[0])).toBe('{"unreadable":true}');
      }),
      budget(3_000),
    );
  });

  it('gives back what went in, in its own workflow and in no other', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ maxLength: 400 }), fc.string({ minLength: 1, maxLength: 60 }), async (said, workflowId) => {
        const context = { ...mine, workflowId };
        const [written] = await refusing.encode([clear(said)], context);
        expect(text((await refusing.decode([written as Payload], context))[0])).toBe(JSON.stringify(said));
        await expect(refusing.decode([written as Payload], { ...mine, workflowId: `${workflowId}x` })).rejects.toMatchObject({ code: 'payload-unreadable' });
      }),
      budget(800),
    );
  });
});
