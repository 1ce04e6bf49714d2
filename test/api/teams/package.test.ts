import { execFile } from 'node:child_process';
import type { EventEmitter } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Ajv } from 'ajv';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

// yauzl brings no types; this is the part of it that is used here.
type Entry = { readonly fileName: string };
type ZipFile = EventEmitter & { readEntry(): void; openReadStream(entry: Entry, done: (error: Error | null, stream: NodeJS.ReadableStream) => void): void };
type Yauzl = { fromBuffer(bytes: Buffer, options: { lazyEntries: boolean }, done: (error: Error | null, zip: ZipFile) => void): void };
const { fromBuffer } = createRequire(import.meta.url)('yauzl') as Yauzl;

const script = fileURLToPath(new URL('../../../scripts/teams-package.mjs', import.meta.url));
const appId = '7d5c8f2e-1111-4222-8333-444455556666';
let folder: string;
beforeEach(async () => void (folder = await mkdtemp(path.join(tmpdir(), 'teams-package-'))));
afterEach(() => rm(folder, { recursive: true }));

function run(...args: string[]) {
  const env = { PATH: process.env['PATH'], NO_COLOR: '1', COUNTERSIGN_HOME: folder };
  return promisify(execFile)(process.execPath, [script, ...args], { env });
}

describe('npm run teams:package', () => {
  it('writes a zip with a manifest that fits the schema of Microsoft, and icons of the right size', async () => {
    await run('--app-id', appId, '--url', 'https://countersign.example.com');
    const files = await unzip(await readFile(path.join(folder, 'countersign-teams.zip')));
    expect([...files.keys()].sort()).toEqual(['color.png', 'manifest.json', 'outline.png']);
    const manifest = JSON.parse(files.get('manifest.json')!.toString()) as Record<string, unknown>;
    expect(await manifestErrors(manifest)).toEqual([]);
    expect(manifest).toMatchObject({ id: appId, bots: [{ botId: appId }], validDomains: ['countersign.example.com'] });
    expect(sizeOf(files.get('color.png')!)).toEqual([192, 192]);
    expect(sizeOf(files.get('outline.png')!)).toEqual([32, 32]);
  });

  it('gives the same bytes for the same input', async () => {
    const out = ['one.zip', 'two.zip'].map((name) => path.join(folder, name));
    for (const file of out) await run('--app-id', appId, '--url', 'https://countersign.example.com', '--out', file);
    expect((await readFile(out[0]!)).equals(await readFile(out[1]!))).toBe(true);
  });

  it.each([
    ['no app id', ['--url', 'https://x.example'], 'The app id of the bot is missing'],
    ['no https', ['--app-id', appId, '--url', 'http://127.0.0.1:7780'], 'Teams needs the https address'],
  ])('says what to do: %s', async (_name, args, text) => {
    await expect(run(...args)).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining(text) as string });
  });
});

async function manifestErrors(manifest: unknown): Promise<string[]> {
  const text = await readFile(new URL('../../testdata/teams/teams-manifest-1.19.schema.json', import.meta.url), 'utf8');
  // Draft 4 and later drafts agree on every keyword that this schema uses.
  const { $schema: _draft, ...schema } = JSON.parse(text) as Record<string, unknown>;
  const validate = new Ajv({ strict: false, validateFormats: false }).compile(schema);
  return validate(manifest) ? [] : (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message ?? ''} ${JSON.stringify(error.params)}`);
}

function sizeOf(png: Buffer): number[] {
  expect(png.subarray(1, 4).toString()).toBe('PNG');
  return [png.readUInt32BE(16), png.readUInt32BE(20)];
}

function unzip(bytes: Buffer): Promise<Map<string, Buffer>> {
  return new Promise((resolve, reject) => {
    fromBuffer(bytes, { lazyEntries: true }, (error: Error | null, zip: ZipFile) => {
      if (error) return reject(error);
      const files = new Map<string, Buffer>();
      zip.on('entry', (entry: Entry) => {
        zip.openReadStream(entry, (failure, stream) => {
          if (failure) return reject(failure);
          const parts: Buffer[] = [];
          stream.on('data', (part: Buffer) => parts.push(part));
          stream.on('end', () => {
            files.set(entry.fileName, Buffer.concat(parts));
            zip.readEntry();
          });
        });
      });
      zip.on('end', () => resolve(files));
      zip.readEntry();
    });
  });
}
