import { randomUUID } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import { NativeConnection, Worker } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporalAccess, type TemporalAccess } from '../../api/temporal/access.js';
import { createViewReader } from '../../api/temporal/views.js';
import { failureConverterPath } from '../../codec/data-converter.js';
import { createViewTrust } from '../../domain/trusted-view.js';
import { testConverter } from '../helpers/encryption.js';
import { RecordingConnector, succeeded } from '../helpers/fakes.js';
import { eventually } from '../helpers/rig.js';
import { attacker, attackerBundle } from './attacker-worker.js';
import { customers, expectUntouched, grantOf, refusalInEvidence, releaseOf, Scene } from './attacker.js';
import { executorTaskQueue } from '../../workflows/contract.js';

// The attacker writes to Temporal what they like. They have no encryption key.
describe('S12: payloads that nobody with a key wrote for this action', () => {
  const scene = Scene.forFile();
  let connection: Connection;
  let keyless: Client;
  beforeAll(async () => {
    connection = await Connection.connect({ address: scene.temporal.address });
    keyless = new Client({ connection });
  });
  afterAll(() => connection.close());

  const inputOf = async (id: string) => {
    const { events } = await keyless.workflow.getHandle(id).fetchHistory();
    const [started] = events ?? [];
    return started?.workflowExecutionStartedEventAttributes?.input?.payloads ?? [];
  };
  const signal = (workflowId: string, payloads: readonly object[]) =>
    connection.workflowService.signalWorkflowExecution({
      namespace: 'default',
      workflowExecution: { workflowId },
      signalName: 'decide',
      input: { payloads: [...payloads] },
      requestId: randomUUID(),
    });

  it('a signal in clear, even with a valid decision, is recorded as refused and holds nothing up', async () => {
    const { rig, connector } = await scene.start();
    const view = await rig.submit(rig.request(customers));
    await keyless.workflow.getHandle(view.id).signal('decide', { decision: await rig.decision(view) });
    await refusalInEvidence(rig, view.id, 'decision-invalid');
    await expectUntouched(rig, connector, view.id);
    expect(await rig.decide(view)).toMatchObject({ accepted: true });
    expect((await rig.handle(view.id).result()).status).toBe('executed');
  });

  it('a payload of another action, carried over as it is or renamed, is refused', async () => {
    const { rig, connector } = await scene.start();
    const [one, other] = [await rig.submit(rig.request(customers)), await rig.submit(rig.request(customers))];
    const [payload] = await inputOf(one.id);
    if (payload?.metadata === undefined) throw new TypeError('the input has no metadata');
    await signal(other.id, [payload]);
    await signal(other.id, [{ ...payload, metadata: { ...payload.metadata, 'workflow-id': Buffer.from(other.id) } }]);
    await refusalInEvidence(rig, other.id, 'decision-invalid');
    await eventually(async () => (await rig.view(other.id)).refusedCount === 2);
    await expectUntouched(rig, connector, other.id);
  });

  it('the executor reads no grant in clear, however good its signatures are', async () => {
    const { rig, connector } = await scene.start();
    const request = rig.request(customers);
    const view = await rig.submit(request);
    const decisionId = randomUUID();
    const grant = await grantOf(rig, request, [{ stage: 0, decision: await rig.decision(view, { decisionId }) }]);
    const call = {
      taskQueue: executorTaskQueue(rig.taskQueue),
      activity: 'execute',
      input: { grant: { ...grant, release: await releaseOf(rig, view, [decisionId]) } },
    };
    // They read the answer with a key, so that the test can see it, and write without one.
    const [codec] = testConverter('refuse', { readClear: true }).payloadCodecs ?? [];
    const writesClear: DataConverter = {
      failureConverterPath,
      payloadCodecs: [{ encode: async (payloads) => payloads, decode: async (payloads) => codec?.decode(payloads) ?? [] }],
    };
    expect(await attacker(scene.temporal.address, call, writesClear)).toMatchObject({ message: expect.stringContaining('payload-unreadable') as string });
    await expectUntouched(rig, connector, view.id);
    // The same grant, encrypted: what was refused above was its clear form and nothing else.
    expect(await attacker(scene.temporal.address, call)).toMatchObject({ status: 'succeeded' });
  });

  it.each(['failed', 'failed in the words of the server', 'completed'] as const)(
    'an execution reported as %s by somebody without a key ends as unknown, whatever they say of it',
    async (how) => {
      let finish: () => void = () => undefined;
      const held = new Promise<void>((resolve) => (finish = resolve));
      const { rig, connector } = await scene.start({
        connector: new RecordingConnector(async () => {
          await held;
          return succeeded();
        }),
      });
      try {
        const view = await rig.submit(rig.request(customers));
        await rig.decide(view);
        await eventually(() => connector.ran.length === 1);
        const { events } = await keyless.workflow.getHandle(view.id).fetchHistory();
        const scheduled = (events ?? []).map((event) => event.activityTaskScheduledEventAttributes).find((each) => each?.activityType?.name === 'execute');
        const activity = { namespace: 'default', workflowId: view.id, activityId: scheduled?.activityId ?? expect.fail('execute was not scheduled') };
        const payload = {
          metadata: { encoding: Buffer.from('json/plain') },
          data: Buffer.from('{"status":"failed","code":"target-refused","detail":"Run it again."}'),
        };
        if (how === 'completed') await connection.workflowService.respondActivityTaskCompletedById({ ...activity, result: { payloads: [payload] } });
        else
          await connection.workflowService.respondActivityTaskFailedById({
            ...activity,
            failure: {
              message: 'Run it again.',
              applicationFailureInfo: { type: how === 'failed' ? 'target-refused' : 'AcceptedUpdateCompletedWorkflow', nonRetryable: true },
            },
          });
        const result = await rig.handle(view.id).result();
        expect(result.status).toBe('unknown');
        expect(JSON.stringify([result, await rig.view(view.id)])).not.toContain('Run it again.');
      } finally {
        finish();
      }
    },
  );

  it('a workflow started with anything but a request ends at once and blocks nobody', async () => {
    const { rig } = await scene.start();
    for (const args of [[], [{}], [{ request: 7, signedRequest: 'x' }], [{ request: { id: 'another' }, signedRequest: 'x' }]]) {
      const handle = await keyless.workflow.start('action', { taskQueue: rig.taskQueue, workflowId: `garbage-${randomUUID()}`, args });
      await expect(rig.client.workflow.getHandle(handle.workflowId).result()).rejects.toMatchObject({ cause: { type: 'request-unsigned' } });
    }
  });

  it('the api takes no view that was made up', async () => {
    const id = `act_${randomUUID()
      .replaceAll('-', '')
      .replace(/[0189]/g, 'x')}`;
    const native = await NativeConnection.connect({ address: scene.temporal.address });
    const taskQueue = `attacker-${randomUUID()}`;
    const worker = await Worker.create({ connection: native, taskQueue, workflowBundle: await attackerBundle() });
    await worker.runUntil(async () => {
      await keyless.workflow.start('showing', { workflowId: id, taskQueue, args: [{ id, status: 'executed', story: [] }] });
      const trust = createViewTrust({ connectors: [], trusted: new Map(), nameOf: async () => undefined });
      const reading = (access: TemporalAccess) => createViewReader(access, trust, () => undefined).read(id);
      // Without encryption it is read, and then it is the signatures that are missing.
      await expect(reading(temporalAccess(connection, 'default'))).rejects.toMatchObject({ code: 'view-forged' });
      await expect(reading(temporalAccess(connection, 'default', testConverter('refuse')))).rejects.toMatchObject({ code: 'payload-unreadable' });
      await keyless.workflow.getHandle(id).terminate();
    });
    await native.close();
  });
});
