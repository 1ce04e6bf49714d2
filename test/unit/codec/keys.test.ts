import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { loadDataConverter } from '../../../codec/data-converter.js';
import { encryptionKeys, loadEncryptionKeys, parseEncryptionKey } from '../../../codec/keys.js';
import type { LoadedConfig } from '../../../config/load.js';
import type { Config } from '../../../config/schema.js';
import { testKey, testKeyText } from '../../helpers/encryption.js';

const folder = mkdtempSync(path.join(os.tmpdir(), 'countersign-encryption-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const configOf = (encryption: Config['encryption']): LoadedConfig =>
  ({ encryption, resolve: (name: string) => path.join(folder, name) }) as unknown as LoadedConfig;

describe('encryption keys', () => {
  it('are read from base64, base64url and a JWK, from variable and file', () => {
    const jwk = JSON.stringify({ kty: 'oct', k: Buffer.from(testKeyText.first, 'base64').toString('base64url') });
    writeFileSync(path.join(folder, 'key.jwk'), `${jwk}\n`);
    vi.stubEnv('TEST_ENCRYPTION_KEY', testKeyText.second);
    const keys = loadEncryptionKeys(
      configOf({
        keys: [
          { id: 'second', env: 'TEST_ENCRYPTION_KEY' },
          { id: 'first', file: 'key.jwk' },
        ],
        writeWith: 'second',
      }),
    );
    expect(keys?.write.wireId).toBe(testKey('second').wireId);
    expect([...(keys?.read.keys() ?? [])].sort()).toEqual([testKey('first').wireId, testKey('second').wireId]);
  });

  const bad: Record<string, string> = {
    nothing: '',
    'a short one': Buffer.from('0123456789abcdef').toString('base64'),
    'a long one': Buffer.alloc(33, 'ab').toString('base64'),
    text: 'correct horse battery staple, thirty-two',
    'a JWK of another type': JSON.stringify({ kty: 'OKP', k: testKeyText.first }),
    'a JWK without a key': JSON.stringify({ kty: 'oct' }),
    'broken JSON': `{"kty":"oct","k":"${testKeyText.first}`,
    'one byte over and over': Buffer.alloc(32).toString('base64'),
  };
  it.each(Object.entries(bad))('%s is none, and is not told', (_name, text) => {
    const read = () => parseEncryptionKey('k1', text);
    expect(read).toThrow(expect.objectContaining({ code: 'config-invalid' }) as Error);
    if (text.length > 8) expect(read).not.toThrow(new RegExp(text.slice(0, 8).replace(/[^\w]/g, '.')));
  });

  it('must be there, each once', () => {
    expect(() => encryptionKeys([testKey('first')], 'second')).toThrow(/writeWith/);
    expect(() => encryptionKeys([testKey('first'), testKey('first')], 'first')).toThrow(/twice/);
    expect(() => loadEncryptionKeys(configOf({ keys: [{ id: 'k1', env: 'TEST_ENCRYPTION_KEY_MISSING' }], writeWith: 'k1' }))).toThrow(
      /TEST_ENCRYPTION_KEY_MISSING is not set/,
    );
    expect(() => loadEncryptionKeys(configOf({ keys: [{ id: 'k1', file: 'none' }], writeWith: 'k1' }))).toThrow(/cannot be read/);
  });

  it('are not needed where none is named, which only development may leave out', () => {
    expect(loadEncryptionKeys(configOf(undefined))).toBeUndefined();
    expect(loadDataConverter(configOf(undefined), 'refuse').payloadCodecs).toBeUndefined();
  });
});
