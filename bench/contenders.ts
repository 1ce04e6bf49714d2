import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { WithStartWorkflowOperation, type WorkflowHandle } from '@temporalio/client';
import { defineUpdate } from '@temporalio/workflow';
import type { Actions, SubmitBody } from '../api/actions.js';
import type { TrustedKeys } from '../domain/signing.js';
import type { DecisionSigner } from '../api/decision-signer.js';
import { createTemporalActions } from '../api/temporal-actions.js';
import type { Directory } from '../directory/port.js';
import { CountersignError } from '../domain/errors.js';
import type { ActionRequest } from '../domain/request.js';
import type { BareDecision } from './bare-types.js';
import type { bare } from './bare-workflow.js';
import { clockMs } from './clock.js';
import { taskQueues, type Engine } from './engine.js';
import { definitions, exportBody, requester } from './samples.js';

/** The times of one action that was approved as soon as its people had been told, in milliseconds. */
export type Life = { readonly id: string; readonly verdictMs: number; readonly answeredMs: number; readonly startedMs: number; readonly doneMs: number };

/** Something that takes an action from request to execution. */
export interface Contender {
  readonly name: string;
  /** Runs one action. `settleMs` after the notification is when the decision is made. */
  live(settleMs: number, body?: SubmitBody): Promise<Life>;
  /** Events and bytes of the history of one action. */
  size(id: string): Promise<{ readonly events: number; readonly bytes: number }>;
}

type Started = { readonly id: string; readonly handle: WorkflowHandle; readonly decide: () => Promise<unknown> };

abstract class Timed implements Contender {
  abstract readonly name: string;
  constructor(protected readonly engine: Engine) {}

  protected abstract submit(body: SubmitBody): Promise<Started>;

  async live(settleMs: number, body = exportBody): Promise<Life> {
    const submitted = clockMs();
    const { id, handle, decide } = await this.submit(body);
    const judged = clockMs();
    await this.engine.began('notified', id);
    if (settleMs > 0) await delay(settleMs);
    const started = this.engine.began('started', id);
    const result = handle.result();
    const decided = clockMs();
    await decide();
    const answered = clockMs();
    const [startedAt] = await Promise.all([started, result]);
    return { id, verdictMs: judged - submitted, answeredMs: answered - decided, startedMs: startedAt - decided, doneMs: clockMs() - decided };
  }

  async size(id: string): Promise<{ readonly events: number; readonly bytes: number }> {
    const { historyLength, historySize } = await this.engine.access.client.workflow.getHandle(id).describe();
    return { events: historyLength, bytes: historySize ?? Number.NaN };
  }
}

/** Countersign as its api uses it: checks, limits, signed decisions, the action workflow, the executor. */
export class Countersign extends Timed {
  readonly name = 'countersign';
  private readonly actions: Actions;

  constructor(
    engine: Engine,
    private readonly directory: Directory,
    signer: DecisionSigner,
    trusted: TrustedKeys,
  ) {
    super(engine);
    this.actions = createTemporalActions({
      access: engine.access,
      connectors: definitions,
      directory,
      signer,
      trusted,
      pendingPerSubject: 1_000_000,
      taskQueue: taskQueues.action,
    });
  }

  /** Leaves one action pending, once its people have been told. */
  async leavePending(): Promise<void> {
    const { view } = await this.actions.submit(requester, exportBody, randomUUID());
    await this.engine.began('notified', view.id);
  }

  protected async submit(body: SubmitBody): Promise<Started> {
    const { view } = await this.actions.submit(requester, body, randomUUID());
    if (view.status !== 'pending') throw new Error(`the action is ${view.status} instead of pending: ${view.denial?.detail ?? ''}`);
    const person = await this.directory.person('alice');
    if (person === undefined) throw new CountersignError('principal-unknown');
    return {
      id: view.id,
      handle: this.engine.access.client.workflow.getHandle(view.id),
      decide: async () => {
        const reply = await this.actions.decide({
          actionId: view.id,
          person,
          channel: 'api',
          assurance: 'login',
          verdict: 'approve',
          digest: view.digest,
          planDigest: view.planDigest,
        });
        if (!reply.accepted) throw new Error(`the decision was refused: ${reply.detail}`);
      },
    };
  }
}

const verdictUpdate = defineUpdate<string, []>('verdict');
const decideUpdate = defineUpdate<string, [BareDecision]>('decide');

/** The bare workflow through a bare client. */
export class Bare extends Timed {
  readonly name = 'bare Temporal';

  protected async submit(body: SubmitBody): Promise<Started> {
    const id = `bare_${randomUUID()}`;
    const request = { ...body, id, requester, requestedAt: new Date().toISOString() } as unknown as ActionRequest;
    const { workflow } = this.engine.bareAccess.client;
    const startWorkflowOperation = new WithStartWorkflowOperation<typeof bare>('bare', {
      workflowId: id,
      taskQueue: taskQueues.bare,
      workflowIdConflictPolicy: 'USE_EXISTING',
      args: [{ request }],
    });
    await workflow.executeUpdateWithStart(verdictUpdate, { startWorkflowOperation });
    const handle = workflow.getHandle(id);
    return { id, handle, decide: () => handle.executeUpdate(decideUpdate, { args: [{ verdict: 'approve', person: 'alice' }] }) };
  }
}
