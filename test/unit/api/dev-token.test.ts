import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { createLocalJWKSet, exportJWK, generateKeyPair, jwtVerify } from 'jose';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { devToken } from '../../../cli/dev-token.js';
import type { LoadedConfig } from '../../../config/load.js';
import { actionId, isActionId } from '../../../domain/ids.js';

const folder = mkdtempSync(path.join(os.tmpdir(), 'countersign-token-'));
const issuer = 'http://127.0.0.1:4999';
let keys: ReturnType<typeof createLocalJWKSet>;
const config = (environment: 'development' | 'production') =>
  ({
    environment,
    file: path.join(folder, 'countersign.yaml'),
    resolve: (file: string) => path.resolve(folder, file),
    dev: { idpPort: 4999, databasePort: 0 },
    directory: { file: fileURLToPath(new URL('../../../policies/directory.yaml', import.meta.url)) },
    identity: {
      issuers: [{ issuer, audience: 'countersign', algorithms: ['ES256'], principal: { claim: 'countersign_kind', agent: ['agent'], person: ['person'] } }],
    },
  }) as unknown as LoadedConfig;

beforeAll(async () => {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  mkdirSync(path.join(folder, 'idp'));
  writeFileSync(path.join(folder, 'idp', 'signing.private.jwk'), JSON.stringify({ ...(await exportJWK(privateKey)), kid: 'k' }));
  keys = createLocalJWKSet({ keys: [{ ...(await exportJWK(publicKey)), kid: 'k', alg: 'ES256' }] });
});
afterAll(() => rmSync(folder, { recursive: true }));

it.each([
  ['invoice-bot', 'agent'],
  ['alice', 'person'],
])('countersign dev token %s is a token of an %s for 15 minutes', async (subject, kind) => {
  const { payload, protectedHeader } = await jwtVerify(await devToken(config('development'), subject, new Date()), keys, {
    issuer,
    audience: 'countersign',
    subject,
  });
  expect(payload['countersign_kind']).toBe(kind);
  expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(900);
  // The client that the sample configuration lets decide.
  expect(payload['client_id']).toBe('countersign-cli');
  expect(protectedHeader.typ).toBe('at+jwt');
});
it('is refused in production and for strangers', async () => {
  await expect(devToken(config('production'), 'alice', new Date())).rejects.toThrow('config-invalid');
  await expect(devToken(config('development'), 'mallory', new Date())).rejects.toThrow('config-invalid');
});
it('an action id is the same for the same issuer, subject and key, and another however they are cut', () => {
  expect(isActionId(actionId('a', 'b', 'c'))).toBe(true);
  expect(actionId('a', 'b', 'c')).toBe(actionId('a', 'b', 'c'));
  expect(new Set([actionId('a', 'b', 'c'), actionId('ab', '', 'c'), actionId('a', 'bc', ''), actionId('', 'ab', 'c')]).size).toBe(4);
});
