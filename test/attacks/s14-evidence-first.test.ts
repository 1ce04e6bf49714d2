import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { Sqlite } from '../../config/sqlite.js';
import { createSqliteEvidenceLog } from '../../activities/adapters/evidence/sqlite.js';
import type { EvidenceEntry, EvidenceLog } from '../../activities/ports.js';
import { CountersignError } from '../../domain/errors.js';
import { customers, ended, priceList, Scene } from './attacker.js';

/** A log that cannot take entries of these kinds. */
const without = (...kinds: EvidenceEntry['kind'][]) => ({
  evidence: (log: EvidenceLog) => ({
    ...log,
    append: async (entry: EvidenceEntry) => {
      if (kinds.includes(entry.kind)) throw new CountersignError('evidence-unavailable');
      return log.append(entry);
    },
  }),
});

describe('S14: evidence first', () => {
  const scene = Scene.forFile();

  it('what cannot be opened in evidence does not run, even where policy allows it at once', async () => {
    const { rig, connector } = await scene.start(without('opened'));
    const request = rig.request(priceList);
    await rig.client.workflow.start('action', {
      workflowId: request.id,
      taskQueue: rig.taskQueue,
      args: [{ request, signedRequest: await rig.sealRequest(request) }],
    });
    expect(await ended(rig, request.id)).toMatchObject({ status: 'error', denial: { code: 'evidence-unavailable' } });
    expect(connector.ran).toEqual([]);
  });

  it('an approval that cannot be recorded does not count', async () => {
    const { rig, connector } = await scene.start(without('decided'));
    const view = await rig.submit(rig.request(customers));
    expect(await rig.decide(view)).toMatchObject({ accepted: false, code: 'evidence-unavailable' });
    expect((await rig.view(view.id)).status).toBe('pending');
    expect(connector.ran).toEqual([]);
  });

  it('the log refuses to change or drop what was written', async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'countersign-evidence-'));
    const file = path.join(folder, 'evidence.sqlite');
    const log = createSqliteEvidenceLog(file);
    const entry = { actionId: 'act_1', key: 'opened', kind: 'opened', at: '2026-01-01T00:00:00.000Z', body: { approved: false } } as const;
    const first = await log.append(entry);
    expect(await log.append({ ...entry, body: { approved: true } })).toEqual(first);
    const database = new Sqlite(file);
    expect(() => database.exec("UPDATE evidence SET body = '{}'")).toThrow('append-only');
    expect(() => database.exec('DELETE FROM evidence')).toThrow('append-only');
    // Replacing fires no delete trigger; the row must stay all the same.
    database.exec("INSERT OR REPLACE INTO evidence (position, action_id, key, kind, at, body, digest) VALUES (1, 'act_1', 'opened', 'opened', '', '{}', '')");
    database.exec("INSERT OR REPLACE INTO evidence (action_id, key, kind, at, body, digest) VALUES ('act_1', 'opened', 'opened', '', '{}', '')");
    database.close();
    expect(await log.ofAction('act_1')).toEqual([first]);
    await log.close();
    rmSync(folder, { recursive: true, force: true });
  });
});
