import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { createSqliteEvidenceLog } from '../../../activities/adapters/evidence/sqlite.js';
import type { EvidenceEntry, EvidenceLog } from '../../../activities/ports.js';
import { record } from '../../../activities/record.js';

const open: { folder: string; log: EvidenceLog }[] = [];
afterEach(async () => {
  for (const { folder, log } of open.splice(0)) {
    await log.close();
    rmSync(folder, { recursive: true, force: true });
  }
});

function newLog(): EvidenceLog {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'countersign-record-'));
  const log = createSqliteEvidenceLog(path.join(folder, 'evidence.sqlite'));
  open.push({ folder, log });
  return log;
}

const entry = (kind: EvidenceEntry['kind'], said: string): EvidenceEntry => ({
  actionId: 'act_1',
  key: 'decision:x',
  kind,
  at: '2026-01-01T00:00:00.000Z',
  body: { said },
});
const put = (log: EvidenceLog, kind: EvidenceEntry['kind'], said: string) =>
  record(log, entry(kind, said), (earlier) => (earlier.body as { readonly said: string }).said === said);

describe('what is recorded of one thing', () => {
  it('leaves room for what counts, however often it was refused before', async () => {
    const log = newLog();
    for (let n = 0; n < 20; n += 1) await put(log, 'refused', `no ${n}`);
    await expect(put(log, 'refused', 'no more')).rejects.toMatchObject({ code: 'rate-limited' });
    expect(await put(log, 'decided', 'yes')).toMatchObject({ kind: 'decided', body: { said: 'yes' } });
    expect((await log.ofAction('act_1')).length).toBe(21);
  });

  it('is bounded for each action in what was refused, and in that alone', async () => {
    const log = newLog();
    for (let n = 0; n < 600; n += 1) await log.append({ ...entry('refused', 'no'), key: `forged:${n}` });
    await expect(put(log, 'refused', 'no')).rejects.toMatchObject({ code: 'rate-limited' });
    expect(await put(log, 'decided', 'yes')).toMatchObject({ kind: 'decided' });
    expect(await record(log, { ...entry('refused', 'no'), actionId: 'act_2' }, () => true)).toMatchObject({ kind: 'refused' });
  });
});
