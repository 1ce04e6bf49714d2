import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { activateRotation, createKeys, learnSeconds, listKeys, markCompromised, prepareRotation, statusOf } from '../../../cli/keys-store.js';
import { nextKeyFile, privateKeyFile, processRoles, publicKeysFile } from '../../../config/key-files.js';
import { readSigningKey } from '../../../config/keys.js';
import { openTrustedKeys } from '../../../config/trusted-keys.js';
import { sign, verify } from '../../../domain/signing.js';
import { keyFolder } from '../../helpers/key-folder.js';

const later = (folder: { directory: string; now: number }, seconds: number) => ({ ...folder, now: folder.now + seconds });
const kidOf = (file: string) => (JSON.parse(readFileSync(file, 'utf8')) as { readonly kid: string }).kid;

describe('a key folder', () => {
  it('gives each role a folder that its user alone can enter, and keeps private halves out of the public one', async () => {
    const { directory } = await keyFolder();
    for (const role of processRoles) {
      expect(statSync(path.join(directory, role)).mode & 0o777).toBe(0o700);
      expect(statSync(privateKeyFile(directory, role)).mode & 0o777).toBe(0o600);
      expect(readdirSync(path.join(directory, role))).toEqual([`${role}.private.jwk`]);
    }
    expect(readdirSync(path.join(directory, 'public'))).toEqual(['public.jwks.json']);
    expect(readFileSync(publicKeysFile(directory), 'utf8')).not.toContain('"d"');
  });

  it('is left as it is by a second creation', async () => {
    const folder = await keyFolder();
    const before = readFileSync(publicKeysFile(folder.directory), 'utf8');
    expect(await createKeys(folder)).toEqual([]);
    expect(readFileSync(publicKeysFile(folder.directory), 'utf8')).toBe(before);
  });

  it('publishes a private key again whose list is lost', async () => {
    const folder = await keyFolder();
    const kid = kidOf(privateKeyFile(folder.directory, 'policy'));
    writeFileSync(publicKeysFile(folder.directory), '{"keys":[]}');
    expect(await createKeys(folder)).toContain(kid);
    expect(kidOf(privateKeyFile(folder.directory, 'policy'))).toBe(kid);
  });

  it('is not changed by two commands at once', async () => {
    const folder = await keyFolder();
    const results = await Promise.allSettled([prepareRotation(folder, 'policy'), prepareRotation(folder, 'decision')]);
    expect(results.filter((one) => one.status === 'rejected').length).toBe(1);
    expect(existsSync(path.join(folder.directory, 'public', '.lock'))).toBe(false);
  });

  it('refuses a list that cannot be read rather than losing what is in it', async () => {
    const folder = await keyFolder();
    writeFileSync(publicKeysFile(folder.directory), '{"keys":[');
    await expect(createKeys(folder)).rejects.toMatchObject({ code: 'config-invalid' });
    await expect(listKeys(folder.directory)).rejects.toMatchObject({ code: 'config-invalid' });
    expect(readFileSync(publicKeysFile(folder.directory), 'utf8')).toBe('{"keys":[');
  });
});

describe('a rotation', () => {
  it('publishes the successor before it signs, and what the old key signed still verifies', async () => {
    const folder = await keyFolder(1_000_000);
    const { directory } = folder;
    const times = (issuedAt: number) => ({ issuedAt, expiresAt: issuedAt + 300, id: 'x' });
    const old = await readSigningKey(directory, 'decision');
    const before = await sign('decision', old, {}, times(1_000_000));

    const next = await prepareRotation(folder, 'decision');
    expect(await prepareRotation(folder, 'decision'), 'repeated').toBe(next);
    expect(kidOf(privateKeyFile(directory, 'decision'))).toBe(old.kid);
    const trusted = await openTrustedKeys(directory);
    expect(trusted.get(next)).toMatchObject({ role: 'decision', status: 'active' });
    expect(trusted.get(old.kid)).toMatchObject({ status: 'active', successor: next });

    await expect(activateRotation(later(folder, learnSeconds - 1), 'decision', { graceSeconds: 60 })).rejects.toThrow('Try again in 1 seconds');
    const at = learnSeconds;
    expect(await activateRotation(later(folder, at), 'decision', { graceSeconds: 60 })).toEqual({ from: old.kid, to: next });
    expect(existsSync(nextKeyFile(directory, 'decision'))).toBe(false);
    await trusted.refresh();
    const signs = await readSigningKey(directory, 'decision');
    expect(signs.kid).toBe(next);
    const retiredAt = 1_000_000 + at + 60;
    expect(await verify('decision', before, trusted)).toMatchObject({ kid: old.kid });
    expect(await verify('decision', await sign('decision', old, {}, times(retiredAt - 1)), trusted)).toMatchObject({ kid: old.kid });
    expect(await verify('decision', await sign('decision', old, {}, times(retiredAt)), trusted)).toContain('after it was retired');
    expect(await verify('decision', await sign('decision', signs, {}, times(retiredAt)), trusted)).toMatchObject({ kid: next });
  });

  it('goes on where a crash left it', async () => {
    const folder = await keyFolder();
    const next = await prepareRotation(folder, 'policy');
    const prepared = readFileSync(nextKeyFile(folder.directory, 'policy'));
    await activateRotation(folder, 'policy', { graceSeconds: 0, atOnce: true });
    // The list was written, the private file not yet replaced.
    writeFileSync(nextKeyFile(folder.directory, 'policy'), prepared);
    expect(await activateRotation(folder, 'policy', { graceSeconds: 0, atOnce: true })).toMatchObject({ to: next });
    expect((await readSigningKey(folder.directory, 'policy')).kid).toBe(next);
  });

  it('can be done again and again', async () => {
    const folder = await keyFolder();
    const chain = [kidOf(privateKeyFile(folder.directory, 'policy'))];
    for (let turn = 0; turn < 3; turn += 1) {
      chain.push(await prepareRotation(folder, 'policy'));
      expect(await activateRotation(folder, 'policy', { graceSeconds: 0, atOnce: true })).toEqual({ from: chain.at(-2), to: chain.at(-1) });
    }
    const ofRole = (await listKeys(folder.directory)).filter((key) => key.countersign_role === 'policy');
    expect(ofRole.map((key) => [key.kid, statusOf(key), key.countersign_successor])).toEqual(
      chain.map((kid, index) => [kid, index === 3 ? 'active' : 'retired', chain[index + 1]]),
    );
  });

  it('needs a successor first', async () => {
    await expect(activateRotation(await keyFolder(), 'policy', { graceSeconds: 0, atOnce: true })).rejects.toThrow('--prepare');
  });
});

describe('a compromised key', () => {
  it('has no way back, neither by rotation nor by repetition', async () => {
    const folder = await keyFolder();
    const kid = kidOf(privateKeyFile(folder.directory, 'decision'));
    await markCompromised(folder, kid);
    await markCompromised(later(folder, 50), kid);
    const next = await prepareRotation(folder, 'decision');
    expect(await activateRotation(folder, 'decision', { graceSeconds: 60, atOnce: true })).toEqual({ from: kid, to: next });
    const keys = await listKeys(folder.directory);
    expect(keys.find((key) => key.kid === kid)).toMatchObject({
      countersign_status: 'compromised',
      countersign_compromised_at: folder.now,
      countersign_successor: next,
    });
    expect((await readSigningKey(folder.directory, 'decision')).kid).toBe(next);
  });

  it('that was only prepared gives way to another', async () => {
    const folder = await keyFolder();
    const first = await prepareRotation(folder, 'policy');
    await markCompromised(folder, first);
    const second = await prepareRotation(folder, 'policy');
    expect(second).not.toBe(first);
    expect(await activateRotation(folder, 'policy', { graceSeconds: 0, atOnce: true })).toMatchObject({ to: second });
  });

  it('has to be one of the list, and not a path', async () => {
    await expect(markCompromised(await keyFolder(), '../../etc/passwd')).rejects.toThrow('There is no key');
  });
});
