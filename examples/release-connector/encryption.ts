import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { DataConverter, Payload, PayloadCodec } from '@temporalio/common';
import proto from '@temporalio/proto';

const { Payload: PayloadMessage } = proto.temporal.api.common.v1;
const encoding = 'binary/encrypted';
const format = 'countersign-1';
const [nonceBytes, tagBytes] = [12, 16];

type Key = { readonly wireId: string; readonly bytes: Buffer };

/**
 * Temporal converters that speak Countersign's encryption: AES-256-GCM, tied to the workflow. `text` is `id=base64`, several
 * separated by commas, the same keys that `encryption.keys` of countersign.yaml names; the first one writes.
 */
export function encryptedWith(text: string): DataConverter {
  const keys = text.split(',').map(parseKey);
  const [write] = keys;
  if (write === undefined) throw new TypeError('there is no encryption key');
  const read = new Map(keys.map((key) => [key.wireId, key]));
  const codec: PayloadCodec = {
    encode: async (payloads, context) => payloads.map((payload) => seal(payload, write, context?.workflowId ?? '')),
    decode: async (payloads, context) => payloads.map((payload) => open(payload, read, context?.workflowId)),
  };
  return { payloadCodecs: [codec], failureConverterPath: fileURLToPath(new URL('./failure-converter.cjs', import.meta.url)) };
}

function parseKey(text: string): Key {
  const [, id, encoded] = /^([\w-]+)=([\w+/-]{43}=?)$/.exec(text.trim()) ?? [];
  const bytes = Buffer.from(encoded ?? '', 'base64');
  if (id === undefined || bytes.length !== 32) throw new TypeError('an encryption key is not of the form id=base64');
  // Names the key in payloads. The digits tell another key under the same id.
  const mark = createHash('sha256').update('countersign encryption key').update(bytes).digest('hex').slice(0, 8);
  return { wireId: `${id}.${mark}`, bytes };
}

function seal(payload: Payload, { wireId, bytes }: Key, workflowId: string): Payload {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', bytes, nonce).setAAD(additionalData(wireId, workflowId));
  const data = Buffer.concat([nonce, cipher.update(PayloadMessage.encode(payload).finish()), cipher.final(), cipher.getAuthTag()]);
  const metadata = { encoding, 'encryption-format': format, 'encryption-key-id': wireId, ...(workflowId === '' ? {} : { 'workflow-id': workflowId }) };
  return { metadata: Object.fromEntries(Object.entries(metadata).map(([name, value]) => [name, Buffer.from(value)])), data };
}

// What does not open was not written by Countersign for this workflow. Why not is nobody's business.
function open({ metadata, data }: Payload, keys: ReadonlyMap<string, Key>, workflowId: string | undefined): Payload {
  const told = (name: string) => Buffer.from(metadata?.[name] ?? []).toString('utf8');
  const [wireId, boundTo, bytes] = [told('encryption-key-id'), told('workflow-id'), Buffer.from(data ?? [])];
  const key = keys.get(wireId);
  if (told('encoding') !== encoding || told('encryption-format') !== format || bytes.length < nonceBytes + tagBytes) throw new TypeError('payload-unreadable');
  if (workflowId !== undefined && boundTo !== workflowId) throw new TypeError('payload-unreadable');
  if (key === undefined) throw new TypeError('encryption-key-unknown');
  try {
    const decipher = createDecipheriv('aes-256-gcm', key.bytes, bytes.subarray(0, nonceBytes), { authTagLength: tagBytes });
    decipher.setAAD(additionalData(wireId, boundTo)).setAuthTag(bytes.subarray(-tagBytes));
    return PayloadMessage.decode(Buffer.concat([decipher.update(bytes.subarray(nonceBytes, -tagBytes)), decipher.final()]));
  } catch {
    throw new TypeError('payload-unreadable');
  }
}

/** Each text with its length in front. */
function additionalData(...texts: readonly [wireId: string, workflowId: string]): Buffer {
  return Buffer.concat(
    [encoding, format, ...texts].flatMap((text) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(Buffer.byteLength(text));
      return [length, Buffer.from(text)];
    }),
  );
}
