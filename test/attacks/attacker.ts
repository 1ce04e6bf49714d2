import { randomUUID } from 'node:crypto';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import type { RecordedEntry } from '../../activities/ports.js';
import type { WorkerActivities } from '../../activities/types.js';
import type { Grant } from '../../domain/grant.js';
import type { ErrorCode } from '../../domain/errors.js';
import type { ExecutionOutcome } from '../../domain/connector.js';
import type { ActionRequest } from '../../domain/request.js';
import { sign } from '../../domain/signing.js';
import { isFinal, type ActionView } from '../../domain/view.js';
import { executorTaskQueue } from '../../workflows/contract.js';
import { startMemoryTemporal } from '../../scripts/lib/testing.mjs';
import { RecordingConnector } from '../helpers/fakes.js';
import { eventually, Rig, type RigOptions } from '../helpers/rig.js';

/** A request that one data owner has to approve. */
export const customers = { action: 'postgres.export', parameters: { columns: ['id', 'name'], limit: 500, format: 'csv' } };
/** A request that a data owner and then somebody from security have to approve. */
export const allCustomers = { action: 'postgres.export', parameters: { columns: ['id', 'name'], format: 'csv' } };
/** A request that policy allows at once. */
export const priceList = { action: 'postgres.export', resource: { type: 'Table', id: 'crm/public.products' } };

/** A running system and what somebody with access to Temporal, or with one stolen key, can do to it. */
export class Scene {
  temporal!: Awaited<ReturnType<typeof startMemoryTemporal>>;
  private rigs: Rig[] = [];

  /** Starts one Temporal for a file of attacks and stops all at its end. */
  static forFile(): Scene {
    const scene = new Scene();
    beforeAll(async () => {
      scene.temporal = await startMemoryTemporal();
    });
    afterEach(async () => {
      await Promise.all(scene.rigs.splice(0).map((rig) => rig.stop()));
    });
    afterAll(() => scene.temporal.stop());
    return scene;
  }

  async start(
    options: Partial<RigOptions> & { readonly connector?: RecordingConnector } = {},
  ): Promise<{ readonly rig: Rig; readonly connector: RecordingConnector }> {
    const { connector = new RecordingConnector(), ...rest } = options;
    const rig = await Rig.start({ address: this.temporal.address, connectors: [connector], ...rest });
    this.rigs.push(rig);
    return { rig, connector };
  }

  /** Calls an activity of the executor from a workflow of the attacker's own, as anybody on the task queue could. */
  async callExecutor(rig: Rig, grant: unknown): Promise<ExecutionOutcome | { readonly refused: string; readonly message: string }> {
    const { attacker } = await import('./attacker-worker.js');
    return attacker(this.temporal.address, { taskQueue: executorTaskQueue(rig.taskQueue), activity: 'execute', input: { grant } });
  }

  /** Calls any activity of the worker, with any input, in the same way. */
  async callWorker<T>(rig: Rig, activity: keyof WorkerActivities, input: unknown): Promise<T | { readonly refused: string; readonly message: string }> {
    const { attacker } = await import('./attacker-worker.js');
    return attacker<T>(this.temporal.address, { taskQueue: rig.taskQueue, activity, input });
  }

  /** Calls an activity of the worker as Temporal itself could: it tells the worker which workflow scheduled it, and that can be a lie. */
  async callWorkerAs<T>(rig: Rig, workflowId: string, activity: keyof WorkerActivities, input: unknown): Promise<T> {
    const environment = new MockActivityEnvironment({ workflowExecution: { workflowId, runId: randomUUID() } });
    return environment.run(rig.activities[activity] as (input: unknown) => Promise<T>, input);
  }
}

/** The grant that the workflow would present, from signed decisions in the order of their stages, and the release if there was one. */
export async function grantOf(rig: Rig, request: ActionRequest, approvals: Grant['approvals']): Promise<Grant> {
  const released = (await rig.evidence.ofAction(request.id)).find((entry) => entry.kind === 'released')?.body as { readonly release: string } | undefined;
  return {
    request,
    signedRequest: await rig.sealRequest(request),
    plan: await planOf(rig, request.id),
    approvals,
    ...(released === undefined ? {} : { release: released.release }),
  };
}

/** A release of these decisions as the worker would sign it, which an attacker may have read in Temporal. */
export function releaseOf(rig: Rig, view: ActionView, decisionIds: readonly string[], key = rig.keys.signing.policy): Promise<string> {
  const seconds = Math.floor(Date.now() / 1000);
  const content = { actionId: view.id, actionDigest: view.digest, planDigest: view.planDigest, decisionIds, releasedAt: new Date().toISOString() };
  return sign('release', key, content, { issuedAt: seconds, expiresAt: seconds + 3_600, id: 'release' });
}

/** The id of a signed decision. */
export function idOf(signedDecision: string): string {
  const claims = JSON.parse(Buffer.from(signedDecision.split('.')[1] ?? '', 'base64url').toString()) as { readonly jti: string };
  return claims.jti;
}

/** The signed plan of an action, which lies in Temporal's history for its operator to read. */
export async function planOf(rig: Rig, id: string): Promise<string> {
  const entries = await rig.evidence.ofAction(id);
  const opened = entries.find((entry) => entry.kind === 'opened');
  return (opened?.body as unknown as { readonly result: { readonly signedPlan: string } }).result.signedPlan;
}

/** Sends a signal past the api. */
export async function forgeSignal(rig: Rig, id: string, decision: unknown): Promise<void> {
  await rig.client.workflow.getHandle(id).signal('decide', { decision });
}

/** Waits until the evidence holds a refusal with this code, and returns it. */
export function refusalInEvidence(rig: Rig, id: string, code: ErrorCode): Promise<RecordedEntry> {
  return eventually(
    async () => (await rig.evidence.ofAction(id)).find((entry) => entry.kind === 'refused' && codeOf(entry) === code),
    20_000,
    `a refusal ${code} in evidence`,
  );
}

function codeOf(entry: RecordedEntry): unknown {
  const body = entry.body as {
    readonly record?: { readonly refusal?: { readonly code: string } };
    readonly result?: { readonly refusal?: { readonly code: string } };
    readonly refusal?: { readonly code: string };
  };
  return (body.record?.refusal ?? body.result?.refusal ?? body.refusal)?.code;
}

/** That nothing ran for this action and nobody's consent was counted. */
export async function expectUntouched(rig: Rig, connector: RecordingConnector, id: string): Promise<ActionView> {
  const view = await rig.view(id);
  expect(connector.ran.filter((ran) => ran.id === id)).toEqual([]);
  expect(view.decisions.filter((record) => record.accepted)).toEqual([]);
  return view;
}

/** Waits for the end of an action as its workflow tells it. */
export async function ended(rig: Rig, id: string): Promise<ActionView> {
  const view = await eventually(async () => {
    const shown = await rig.view(id);
    return isFinal(shown.status) ? shown : undefined;
  });
  // A final state is seen before it is sealed; what follows is about what is over.
  await rig
    .handle(id)
    .result()
    .catch(() => undefined);
  return view;
}

export function newId(): `act_${string}` {
  return `act_${randomUUID().replaceAll('-', '')}`;
}
