import { fork } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Sqlite } from '../../../config/sqlite.js';
import { openGrantStore } from '../../../activities/adapters/grant-store-sqlite.js';
import type { Grant } from '../../../domain/grant.js';
import { at, digest, grantStoreContract } from '../../helpers/grant-store-contract.js';

describe('the grant store', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'countersign-grants-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  grantStoreContract(async () => {
    const file = path.join(mkdtempSync(path.join(folder, 'store-')), 'below', 'grants.db');
    return async () => openGrantStore(file);
  });

  it.each([
    ['deleted', (file: string) => rmSync(file)],
    ['emptied', (file: string) => writeFileSync(file, '')],
  ])('refuses to begin anew where a store was %s, again and again, until somebody says so', async (_name, lose) => {
    const file = path.join(mkdtempSync(path.join(folder, 'lost-')), 'grants.db');
    const store = openGrantStore(file);
    await store.begin({ actionId: 'act_lost', actionDigest: digest, at });
    await store.close();
    lose(file);
    for (const _attempt of [1, 2]) expect(() => openGrantStore(file)).toThrow(expect.objectContaining({ code: 'config-invalid' }));
    rmSync(`${file}.made`);
    await openGrantStore(file).close();
  });

  it('takes over the stores of earlier releases', async () => {
    const file = path.join(folder, 'presented.db');
    const earlier = new Sqlite(file);
    earlier.exec(`CREATE TABLE grants (action_id TEXT PRIMARY KEY NOT NULL, action_digest TEXT NOT NULL, state TEXT NOT NULL, attempt INTEGER NOT NULL,
      outcome TEXT, started_at TEXT NOT NULL, finished_at TEXT, performed_by TEXT NOT NULL DEFAULT 'executor') STRICT, WITHOUT ROWID;
      INSERT INTO grants (action_id, action_digest, state, attempt, started_at) VALUES ('act_old', '${digest}', 'started', 1, '${at}')`);
    earlier.close();
    const store = openGrantStore(file);
    const presented = { request: { id: 'act_a' }, plan: 'signed' } as unknown as Grant;
    await store.begin({ actionId: 'act_a', actionDigest: digest, at, presented });
    expect(await store.presented('act_a')).toEqual(presented);
    expect([await store.find('act_old'), await store.presented('act_old')]).toEqual([expect.objectContaining({ state: 'started' }), undefined]);
    await store.close();
  });

  it('lets exactly one of several processes win each grant', async () => {
    const file = path.join(folder, 'race.db');
    const racers = Array.from({ length: 3 }, () =>
      fork(path.join(import.meta.dirname, 'grant-store-racer.ts'), [file], { execArgv: ['--import', 'tsx'], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] }),
    );
    const said = (racer: (typeof racers)[number]) =>
      new Promise<readonly string[]>((resolve, reject) => {
        racer.once('message', (message) => resolve(message as readonly string[]));
        racer.once('exit', (code) => reject(new Error(`a racer ended with ${code}`)));
      });
    await Promise.all(racers.map(said));
    // All have the file open; now they start together.
    const won = Promise.all(racers.map(said));
    for (const racer of racers) racer.send('go');
    const wins = (await won).flat();
    expect(wins).toHaveLength(100);
    expect(new Set(wins).size).toBe(100);
  });

  it('remembers a grant whose process was killed right after it began', async () => {
    const file = path.join(folder, 'killed.db');
    const racer = fork(path.join(import.meta.dirname, 'grant-store-racer.ts'), [file, 'die'], {
      execArgv: ['--import', 'tsx'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const signal = await new Promise((resolve) => {
      racer.once('message', () => racer.send('go'));
      racer.once('exit', (_, by) => resolve(by));
    });
    expect(signal).toBe('SIGKILL');
    const store = openGrantStore(file);
    expect(await store.begin({ actionId: 'act_0', actionDigest: digest, at })).toMatchObject({ first: false, known: { state: 'started' } });
    await store.close();
  });
});
