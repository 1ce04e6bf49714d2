import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { exportJWK, generateKeyPair, type JWK } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openProviderKeys, type ProviderKeys } from '../../../activities/adapters/proofs/provider-keys.js';

const issuer = 'https://idp.example';
const start = Date.parse('2026-03-02T10:00:00.000Z');
const day = 86_400;
const key = async (kid: string): Promise<JWK> => ({ ...(await exportJWK((await generateKeyPair('ES256', { extractable: true })).publicKey)), kid });

let folder: string;
let nowMs: number;
const opened: ProviderKeys[] = [];
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'countersign-provider-keys-'));
  nowMs = start;
});
afterEach(() => {
  for (const keys of opened.splice(0)) keys.close();
  rmSync(folder, { recursive: true, force: true });
});

const publish = (...keys: readonly unknown[]) => writeFileSync(path.join(folder, 'jwks.json'), JSON.stringify({ keys }));
function open(): ProviderKeys {
  const source = { kind: 'file', file: path.join(folder, 'jwks.json') } as const;
  const keys = openProviderKeys(new Map([[issuer, source]]), { file: path.join(folder, 'grants.sqlite'), now: () => new Date(nowMs) });
  opened.push(keys);
  return keys;
}

describe('keys of identity providers', () => {
  it('that rotated since still verify what they signed while in use, also after a restart', async () => {
    const old = await key('old');
    publish(old);
    await open().refresh();
    nowMs += day * 1000;
    publish(await key('new'));
    const restarted = open();
    await restarted.refresh();
    expect(await restarted.keyFor(issuer, 'old', start / 1000 + 60)).toMatchObject({ kid: 'old', x: old.x });
    expect(await restarted.keyFor(issuer, 'new', nowMs / 1000)).toMatchObject({ kid: 'new' });
  });

  it('that were taken out of use vouch for nothing dated later', async () => {
    publish(await key('old'));
    await open().refresh();
    nowMs += day * 1000;
    publish(await key('new'));
    const keys = open();
    await keys.refresh();
    expect(await keys.keyFor(issuer, 'old', nowMs / 1000)).toBeUndefined();
  });

  it('are looked for at once when a token names a new one', async () => {
    publish(await key('new'));
    expect(await open().keyFor(issuer, 'new', start / 1000)).toMatchObject({ kid: 'new' });
  });

  it('are the new ones where an id comes again with another key', async () => {
    const [first, second] = [await key('same'), await key('same')];
    publish(first);
    const keys = open();
    await keys.refresh();
    publish(second);
    await keys.refresh();
    expect(await keys.keyFor(issuer, 'same', start / 1000)).toMatchObject({ x: second.x });
  });

  it('without an id, symmetric, private or of nobody configured are not kept', async () => {
    const { kid: _kid, ...nameless } = await key('nameless');
    publish(nameless, { kty: 'oct', k: 'AAAA', kid: 'shared' }, { ...(await key('private')), d: 'AAAA' });
    const keys = open();
    await keys.refresh();
    for (const kid of ['nameless', 'shared', 'private']) expect(await keys.keyFor(issuer, kid, start / 1000)).toBeUndefined();
    publish(await key('good'));
    await keys.refresh();
    expect(await keys.keyFor('https://other.example', 'good', start / 1000)).toBeUndefined();
  });

  it('stay as they were while the provider answers nonsense', async () => {
    publish(await key('good'));
    const keys = open();
    await keys.refresh();
    writeFileSync(path.join(folder, 'jwks.json'), '<html>');
    await keys.refresh();
    expect(await keys.keyFor(issuer, 'good', start / 1000)).toMatchObject({ kid: 'good' });
  });
});
