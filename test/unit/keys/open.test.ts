import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { activateRotation, markCompromised, prepareRotation } from '../../../cli/keys-store.js';
import { compromisedMark, nextKeyFile, privateKeyFile, processRoles, publicKeysFile, type ProcessRole } from '../../../config/key-files.js';
import { openKeys, readSigningKey, type KeyTrouble } from '../../../config/keys.js';
import { openTrustedKeys } from '../../../config/trusted-keys.js';
import { keyConfig, keyFolder } from '../../helpers/key-folder.js';
import { eventually } from '../../helpers/eventually.js';

const silent: KeyTrouble = () => {};
const opened: { close(): void }[] = [];
afterEach(() => {
  for (const keys of opened.splice(0)) keys.close();
});
async function open(...args: Parameters<typeof openKeys>) {
  const keys = await openKeys(...args);
  opened.push(keys);
  return keys;
}
/** The folder as one process sees it: its own private key and the public halves. */
async function ownFolder(role: ProcessRole): Promise<string> {
  const { directory } = await keyFolder();
  for (const other of processRoles) if (other !== role) rmSync(`${directory}/${other}`, { recursive: true });
  return directory;
}
const others = processRoles.flatMap((role) => processRoles.filter((other) => other !== role).map((other) => [role, other] as const));

describe('a process starts with its own key', () => {
  it.each(processRoles)('%s', async (role) => {
    const directory = await ownFolder(role);
    const keys = await open(keyConfig(directory), role, silent);
    expect(keys.signing).toMatchObject({ role, kid: (await readSigningKey(directory, role)).kid, alg: 'EdDSA' });
  });

  it('from an environment variable', async () => {
    const directory = await ownFolder('policy');
    process.env['TEST_POLICY_KEY'] = readFileSync(privateKeyFile(directory, 'policy'), 'utf8');
    rmSync(`${directory}/policy`, { recursive: true });
    try {
      expect((await open(keyConfig(directory, { policy: { env: 'TEST_POLICY_KEY' } }), 'policy', silent)).signing.kid).toMatch(/^policy-/);
    } finally {
      delete process.env['TEST_POLICY_KEY'];
    }
  });
});

describe('a process does not start', () => {
  it.each(others)('as %s with the private key of %s in its folder', async (role, other) => {
    for (const environment of ['production', 'development'] as const) {
      const { directory } = await keyFolder();
      const folder = await ownFolder(role);
      copyFileSync(privateKeyFile(directory, other), `${folder}/${role}/${other}.private.jwk`);
      await expect(openKeys(keyConfig(folder, {}, environment), role, silent)).rejects.toThrow('the private key of another role');
    }
  });

  it.each(others)('as %s in production when it can read the folder of %s', async (role, other) => {
    const folder = await ownFolder(role);
    const { directory } = await keyFolder();
    mkdirSync(`${folder}/${other}`);
    copyFileSync(privateKeyFile(directory, other), privateKeyFile(folder, other));
    await expect(openKeys(keyConfig(folder), role, silent)).rejects.toThrow('the private key of another role');
  });

  it('with a private key that waits for its rotation, or one of the authors of policy', async () => {
    const folder = await ownFolder('executor');
    for (const file of ['decision/decision.next.private.jwk', 'authors.private.jwk', 'public/authors.private.jwk']) {
      mkdirSync(`${folder}/decision`, { recursive: true });
      writeFileSync(`${folder}/${file}`, '{}');
      await expect(openKeys(keyConfig(folder), 'executor', silent), file).rejects.toThrow(file.split('/').at(-1));
      rmSync(`${folder}/${file}`);
    }
    await open(keyConfig(folder), 'executor', silent);
  });

  it('with the environment variable of another role', async () => {
    const folder = await ownFolder('executor');
    process.env['TEST_POLICY_KEY'] = 'whatever';
    try {
      await expect(openKeys(keyConfig(folder, { policy: { env: 'TEST_POLICY_KEY' } }), 'executor', silent)).rejects.toThrow('TEST_POLICY_KEY');
    } finally {
      delete process.env['TEST_POLICY_KEY'];
    }
  });

  it('with the key of another role under its own name', async () => {
    const { directory } = await keyFolder();
    copyFileSync(privateKeyFile(directory, 'decision'), privateKeyFile(directory, 'policy'));
    for (const role of ['decision', 'executor']) rmSync(`${directory}/${role}`, { recursive: true });
    await expect(openKeys(keyConfig(directory), 'policy', silent)).rejects.toThrow('not among the public keys as one of the role policy');
  });

  it('with a key that was retired or compromised', async () => {
    const folder = await keyFolder();
    const old = readFileSync(privateKeyFile(folder.directory, 'policy'));
    const { kid } = await readSigningKey(folder.directory, 'policy');
    await prepareRotation(folder, 'policy');
    await activateRotation(folder, 'policy', { graceSeconds: 0, atOnce: true });
    writeFileSync(privateKeyFile(folder.directory, 'policy'), old);
    await expect(openKeys(keyConfig(folder.directory, {}, 'development'), 'policy', silent)).rejects.toThrow('is retired');
    await markCompromised(folder, kid);
    await expect(openKeys(keyConfig(folder.directory, {}, 'development'), 'policy', silent)).rejects.toThrow('is compromised');
  });

  it('without a key, with half a key, or with no list, and never tells what is in the file', async () => {
    const folder = await ownFolder('policy');
    const content = readFileSync(privateKeyFile(folder, 'policy'), 'utf8');
    const { d } = JSON.parse(content) as { readonly d: string };
    writeFileSync(privateKeyFile(folder, 'policy'), content.slice(0, -3));
    const half: unknown = await openKeys(keyConfig(folder), 'policy', silent).catch((error: unknown) => error);
    expect(half).toMatchObject({ code: 'config-invalid' });
    expect((half as Error & { detail: string }).detail).not.toContain(d);
    rmSync(privateKeyFile(folder, 'policy'));
    await expect(openKeys(keyConfig(folder), 'policy', silent)).rejects.toMatchObject({ code: 'config-invalid' });
    rmSync(publicKeysFile(folder));
    await expect(openKeys(keyConfig(folder), 'policy', silent)).rejects.toMatchObject({ code: 'config-invalid' });
  });
});

describe('a process that runs', () => {
  it('signs with the successor after a rotation, without a restart', async () => {
    const folder = await keyFolder();
    const keys = await open(keyConfig(folder.directory, {}, 'development'), 'decision', silent);
    const next = await prepareRotation(folder, 'decision');
    await eventually(() => keys.trusted.get(next), 10_000, 'the successor is known');
    expect(keys.signing.kid).not.toBe(next);
    await activateRotation(folder, 'decision', { graceSeconds: 60, atOnce: true });
    await eventually(() => keys.signing.kid === next, 10_000, 'the successor signs');
  });

  it('keeps its keys when the files are broken, says so, and goes on with what is mended', async () => {
    const folder = await keyFolder();
    const { directory } = folder;
    const troubles: string[] = [];
    const keys = await open(keyConfig(directory, {}, 'development'), 'policy', ({ file }) => troubles.push(file));
    const { kid } = keys.signing;
    const whole = readFileSync(publicKeysFile(directory), 'utf8');
    writeFileSync(publicKeysFile(directory), whole.slice(0, 40));
    writeFileSync(privateKeyFile(directory, 'policy'), '{');
    await eventually(() => troubles.length >= 2, 10_000, 'both files are told of');
    expect(troubles).toEqual([publicKeysFile(directory), privateKeyFile(directory, 'policy')]);
    expect(keys.signing.kid).toBe(kid);
    expect(keys.trusted.get(kid)).toMatchObject({ status: 'active' });
    writeFileSync(publicKeysFile(directory), whole);
    const next = await prepareRotation({ ...folder }, 'decision');
    await eventually(() => keys.trusted.get(next), 10_000, 'the mended list');
  });

  it('does not take up a private key that nobody knows', async () => {
    const folder = await keyFolder();
    const stranger = await keyFolder();
    const troubles: string[] = [];
    const keys = await open(keyConfig(folder.directory, {}, 'development'), 'policy', ({ reason }) => troubles.push(reason));
    const { kid } = keys.signing;
    copyFileSync(privateKeyFile(stranger.directory, 'policy'), privateKeyFile(folder.directory, 'policy'));
    await eventually(() => troubles.length > 0, 10_000, 'it is told of');
    expect(troubles[0]).toContain('not among the public keys');
    expect(keys.signing.kid).toBe(kid);
  });
});

describe('a compromise takes effect', () => {
  const scene = async () => {
    const folder = await keyFolder();
    const { kid } = await readSigningKey(folder.directory, 'decision');
    return { folder, kid, trusted: await openTrustedKeys(folder.directory) };
  };

  it('by the command', async () => {
    const { folder, kid, trusted } = await scene();
    await markCompromised(folder, kid);
    expect(await trusted.refresh()).toBeUndefined();
    expect(trusted.get(kid)).toMatchObject({ status: 'compromised' });
    expect(trusted.jwks().find((jwk) => jwk.kid === kid)).toMatchObject({ countersign_status: 'compromised', countersign_compromised_at: folder.now });
  });

  it('by an empty file alone, though the list is broken', async () => {
    const { folder, kid, trusted } = await scene();
    writeFileSync(publicKeysFile(folder.directory), '{');
    writeFileSync(compromisedMark(folder.directory, kid), '');
    expect(await trusted.refresh()).toBeTypeOf('string');
    expect(trusted.get(kid)).toMatchObject({ status: 'compromised' });
  });

  it('though another entry of the list cannot be used', async () => {
    const { folder, kid, trusted } = await scene();
    const list = JSON.parse(readFileSync(publicKeysFile(folder.directory), 'utf8')) as { keys: { kid: string }[] };
    const keys = [{ kid: 'broken' }, ...list.keys.map((key) => (key.kid === kid ? { ...key, countersign_status: 'compromised' } : key))];
    writeFileSync(publicKeysFile(folder.directory), JSON.stringify({ keys }));
    expect(await trusted.refresh()).toContain('broken');
    expect(trusted.get(kid)).toMatchObject({ status: 'compromised' });
  });

  it('and stays, though list and mark are put back as they were', async () => {
    const { folder, kid, trusted } = await scene();
    const before = readFileSync(publicKeysFile(folder.directory), 'utf8');
    await markCompromised(folder, kid);
    await trusted.refresh();
    writeFileSync(publicKeysFile(folder.directory), before);
    rmSync(compromisedMark(folder.directory, kid));
    expect(await trusted.refresh()).toBeUndefined();
    expect(trusted.get(kid)).toMatchObject({ status: 'compromised' });
  });

  it('and the successor that waits for its rotation is no key of the process', async () => {
    const { folder } = await scene();
    const next = await prepareRotation(folder, 'decision');
    expect((await readSigningKey(folder.directory, 'decision')).kid).not.toBe(next);
    expect(readFileSync(nextKeyFile(folder.directory, 'decision'), 'utf8')).toContain(next);
  });
});
