import { randomBytes } from 'node:crypto';
import type { DataConverter } from '@temporalio/common';
import { encryptingDataConverter } from '../codec/data-converter.js';
import { encryptionKeys, parseEncryptionKey } from '../codec/keys.js';
import type { CodecOptions } from '../codec/payload-codec.js';

// Children inherit it, so that all processes of one run have the same key.
const variable = 'COUNTERSIGN_BENCH_ENCRYPTION_KEY';

/** The option of a client or worker that encrypts as in production, or nothing where all is to be in clear. */
export function converterOf(encrypted: boolean, unreadable: CodecOptions['unreadable']): { readonly dataConverter?: DataConverter } {
  if (!encrypted) return {};
  const text = (process.env[variable] ??= randomBytes(32).toString('base64'));
  return { dataConverter: encryptingDataConverter(encryptionKeys([parseEncryptionKey('bench', text)], 'bench'), { unreadable }) };
}
