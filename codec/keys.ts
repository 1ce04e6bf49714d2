import { createHash, createSecretKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { secretFromEnv, type LoadedConfig } from '../config/load.js';
import { CountersignError } from '../domain/errors.js';

/** One AES-256 key. `wireId` names it in payloads: its id, and a mark of its bytes, so that another key under the same id is noticed. */
export type EncryptionKey = { readonly id: string; readonly wireId: string; readonly secret: KeyObject };

/** The keys that can be read with, by their id on the wire, and the one to write with. */
export type EncryptionKeys = { readonly write: EncryptionKey; readonly read: ReadonlyMap<string, EncryptionKey> };

const keyBytes = 32;
const idPattern = /^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$/;

/**
 * A key from its text: 32 bytes as base64 or base64url, or a JWK of type `oct`.
 * Throws `config-invalid` that names the key and never what was read.
 */
export function parseEncryptionKey(id: string, text: string): EncryptionKey {
  const bytes = idPattern.test(id) ? readBytes(text.trim()) : undefined;
  if (bytes === undefined || bytes.every((byte) => byte === bytes[0]))
    throw new CountersignError(
      'config-invalid',
      `The encryption key ${JSON.stringify(id.slice(0, 64))} is not 32 random bytes as base64 or as a JWK of type oct.`,
    );
  const mark = createHash('sha256').update('countersign encryption key').update(bytes).digest('hex').slice(0, 8);
  return { id, wireId: `${id}.${mark}`, secret: createSecretKey(bytes) };
}

/** A set of keys of which one writes. Throws `config-invalid` when that one is missing or an id stands twice. */
export function encryptionKeys(keys: readonly EncryptionKey[], writeWith: string): EncryptionKeys {
  const ids = new Set(keys.map(({ id }) => id));
  if (ids.size !== keys.length) throw new CountersignError('config-invalid', '"encryption.keys" names an id twice.');
  const write = keys.find(({ id }) => id === writeWith);
  if (write === undefined)
    throw new CountersignError('config-invalid', `"encryption.writeWith" is ${JSON.stringify(writeWith)}, which "encryption.keys" does not name.`);
  return { write, read: new Map(keys.map((key) => [key.wireId, key])) };
}

/** The keys that the configuration names; `undefined` where it names none. Throws `config-invalid`. */
export function loadEncryptionKeys(config: LoadedConfig): EncryptionKeys | undefined {
  const { encryption } = config;
  if (encryption === undefined) return undefined;
  const keys = encryption.keys.map((key) => parseEncryptionKey(key.id, 'env' in key ? secretFromEnv(key.env) : readKeyFile(key.id, config.resolve(key.file))));
  return encryptionKeys(keys, encryption.writeWith);
}

function readBytes(text: string): Buffer | undefined {
  const encoded = text.startsWith('{') ? octKey(text) : text;
  if (encoded === undefined || !/^[A-Za-z0-9+/_-]{43}=?$/.test(encoded)) return undefined;
  const bytes = Buffer.from(encoded, 'base64');
  return bytes.length === keyBytes ? bytes : undefined;
}

function octKey(text: string): string | undefined {
  try {
    const { kty, k } = JSON.parse(text) as { kty?: unknown; k?: unknown };
    return kty === 'oct' && typeof k === 'string' ? k : undefined;
  } catch {
    return undefined;
  }
}

function readKeyFile(id: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    throw new CountersignError('config-invalid', `${file} cannot be read; "encryption.keys" names it as the place of ${id}.`);
  }
}
