import path from 'node:path';
import { randomUUID } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codecOfSystem } from '../../helpers/encryption.js';
import { TestSystem, until } from '../../helpers/processes.js';
import { Callers, hook, largeExport, largeExportDigest, smallExport, type Shown } from './support/actions.js';
import { faultConfig } from './support/config.js';
import { attemptsOf, evidenceOf, exportsOf, fileDigest, uglyLines } from './support/records.js';
import { startGatedTarget, type GatedTarget } from './support/target.js';

const rows = 300_000;
let target: GatedTarget;
let system: TestSystem;
let callers: Callers;
let connection: Connection;

beforeAll(async () => {
  target = await startGatedTarget();
  system = await TestSystem.start({ edit: faultConfig({ hooks: target.url }) });
  connection = await Connection.connect({ address: system.config.address });
  callers = new Callers(system);
  await callers.warmUp('invoice-bot', 'alice', 'bob');
});
afterAll(async () => {
  await connection?.close();
  await system?.stop();
  await target?.stop();
});

/** What was under way when the process was killed. */
type Scene = {
  readonly pending: readonly Shown[];
  readonly deciding: readonly Shown[];
  readonly submitting: readonly Shown[];
  readonly held: Shown;
  readonly exported: Shown;
};

/** Brings actions into every phase of their life, kills the process among them, and waits until it is back. */
async function crash(name: 'api' | 'worker' | 'executor' | 'temporal'): Promise<Scene> {
  target.close();
  const submit = (count: number, body: (index: number) => object) => Promise.all(Array.from({ length: count }, (_, index) => callers.submit(body(index))));
  const pending = await submit(3, () => smallExport());
  const deciding = await submit(8, (index) => (index % 2 === 0 ? hook('quick') : smallExport()));
  const [held, exported] = await Promise.all([callers.submit(hook('hold/on')), callers.submit(largeExport(rows))]);

  await callers.approve(held);
  await until(() => target.count(held.id) === 1, 60_000, 'the request is at the target');
  await callers.approve(exported);
  await until(async () => (await exportsOf(system, exported.id)).length === 1, 60_000, 'the export writes its file');

  // Submissions and decisions are on their way in both directions when the process dies; their senders repeat them.
  const submitted = Promise.all(Array.from({ length: 3 }, () => callers.submit(smallExport(), randomUUID())));
  const answers = deciding.map((action, index) => callers.decide(index % 4 < 2 ? 'alice' : 'bob', action));
  await Promise.race(answers);
  await system.kill(name);
  await system.whenReady(name);
  target.open();
  await Promise.all(answers);
  return { pending, deciding, submitting: await submitted, held, exported };
}

type PendingActivity = {
  readonly attempt?: number | null;
  readonly heartbeatDetails?: { readonly payloads?: readonly { readonly data?: Uint8Array | null }[] | null } | null;
};

/** What Temporal says of the execution that is under way. */
async function execution(actionId: string): Promise<PendingActivity | undefined> {
  const { raw } = await new Client({ connection, namespace: system.config.namespace }).workflow.getHandle(actionId).describe();
  return raw.pendingActivities?.find(({ activityType }) => activityType?.name === 'execute');
}

const tries = async (actionId: string): Promise<number> => (await execution(actionId))?.attempt ?? 0;
const heartbeat = async (actionId: string): Promise<string> => {
  const payloads = (await execution(actionId))?.heartbeatDetails?.payloads ?? [];
  const [told] = await codecOfSystem(system.secrets).decode([...payloads]);
  return Buffer.from(told?.data ?? []).toString('utf8');
};

/** The file of an export is there, whole, under one name, and what its digest says. */
async function expectOneFile({ id, outcome }: Shown): Promise<void> {
  expect(await exportsOf(system, id)).toEqual([`${id}.csv`]);
  const file = path.join(system.config.exports, `${id}.csv`);
  expect((await stat(file)).size).toBe(Number(outcome?.facts?.find((fact) => fact.label === 'Bytes')?.value));
  expect(await fileDigest(file)).toBe(outcome?.result_digest);
}

function expectSealedOnce(id: string): void {
  const kinds = evidenceOf(system, id);
  expect([kinds[0], kinds.filter((kind) => kind === 'opened').length]).toEqual(['opened', 1]);
  expect([kinds.at(-1), kinds.filter((kind) => kind === 'closed').length]).toEqual(['closed', 1]);
  expect(kinds.filter((kind) => kind === 'decided').length).toBe(1);
}

describe.sequential.each(['api', 'worker', 'executor', 'temporal'] as const)('kill -9 of the %s', (name) => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await crash(name);
  });

  it('loses no action that waits for a decision', async () => {
    for (const before of [...scene.pending, ...scene.submitting]) {
      const now = await callers.shown(before.id);
      expect([now.status, now.digest]).toEqual(['pending', before.digest]);
      expect(now.decisions).toEqual([]);
      await callers.approve(now);
      const ended = await callers.ended(now.id);
      expect(ended.status).toBe('executed');
      expect(attemptsOf(system, now.id)).toBe(1);
      await expectOneFile(ended);
      expectSealedOnce(now.id);
    }
    expect(new Set(scene.submitting.map((one) => one.id)).size).toBe(scene.submitting.length);
  });

  it('counts a decision that was under way once, however often it was sent', async () => {
    for (const { id, action } of scene.deciding.map((one, index) => ({ id: one.id, action: index % 2 === 0 ? 'hook' : 'export' }))) {
      const ended = await callers.ended(id);
      expect(ended.decisions.filter((decision) => decision.accepted).length).toBe(1);
      // What came again found the action decided, and is evidence too.
      expect(ended.decisions.filter((decision) => !decision.accepted).map((decision) => decision.refusal?.code)).toEqual(
        ended.decisions.filter((decision) => !decision.accepted).map(() => 'decision-on-final'),
      );
      expectSealedOnce(id);
      if (action === 'export') {
        expect(ended.status).toBe('executed');
        await expectOneFile(ended);
      } else if (name === 'executor' && ended.status === 'unknown') {
        // It died between taking the grant and hearing the answer; nobody but the target can say more.
        expect(target.count(id)).toBeLessThanOrEqual(1);
        expect(ended.outcome?.check).toContain('not run again');
      } else {
        expect(ended.status).toBe('executed');
        expect(target.count(id)).toBe(1);
      }
    }
  });

  it(name === 'executor' ? 'never repeats a request that may have taken effect' : 'goes on with a request that was under way', async () => {
    const ended = await callers.ended(scene.held.id);
    expect(target.count(scene.held.id)).toBe(1);
    expect(attemptsOf(system, scene.held.id)).toBe(1);
    expectSealedOnce(scene.held.id);
    if (name !== 'executor') {
      expect(ended.status).toBe('executed');
      return;
    }
    expect(ended.status).toBe('unknown');
    expect(ended.outcome?.check).toContain(ended.id);
    expect(ended.story.at(-1)?.kind).toBe('unknown');
  });

  it('ends an export that was under way with the right file', async () => {
    const ended = await callers.ended(scene.exported.id);
    expect(ended.status).toBe('executed');
    await expectOneFile(ended);
    expect(ended.outcome?.result_digest).toBe(largeExportDigest(rows));
    expect(attemptsOf(system, ended.id)).toBe(name === 'executor' ? 2 : 1);
    expectSealedOnce(ended.id);
  });
});

describe('an executor that is out of reach for longer than Temporal waits', () => {
  it('finishes what it had begun, although Temporal has asked for it again meanwhile', async () => {
    target.close();
    const [held, exported] = await Promise.all([callers.submit(hook('hold/frozen')), callers.submit(largeExport(rows))]);
    await callers.approve(held);
    await until(() => target.count(held.id) === 1, 60_000, 'the request is at the target');
    await callers.approve(exported);
    await until(async () => (await exportsOf(system, exported.id)).length === 1, 60_000, 'the export writes its file');
    const { pid } = system.info('executor');
    process.kill(pid as number, 'SIGSTOP');
    try {
      await until(async () => (await tries(held.id)) >= 2 && (await tries(exported.id)) >= 2, 90_000, 'Temporal gives both attempts up');
    } finally {
      process.kill(pid as number, 'SIGCONT');
    }
    const file = await callers.ended(exported.id);
    expect(file.status).toBe('executed');
    await expectOneFile(file);
    expect(file.outcome?.result_digest).toBe(largeExportDigest(rows));

    // The answer arrives at the attempt that was given up; the one that Temporal started since waits for it.
    await until(async () => (await heartbeat(held.id)).includes('earlier attempt'), 60_000, 'the second attempt waits for the first');
    target.open();
    expect((await callers.ended(held.id)).status).toBe('executed');
    expect(target.count(held.id)).toBe(1);
    for (const { id } of [held, exported]) expectSealedOnce(id);
    expect(system.info('executor').pid).toBe(pid);
  });
});

describe('after all of it', () => {
  it('no log holds a stack trace, an unhandled rejection or a secret', async () => {
    expect(await uglyLines(system)).toEqual([]);
  });
});
