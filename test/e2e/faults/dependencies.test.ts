import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Sqlite } from '../../../config/sqlite.js';
import { TestSystem, until } from '../../helpers/processes.js';
import { Callers, hook, largeExport, largeExportDigest, smallExport } from './support/actions.js';
import { faultConfig } from './support/config.js';
import { attemptsOf, evidenceOf, exportsOf, fileDigest, uglyLines } from './support/records.js';
import { startGatedTarget, type GatedTarget } from './support/target.js';

const rows = 300_000;
let target: GatedTarget;
let system: TestSystem;
let callers: Callers;

beforeAll(async () => {
  target = await startGatedTarget();
  target.open();
  system = await TestSystem.start({ edit: faultConfig({ hooks: target.url }) });
  callers = new Callers(system);
});
afterAll(async () => {
  await system?.stop();
  await target?.stop();
});

/** Makes the evidence log refuse what is new, as a full disk does, until the returned function is called. */
function fillEvidence(): () => void {
  const run = (sql: string): void => {
    const database = new Sqlite(path.join(system.home, 'evidence.sqlite'), { timeout: 20_000 });
    database.exec(sql);
    database.close();
  };
  run("CREATE TRIGGER full BEFORE INSERT ON evidence BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END");
  return () => run('DROP TRIGGER full');
}

describe.sequential('an evidence log that cannot be written', () => {
  it('opens no action, counts no decision and seals no end, and all goes on when it can be written again', async () => {
    const agent = system.client('invoice-bot');
    const bob = system.client('bob');
    const pending = await callers.submit(hook('quick'));
    target.close();
    const held = await callers.submit(hook('hold/evidence'));
    await callers.approve(held);
    await until(() => target.count(held.id) === 1, 60_000, 'the request is at the target');

    const empty = fillEvidence();
    let unopened: string;
    try {
      target.open();
      const reply = await agent.request('POST', '/v1/actions', { body: hook('quick'), headers: { 'idempotency-key': 'while-full' } });
      expect([reply.status, reply.body['code']]).toEqual([503, 'evidence-unavailable']);
      unopened = String((reply.body['action'] as { id: string }).id);
      const decided = await bob.request('POST', `/v1/actions/${pending.id}/decisions`, { body: { verdict: 'approve', digest: pending.digest } });
      expect([decided.status, decided.body['code']]).toEqual([503, 'evidence-unavailable']);
      expect((await callers.shown(pending.id)).status).toBe('pending');
      expect(evidenceOf(system, held.id)).not.toContain('closed');
    } finally {
      empty();
    }
    await callers.approve(pending);
    for (const { id } of [pending, held]) {
      expect((await callers.ended(id)).status).toBe('executed');
      expect(target.count(id)).toBe(1);
      await until(() => evidenceOf(system, id).join() === 'opened,decided,released,closed', 90_000, `${id} is sealed`);
    }
    expect(target.count(unopened)).toBe(0);
    expect((await callers.shown(unopened)).status).toBe('error');
  });
});

describe.sequential('a target that is down', () => {
  it('and dies in the middle of an export: the export is run again and its file is right', async () => {
    const action = await callers.submit(largeExport(rows));
    await callers.approve(action);
    await until(async () => (await exportsOf(system, action.id)).length === 1, 60_000, 'the export writes its file');
    await system.restart('database');
    const ended = await callers.ended(action.id);
    expect(ended.status).toBe('executed');
    expect(ended.outcome?.result_digest).toBe(largeExportDigest(rows));
    expect(await exportsOf(system, action.id)).toEqual([`${action.id}.csv`]);
    expect(await fileDigest(path.join(system.config.exports, `${action.id}.csv`))).toBe(largeExportDigest(rows));
    expect(attemptsOf(system, action.id)).toBe(1);
  });

  it('and back in time: what was approved meanwhile is executed', async () => {
    const action = await callers.submit(smallExport());
    await system.stopProcess('database', 'SIGKILL');
    await callers.approve(action);
    await until(() => attemptsOf(system, action.id) === 1, 60_000, 'the executor has begun');
    expect((await callers.shown(action.id)).status).toBe('executing');
    await system.startProcess('database');
    const ended = await callers.ended(action.id);
    expect(ended.status).toBe('executed');
    expect(await exportsOf(system, action.id)).toEqual([`${action.id}.csv`]);
  });

  it('for too long: the action fails and says why, and people could decide without a preview', async () => {
    const call = await callers.submit(hook('gone'));
    await target.stop();
    await callers.approve(call);
    await system.stopProcess('database', 'SIGKILL');
    const action = await callers.submit(smallExport());
    // Those who ask are not told what the target said before anybody approved, so an approver looks.
    await until(async () => (await callers.shown(action.id, 'bob')).preview_error !== undefined, 60_000, 'the preview is given up');
    await callers.approve(action);
    const ended = await callers.ended(action.id);
    expect(ended.status).toBe('failed');
    expect(ended.outcome).toMatchObject({ status: 'failed', code: 'target-unavailable' });
    expect(ended.outcome?.detail).toMatch(/^The database cannot be reached or the connection was lost \(ECONNREFUSED\)\. Tried 6 times\.$/);
    expect(ended.story.map(({ kind }) => kind)).toEqual(['submitted', 'evaluated', 'approved', 'executing', 'failed']);
    expect(ended.story.at(-1)?.text).toContain('Tried 6 times');
    expect(await exportsOf(system, action.id)).toEqual([]);
    expect(evidenceOf(system, action.id)).toEqual(['opened', 'decided', 'released', 'closed']);

    // Nothing had left for the HTTP target, so that was tried again too.
    const nothing = await callers.ended(call.id);
    expect(nothing.status).toBe('failed');
    expect(nothing.outcome).toMatchObject({
      code: 'target-unavailable',
      detail: 'hooks: the connection failed (ECONNREFUSED); nothing was sent. Tried 6 times.',
    });
    expect(target.count(call.id)).toBe(0);

    await system.startProcess('database');
    // What failed stays failed; only a new action runs.
    expect((await callers.decide('alice', action)).status).toBe(409);
    expect((await callers.shown(action.id)).status).toBe('failed');
    const again = await callers.submit(smallExport());
    await callers.approve(again);
    expect((await callers.ended(again.id)).status).toBe('executed');
  });

  it('and no log holds a stack trace, an unhandled rejection or a secret', async () => {
    expect(await uglyLines(system)).toEqual([]);
  });
});
