import { fork } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openGrantStore } from '../../../activities/adapters/grant-store-sqlite.js';
import type { ExecutionOutcome } from '../../../domain/connector.js';
import type { Digest } from '../../../domain/digest.js';
import type { Grant } from '../../../domain/grant.js';

const digest: Digest = `sha256:${'1'.repeat(64)}`;
const at = '2026-04-01T00:00:00.000Z';
const succeeded: ExecutionOutcome = { status: 'succeeded', facts: [{ label: 'Rows', value: '1' }], startedAt: at, finishedAt: at };
const failed: ExecutionOutcome = { status: 'failed', code: 'target-refused', detail: 'no', finishedAt: at };

const started = (attempt: number) => ({ state: 'started', attempt, actionDigest: digest, startedAt: at, by: 'executor' });

describe('the grant store', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'countersign-grants-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

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

  it('lets a grant begin once, over restarts', async () => {
    const file = path.join(folder, 'below', 'restart.db');
    const store = openGrantStore(file);
    expect(await store.begin({ actionId: 'act_a', actionDigest: digest, at })).toEqual({ first: true, known: started(1) });
    expect(await store.begin({ actionId: 'act_a', actionDigest: digest, at })).toEqual({ first: false, known: started(1) });
    expect(await store.again('act_a')).toEqual(started(2));
    await store.close();

    const reopened = openGrantStore(file);
    expect(await reopened.begin({ actionId: 'act_a', actionDigest: digest, at })).toEqual({ first: false, known: started(2) });
    expect(await reopened.finish('act_a', succeeded)).toEqual(succeeded);
    expect(await reopened.begin({ actionId: 'act_a', actionDigest: digest, at })).toEqual({
      first: false,
      known: { ...started(2), state: 'done', outcome: succeeded },
    });
    await reopened.close();
  });

  it('keeps the first outcome, and counts no attempt after it', async () => {
    const store = openGrantStore(path.join(folder, 'outcome.db'));
    await store.begin({ actionId: 'act_a', actionDigest: digest, at });
    expect(await store.finish('act_a', failed)).toEqual(failed);
    expect(await store.finish('act_a', succeeded)).toEqual(failed);
    expect(await store.again('act_a')).toEqual({ ...started(1), state: 'done', outcome: failed });
    await store.close();
  });

  it('keeps the grant as it was first presented, in stores of earlier releases too', async () => {
    const file = path.join(folder, 'presented.db');
    const earlier = new Database(file);
    earlier.exec(`CREATE TABLE grants (action_id TEXT PRIMARY KEY NOT NULL, action_digest TEXT NOT NULL, state TEXT NOT NULL, attempt INTEGER NOT NULL,
      outcome TEXT, started_at TEXT NOT NULL, finished_at TEXT, performed_by TEXT NOT NULL DEFAULT 'executor') STRICT, WITHOUT ROWID;
      INSERT INTO grants (action_id, action_digest, state, attempt, started_at) VALUES ('act_old', '${digest}', 'started', 1, '${at}')`);
    earlier.close();
    const store = openGrantStore(file);
    const presented = { request: { id: 'act_a' }, plan: 'signed' } as unknown as Grant;
    await store.begin({ actionId: 'act_a', actionDigest: digest, at, presented });
    await store.begin({ actionId: 'act_a', actionDigest: digest, at, presented: { ...presented, plan: 'another' } });
    expect(await store.presented('act_a')).toEqual(presented);
    expect([await store.presented('act_old'), await store.presented('act_none')]).toEqual([undefined, undefined]);
    await store.close();
  });

  it('refuses another digest of the same action, and actions it never saw', async () => {
    const store = openGrantStore(path.join(folder, 'digest.db'));
    await store.begin({ actionId: 'act_a', actionDigest: digest, at });
    await expect(store.begin({ actionId: 'act_a', actionDigest: `sha256:${'2'.repeat(64)}`, at })).rejects.toMatchObject({ code: 'grant-consumed' });
    await expect(store.again('act_b')).rejects.toMatchObject({ code: 'internal-error' });
    await expect(store.finish('act_b', succeeded)).rejects.toMatchObject({ code: 'internal-error' });
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
