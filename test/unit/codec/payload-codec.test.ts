import { readFileSync } from 'node:fs';
import type { Payload, SerializationContext } from '@temporalio/common';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encryptionKeys, parseEncryptionKey } from '../../../codec/keys.js';
import { createPayloadCodec } from '../../../codec/payload-codec.js';
import { wire } from '../../../codec/wire.js';
import { testKey } from '../../helpers/encryption.js';

const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'utf8'));
const json = (value: unknown): Payload => ({ metadata: { encoding: bytes('json/plain') }, data: bytes(JSON.stringify(value)) });
const of = (workflowId: string): SerializationContext => ({ type: 'workflow', namespace: 'default', workflowId });
const first = encryptionKeys([testKey('first')], 'first');
const codec = createPayloadCodec(first, { unreadable: 'refuse' });
const marking = createPayloadCodec(first, { unreadable: 'mark' });
const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => 'accepted',
    (error: { code?: string }) => error.code,
  );
const seal = async (payload: Payload = json('secret'), context: SerializationContext | undefined = of('act_1')): Promise<Payload> =>
  (await codec.encode([payload], context))[0]!;
const plain = ({ metadata, data }: Payload) => ({
  metadata: Object.fromEntries(Object.entries(metadata ?? {}).map(([name, value]) => [name, Buffer.from(value)])),
  data: Buffer.from(data ?? []),
});

const payloads = fc.record({
  metadata: fc.dictionary(
    fc.string({ maxLength: 20 }).filter((name) => name !== '__proto__'),
    fc.uint8Array({ maxLength: 40 }),
    { maxKeys: 4 },
  ),
  data: fc.uint8Array({ maxLength: 3_000 }),
});

describe('the payload codec', () => {
  it('gives back every payload as it was, in any workflow', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(payloads, { maxLength: 5 }), fc.string({ minLength: 1, maxLength: 80, unit: 'grapheme' }), async (some, workflowId) => {
        const sealed = await codec.encode(some, of(workflowId));
        for (const one of sealed) expect(Buffer.from(one.metadata!['encoding']!).toString()).toBe('binary/encrypted');
        expect((await codec.decode(sealed, of(workflowId))).map(plain)).toEqual(some.map(plain));
      }),
      { numRuns: 60 },
    );
  });

  it('shows nothing of the content, and never the same bytes twice', async () => {
    const [one, other] = [await seal(), await seal()];
    expect(Buffer.from(one.data!).includes('secret')).toBe(false);
    expect(Buffer.from(one.data!).equals(Buffer.from(other.data!))).toBe(false);
    const nonces = new Set(
      await Promise.all(Array.from({ length: 500 }, async () => Buffer.from((await seal()).data!.subarray(0, wire.nonceBytes)).toString('hex'))),
    );
    expect(nonces.size).toBe(500);
  });

  it('refuses every change of a single bit, of what is in clear too', async () => {
    const sealed = await seal();
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.nat({ max: 7 }), async (at, bit) => {
        const data = Uint8Array.from(sealed.data!);
        data[at % data.length]! ^= 1 << bit;
        expect(await codeOf(codec.decode([{ ...sealed, data }], of('act_1')))).toBe('payload-unreadable');
      }),
      { numRuns: 80 },
    );
    for (const name of ['encoding', 'encryption-format', 'workflow-id'])
      for (const value of ['', 'x', `${Buffer.from(sealed.metadata![name]!).toString()}x`])
        expect(await codeOf(codec.decode([{ ...sealed, metadata: { ...sealed.metadata, [name]: bytes(value) } }])), `${name}=${value}`).toBe(
          'payload-unreadable',
        );
  });

  it('opens a payload nowhere but in its workflow', async () => {
    const sealed = await seal();
    expect(await codeOf(codec.decode([sealed], of('act_2')))).toBe('payload-unreadable');
    const moved = { ...sealed, metadata: { ...sealed.metadata, 'workflow-id': bytes('act_2') } };
    expect(await codeOf(codec.decode([moved], of('act_2')))).toBe('payload-unreadable');
    const loose = (await codec.encode([json(1)]))[0]!;
    expect(await codeOf(codec.decode([loose], of('act_1')))).toBe('payload-unreadable');
    expect(await codeOf(codec.decode([loose]))).toBe('accepted');
    // The codec server is not told the workflow; the payload's own word for it is authenticated.
    expect(await codeOf(codec.decode([sealed]))).toBe('accepted');
  });

  it('refuses what was never encrypted, unless told to read it', async () => {
    expect(await codeOf(codec.decode([json(1)]))).toBe('payload-unreadable');
    const lenient = createPayloadCodec(first, { unreadable: 'refuse', readClear: true });
    expect(await lenient.decode([json(1)])).toEqual([json(1)]);
    const claimed = { metadata: { encoding: bytes('binary/encrypted') }, data: bytes('{}') };
    expect(await codeOf(lenient.decode([claimed]))).toBe('payload-unreadable');
  });

  it('puts a mark in place of what a worker cannot read, so that a forged message holds nothing up', async () => {
    const [marked] = await marking.decode([json({ decision: 'x' })], of('act_1'));
    expect(Buffer.from(marked!.data!).toString()).toBe('{"unreadable":true}');
  });

  it('says which mistake it is when a key is missing or another one has its name, and shows neither', async () => {
    const sealed = await seal();
    const others = {
      'another key': encryptionKeys([testKey('second')], 'second'),
      'another key of the same id': encryptionKeys([parseEncryptionKey('first', Buffer.alloc(32, 'ab').toString('base64'))], 'first'),
    };
    for (const [name, keys] of Object.entries(others))
      for (const unreadable of ['refuse', 'mark'] as const) {
        const error = await createPayloadCodec(keys, { unreadable })
          .decode([sealed], of('act_1'))
          .then(
            () => undefined,
            (reason: Error) => reason,
          );
        expect(error, name).toMatchObject({ code: 'encryption-key-unknown' });
        expect(error?.message, name).not.toMatch(/first|act_1|secret/);
      }
  });

  it('reads with every key and writes with one', async () => {
    const sealed = await seal();
    const both = createPayloadCodec(encryptionKeys([testKey('first'), testKey('second')], 'second'), { unreadable: 'refuse' });
    expect((await both.decode([sealed], of('act_1'))).map(plain)).toEqual([plain(json('secret'))]);
    const [written] = await both.encode([json(2)], of('act_1'));
    expect(Buffer.from(written!.metadata!['encryption-key-id']!).toString()).toMatch(/^second\.[0-9a-f]{8}$/);
    expect(await codeOf(codec.decode([written!]))).toBe('encryption-key-unknown');
  });

  it('never takes random bytes for a payload', async () => {
    const metadata = fc.dictionary(
      fc.constantFrom('encoding', 'encryption-format', 'encryption-key-id', 'workflow-id', 'other'),
      fc.oneof(fc.uint8Array({ maxLength: 30 }), fc.constantFrom(...['binary/encrypted', 'countersign-1', testKey('first').wireId].map(bytes))),
    );
    await fc.assert(
      fc.asyncProperty(fc.option(metadata, { nil: undefined }), fc.option(fc.uint8Array({ maxLength: 100 }), { nil: undefined }), async (given, data) => {
        const payload: Payload = { ...(given === undefined ? {} : { metadata: given }), ...(data === undefined ? {} : { data }) };
        expect(await codeOf(codec.decode([payload]))).toMatch(/^(payload-unreadable|encryption-key-unknown)$/);
      }),
      { numRuns: 300 },
    );
  });

  it('has bounds', async () => {
    const large = { metadata: {}, data: new Uint8Array(wire.longestBytes) };
    expect(await codeOf(codec.encode([large]))).toBe('payload-too-large');
    const sealed = await seal();
    expect(await codeOf(codec.decode([{ ...sealed, data: large.data }]))).toBe('payload-unreadable');
    expect(await codeOf(codec.decode([{ ...sealed, data: new Uint8Array(wire.longestBytes + 1) }]))).toBe('payload-unreadable');
  });
});

type Vector = {
  readonly name: string;
  readonly keyId: string;
  readonly key: string;
  readonly payload: { metadata: Record<string, string>; data: string };
  readonly clear?: { metadata: Record<string, string>; data: string };
};
const vectors = JSON.parse(readFileSync(new URL('../../testdata/codec/vectors.json', import.meta.url), 'utf8')) as readonly Vector[];
const fromVector = ({ metadata, data }: Vector['payload']): Payload => ({
  metadata: Object.fromEntries(Object.entries(metadata).map(([name, value]) => [name, new Uint8Array(Buffer.from(value, 'base64'))])),
  data: new Uint8Array(Buffer.from(data, 'base64')),
});

describe('known answers, which every implementation gives', () => {
  it.each(vectors.map((vector) => [vector.name, vector] as const))('%s', async (_name, vector) => {
    const reading = createPayloadCodec(encryptionKeys([parseEncryptionKey(vector.keyId, vector.key)], vector.keyId), { unreadable: 'refuse' });
    const answer = reading.decode([fromVector(vector.payload)]);
    if (vector.clear === undefined) expect(await codeOf(answer)).toBe('payload-unreadable');
    else expect((await answer).map(plain)).toEqual([plain(fromVector(vector.clear))]);
  });
});
