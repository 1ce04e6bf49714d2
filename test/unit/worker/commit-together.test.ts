import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Sqlite } from '../../../config/sqlite.js';
import { CommitTogether } from '../../../activities/adapters/commit-together.js';
import { createSqliteEvidenceLog } from '../../../activities/adapters/evidence/sqlite.js';
import { openPrivateDatabase } from '../../../activities/adapters/private-database.js';

let folder: string;
let database: Database.Database;
let commits: number;
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'countersign-together-'));
  database = openPrivateDatabase(path.join(folder, 'writes.sqlite'), { timeoutMs: 50 });
  database.exec('CREATE TABLE words (word TEXT PRIMARY KEY NOT NULL) STRICT');
  commits = 0;
});
afterEach(() => {
  database.close();
  rmSync(folder, { recursive: true, force: true });
});

function writer(): CommitTogether<string, number> {
  const insert = database.prepare<[string]>('INSERT INTO words VALUES (?)');
  const together = new CommitTogether<string, number>(database, (word) => Number(insert.run(word).lastInsertRowid));
  const all = Reflect.get(together, 'all') as { immediate: (batch: unknown) => unknown };
  Reflect.set(together, 'all', { immediate: (batch: unknown) => ((commits += 1), all.immediate(batch)) });
  return together;
}
const words = () =>
  database
    .prepare<[], { word: string }>('SELECT word FROM words ORDER BY rowid')
    .all()
    .map(({ word }) => word);

describe('writes that come at once', () => {
  it('share one commit, in their order, and each has its own answer', async () => {
    const together = writer();
    expect(await Promise.all(['a', 'b', 'c'].map((word) => together.run(word)))).toEqual([1, 2, 3]);
    expect([words(), commits]).toEqual([['a', 'b', 'c'], 1]);
    expect(await together.run('d')).toBe(4);
    expect(commits).toBe(2);
  });

  it('are on the disk when they are answered', async () => {
    const together = writer();
    const other = new Sqlite(path.join(folder, 'writes.sqlite'), { readonly: true });
    await together.run('a');
    expect(other.prepare('SELECT count(*) AS n FROM words').get()).toEqual({ n: 1 });
    other.close();
  });

  it('do not fall with one that fails', async () => {
    const together = writer();
    const results = await Promise.allSettled(['a', 'b', 'a', 'c'].map((word) => together.run(word)));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
    expect(words()).toEqual(['a', 'b', 'c']);
  });

  it('fail together, without waiting for each, when the database is locked', async () => {
    const together = writer();
    const other = new Sqlite(path.join(folder, 'writes.sqlite'));
    other.exec('BEGIN IMMEDIATE');
    const results = await Promise.allSettled(['a', 'b', 'c'].map((word) => together.run(word)));
    other.close();
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect([words(), commits]).toEqual([[], 1]);
    expect(await together.run('d')).toBe(1);
  });

  it('never share more than 64', async () => {
    const together = writer();
    await Promise.all(Array.from({ length: 130 }, (_, index) => together.run(`w${index}`)));
    expect([words().length, commits]).toEqual([130, 3]);
  });
});

describe('the evidence log', () => {
  it('keeps the first of two entries under one key that came at once, and gives it to both', async () => {
    const log = createSqliteEvidenceLog(path.join(folder, 'evidence.sqlite'));
    const entry = { actionId: 'act_1', key: 'closed', kind: 'closed', at: '2026-04-01T00:00:00.000Z' } as const;
    const [first, second, third] = await Promise.all([
      log.append({ ...entry, body: { status: 'executed' } }),
      log.append({ ...entry, body: { status: 'rejected' } }),
      log.append({ ...entry, key: 'other', body: {} }),
    ]);
    expect(second).toEqual(first);
    expect(first.body).toEqual({ status: 'executed' });
    expect(third.position).toBeGreaterThan(first.position);
    expect(await log.ofAction('act_1')).toEqual([first, third]);
    await log.close();
  });

  it('refuses one entry that is too large and takes the others; what waits when it is closed is written', async () => {
    const log = createSqliteEvidenceLog(path.join(folder, 'evidence.sqlite'));
    const entry = { actionId: 'act_1', kind: 'refused', at: '2026-04-01T00:00:00.000Z' } as const;
    const large = log.append({ ...entry, key: 'large', body: { text: 'x'.repeat(300_000) } });
    const small = log.append({ ...entry, key: 'small', body: {} });
    await log.close();
    await expect(large).rejects.toMatchObject({ code: 'evidence-unavailable' });
    expect(await small).toMatchObject({ key: 'small' });
    const again = createSqliteEvidenceLog(path.join(folder, 'evidence.sqlite'));
    expect((await again.ofAction('act_1')).map(({ key }) => key)).toEqual(['small']);
    await again.close();
  });
});
