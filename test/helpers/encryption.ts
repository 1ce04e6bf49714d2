import type { DataConverter, PayloadCodec } from '@temporalio/common';
import { encryptingDataConverter } from '../../codec/data-converter.js';
import { encryptionKeys, parseEncryptionKey, type EncryptionKey } from '../../codec/keys.js';
import { createPayloadCodec, type CodecOptions } from '../../codec/payload-codec.js';

/** Keys that tests write with. Fixed, since recorded histories are read with the first one for ever; they protect nothing. */
export const testKeyText = {
  first: Buffer.from('0123456789abcdef0123456789abcdef').toString('base64'),
  second: Buffer.from('fedcba9876543210fedcba9876543210').toString('base64'),
} as const;

/** One of the fixed keys, under its name. */
export function testKey(name: keyof typeof testKeyText): EncryptionKey {
  return parseEncryptionKey(name, testKeyText[name]);
}

/** Converters with the first key, as a worker has them unless told otherwise. */
export function testConverter(unreadable: CodecOptions['unreadable'] = 'mark', options: Omit<CodecOptions, 'unreadable'> = {}): DataConverter {
  return encryptingDataConverter(encryptionKeys([testKey('first')], 'first'), { unreadable, ...options });
}

/** What reads the payloads of a whole system, by the secrets it was started with. */
export function codecOfSystem(secrets: Readonly<Record<string, string>>): PayloadCodec {
  return createPayloadCodec(encryptionKeys([parseEncryptionKey('dev', secrets['COUNTERSIGN_ENCRYPTION_KEY'] ?? '')], 'dev'), { unreadable: 'refuse' });
}
