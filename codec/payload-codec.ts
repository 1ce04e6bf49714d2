import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { Payload, PayloadCodec, SerializationContext } from '@temporalio/common';
import proto from '@temporalio/proto';
import { CountersignError } from '../domain/errors.js';
import type { EncryptionKeys } from './keys.js';
import { additionalData, fromPayload, saysEncrypted, toPayload, wire, type Envelope } from './wire.js';

const PayloadMessage = proto.temporal.api.common.v1.Payload;
const cipherName = 'aes-256-gcm';

export type CodecOptions = {
  /**
   * What becomes of a payload that nobody with a key wrote for this workflow: `refuse` throws `payload-unreadable`; `mark` puts
   * `{"unreadable": true}` in its place, so that a forged signal is recorded as a refused one and cannot hold up its workflow.
   */
  readonly unreadable: 'refuse' | 'mark';
  /** Takes payloads that are not encrypted as they are: for the time in which actions from before encryption are still open. */
  readonly readClear?: boolean;
};

const unreadableMark: Payload = {
  metadata: { encoding: new TextEncoder().encode('json/plain') },
  data: new TextEncoder().encode('{"unreadable":true}'),
};

/**
 * Encrypts every payload with AES-256-GCM under a fresh nonce, and ties it to its workflow: it opens nowhere else.
 * Decoding throws `encryption-key-unknown` for a key that is not there, whatever `unreadable` says: that is a mistake in the
 * configuration, and Temporal asks again until it is mended. Both ways throw `payload-too-large` beyond what Temporal can hold.
 */
export function createPayloadCodec(keys: EncryptionKeys, options: CodecOptions): PayloadCodec {
  const decodeOne = (payload: Payload, context: SerializationContext | undefined): Payload => {
    if (options.readClear === true && !saysEncrypted(payload)) return payload;
    const opened = open(payload, keys, context?.workflowId);
    if (opened !== undefined) return opened;
    if (options.unreadable === 'mark') return unreadableMark;
    throw new CountersignError('payload-unreadable');
  };
  return {
    encode: async (payloads, context) => payloads.map((payload) => seal(payload, keys, context?.workflowId ?? '')),
    decode: async (payloads, context) => payloads.map((payload) => decodeOne(payload, context)),
  };
}

/** The workflow that an encrypted payload says it belongs to. Unproved until it was opened. */
export function workflowOf(payload: Payload): string | undefined {
  return fromPayload(payload)?.workflowId;
}

function seal(payload: Payload, { write }: EncryptionKeys, workflowId: string): Payload {
  const clear = PayloadMessage.encode(payload).finish();
  if (clear.length > wire.longestBytes - wire.nonceBytes - wire.tagBytes) throw new CountersignError('payload-too-large');
  const nonce = randomBytes(wire.nonceBytes);
  const cipher = createCipheriv(cipherName, write.secret, nonce, { authTagLength: wire.tagBytes });
  cipher.setAAD(additionalData({ keyId: write.wireId, workflowId }));
  const data = Buffer.concat([nonce, cipher.update(clear), cipher.final(), cipher.getAuthTag()]);
  return toPayload({ keyId: write.wireId, workflowId, data });
}

/** The payload inside, or `undefined` when it was not written with a key of ours for this workflow. Throws `encryption-key-unknown`. */
function open(payload: Payload, { read }: EncryptionKeys, workflowId: string | undefined): Payload | undefined {
  const envelope = fromPayload(payload);
  if (envelope === undefined || (workflowId !== undefined && envelope.workflowId !== workflowId)) return undefined;
  const key = read.get(envelope.keyId);
  if (key === undefined) throw new CountersignError('encryption-key-unknown');
  try {
    return PayloadMessage.decode(decrypt(envelope, key.secret));
  } catch {
    return undefined;
  }
}

function decrypt({ keyId, workflowId, data }: Envelope, secret: Parameters<typeof createDecipheriv>[1]): Buffer {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const decipher = createDecipheriv(cipherName, secret, bytes.subarray(0, wire.nonceBytes), { authTagLength: wire.tagBytes });
  decipher.setAAD(additionalData({ keyId, workflowId }));
  decipher.setAuthTag(bytes.subarray(-wire.tagBytes));
  return Buffer.concat([decipher.update(bytes.subarray(wire.nonceBytes, -wire.tagBytes)), decipher.final()]);
}
