import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Sqlite } from '../../../config/sqlite.js';
import { createSqliteEvidenceLog } from '../../../activities/adapters/evidence/sqlite.js';
import type { EvidenceEntry } from '../../../activities/ports.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'countersign-history-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const agent = { kind: 'agent', id: 'bot' };
const opened = (actionId: string, at: string, requester = agent): EvidenceEntry => ({
  actionId,
  key: 'opened',
  kind: 'opened',
  at,
  body: { requester, action: 'x.run', resource: { type: 'Table', id: `crm/${actionId}` }, trace: { reason: 'sha256:aa', body: `sha256:${actionId}`, size: 7 } },
});
const closed = (actionId: string, status: string, key = 'closed'): EvidenceEntry => ({
  actionId,
  key,
  kind: 'closed',
  at: '2026-01-09T00:00:00.000Z',
  body: key === 'closed' ? { status } : { supersedes: 1, entry: { status } },
});
const span = { from: '2026-01-02T00:00:00.000Z', before: '2026-01-05T00:00:00.000Z', limit: 10 };
const day = (number: number) => `2026-01-0${number}T00:00:00.000Z`;

describe('recent history of a requester', () => {
  it('is theirs, within the span, newest first, with what became of it', async () => {
    const log = createSqliteEvidenceLog(path.join(folder, 'e.sqlite'));
    for (const [id, at] of [
      ['a', day(1)],
      ['b', day(2)],
      ['c', day(3)],
      ['d', day(4)],
      ['e', day(5)],
    ] as const)
      await log.append(opened(id, at));
    await log.append(opened('f', day(3), { kind: 'agent', id: 'other' }));
    await log.append(opened('g', day(3), { kind: 'person', id: 'bot' }));
    await log.append(closed('b', 'executed'));
    await log.append(closed('c', 'rejected'));
    await log.append(closed('d', 'failed'));
    await log.append(closed('d', 'executed', 'closed#2'));
    const found = await log.recent(agent, span);
    expect(found.map(({ resource, executed }) => [resource.id, executed])).toEqual([
      ['crm/d', true],
      ['crm/c', false],
      ['crm/b', true],
    ]);
    expect(found[0]).toMatchObject({ action: 'x.run', at: day(4), trace: { reason: 'sha256:aa', body: 'sha256:d', size: 7 } });
    expect(await log.recent(agent, { ...span, limit: 2 })).toHaveLength(2);
    await log.close();
  });
  it('is derived from a log that was written before there was one', async () => {
    const file = path.join(folder, 'e.sqlite');
    const log = createSqliteEvidenceLog(file);
    await log.append(opened('a', day(3)));
    await log.append(closed('a', 'executed'));
    await log.close();
    const database = new Sqlite(file);
    database.exec('DROP TABLE request_history');
    database.close();
    const again = createSqliteEvidenceLog(file);
    expect(await again.recent(agent, span)).toMatchObject([{ executed: true, resource: { id: 'crm/a' } }]);
    await again.close();
  });
  it('is looked up under its index', async () => {
    const file = path.join(folder, 'e.sqlite');
    await createSqliteEvidenceLog(file).close();
    const database = new Sqlite(file);
    const steps = database
      .prepare("EXPLAIN QUERY PLAN SELECT * FROM request_history WHERE requester = 'a' AND at >= 'b' AND at < 'c' ORDER BY at DESC LIMIT 5")
      .all() as { detail: string }[];
    expect(steps.map(({ detail }) => detail)).toEqual([expect.stringContaining('USING INDEX request_history_recent (requester=? AND at>? AND at<?)')]);
    database.close();
  });
});
