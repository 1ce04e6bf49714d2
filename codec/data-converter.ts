import { fileURLToPath } from 'node:url';
import type { DataConverter } from '@temporalio/common';
import type { LoadedConfig } from '../config/load.js';
import { loadEncryptionKeys, type EncryptionKeys } from './keys.js';
import { createPayloadCodec, type CodecOptions } from './payload-codec.js';

/** The failure converter of every client and worker, and of the workflow bundle. */
export const failureConverterPath = fileURLToPath(new URL('./failure-converter.cjs', import.meta.url));

/** Converters for everything that goes through Temporal, errors included. */
export function encryptingDataConverter(keys: EncryptionKeys, options: CodecOptions): DataConverter {
  return { failureConverterPath, payloadCodecs: [createPayloadCodec(keys, options)] };
}

/**
 * The converters that the configuration asks for; those of Temporal, in clear, where it names no keys, which only a development
 * configuration may. Throws `config-invalid`.
 */
export function loadDataConverter(config: LoadedConfig, unreadable: CodecOptions['unreadable']): DataConverter {
  const keys = loadEncryptionKeys(config);
  if (keys === undefined) return { failureConverterPath };
  return encryptingDataConverter(keys, { unreadable, readClear: config.encryption?.readClear ?? false });
}
