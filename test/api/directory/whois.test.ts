import { spawn } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { googleIds, startGoogle } from '../../helpers/directory/google.js';
import { configWith } from '../../helpers/directory/open.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** The command as people run it. The server that it asks is in this process. */
function whois(
  config: string,
  secret: string,
  ...who: readonly string[]
): Promise<{ readonly code: number | null; readonly out: string; readonly err: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--import', 'tsx', path.join(root, 'cli/main.ts'), 'directory', 'whois', ...who, '--config', config], {
      cwd: root,
      env: { ...process.env, DIRECTORY_SECRET: secret },
    });
    let [out, err] = ['', ''];
    child.stdout.on('data', (chunk) => (out += String(chunk)));
    child.stderr.on('data', (chunk) => (err += String(chunk)));
    child.once('close', (code) => resolve({ code, out, err }));
  });
}

describe('countersign directory whois', () => {
  let google: Awaited<ReturnType<typeof startGoogle>>;
  let config: ReturnType<typeof configWith>;
  const { ben, owners, squad } = googleIds;
  beforeAll(async () => {
    google = await startGoogle();
    config = configWith({ google: google.section }, [
      { id: 'invoice-bot', name: 'Invoice bot', owner: ben, accounts: [{ issuer: 'https://accounts.google.com', subject: '77' }] },
    ]);
  });
  afterAll(async () => {
    await google.stop();
    config.remove();
  });

  it('says by an address who it is, from where, and how they came into each group', async () => {
    const { code, out } = await whois(config.file, google.secret, 'ben.beck@acme.example');
    expect(code).toBe(0);
    for (const part of [`Ben Beck (${ben}), a person`, `google, ${google.url}, asked 20`, `${owners} (through ${squad})`, 'invoice-bot'])
      expect(out).toContain(part);
  }, 60_000);

  it('says the same as JSON by a token identity, and who an agent is', async () => {
    const person = JSON.parse((await whois(config.file, google.secret, `https://accounts.google.com:${ben}`, '--json')).out) as {
      people: { groups: unknown[] }[];
    };
    expect(person.people[0]?.groups).toContainEqual({ id: owners, via: squad });
    expect((await whois(config.file, google.secret, 'https://accounts.google.com:77')).out).toContain(`owner         ${ben}`);
  }, 60_000);

  it('says that it knows nobody, and that the directory cannot be asked', async () => {
    const nobody = await whois(config.file, google.secret, 'nobody');
    expect([nobody.code, nobody.err]).toEqual([1, expect.stringContaining('knows nobody by nobody')]);
    const locked = await whois(config.file, google.secret.replace('countersign@', 'other@'), ben);
    expect([locked.code, locked.err]).toEqual([1, expect.stringContaining('cannot be asked now')]);
  }, 60_000);
});
