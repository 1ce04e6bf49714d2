import {
  ActivityFailure,
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  condition,
  isCancellation,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { ExecutionOutcome } from '../domain/connector.js';
import { isDecisionProof } from '../domain/proof.js';
import { isRequest } from '../domain/shapes.js';
import type { ActionStatus } from '../domain/view.js';
import { ActionState } from './action-state.js';
import {
  cancelUpdate,
  decideSignal,
  decideUpdate,
  maxDecisionLength,
  verdictUpdate,
  viewQuery,
  type ActionInput,
  type CancelInput,
  type DecideInput,
} from './contract.js';
import { Decisions } from './decisions.js';
import { execute } from './execution.js';
import { Notices } from './notices.js';
import { local, sealing, sealingApart } from './proxies.js';
import { publish } from './publish.js';
import { review } from './review.js';

/** How an action ended. */
export type ActionResult = { readonly status: ActionStatus; readonly outcome?: ExecutionOutcome };

/**
 * One sensitive action from request to seal: evaluates policy, asks people, waits for their decision, executes what
 * was approved, and leaves evidence of all of it.
 */
export async function action(input: ActionInput | undefined): Promise<ActionResult> {
  // Whoever reaches Temporal can start this with anything; a task that fails on it would be tried for ever.
  if (!isRequest(input?.request) || input.request.id !== workflowInfo().workflowId || typeof input.signedRequest !== 'string')
    throw ApplicationFailure.nonRetryable('This workflow was not started by the api.', 'request-unsigned');
  const { request, signedRequest } = input;
  const state = new ActionState(request, signedRequest);
  const notices = new Notices(state);
  const decisions = new Decisions(state, notices);

  setHandler(viewQuery, () => ({ ...state.view(), signed: state.signed }));
  setHandler(verdictUpdate, async () => {
    await condition(() => state.status !== 'evaluating');
    const { signedPlan } = state.signed;
    return { ...state.view(), signed: signedPlan === undefined ? {} : { signedPlan } };
  });
  // Validators look at shape and number alone: what they refuse leaves no trace, and a refused decision must. Beyond the
  // bound the trace is what would hurt: a history holds 2,000 updates, and then nobody could decide any more.
  setHandler(decideUpdate, (input) => decisions.decide(input), {
    validator: (input: DecideInput | undefined) => {
      requireJws(input?.decision);
      requireProof(input?.proof);
      requireRoom(decisions.admits(input?.by === undefined ? undefined : String(input.by)));
    },
  });
  setHandler(decideSignal, async (input) => {
    await decisions.decide({
      decision: String(input?.decision).slice(0, maxDecisionLength),
      ...(isDecisionProof(input?.proof) ? { proof: input.proof } : {}),
      ...(input?.by === undefined ? {} : { by: String(input.by) }),
    });
  });
  setHandler(cancelUpdate, (input) => decisions.cancel(input), {
    validator: (input: CancelInput | undefined) => {
      requireJws(input?.cancellation);
      requireRoom(decisions.admitsCancellation());
    },
  });

  state.tell(Date.now(), 'submitted', `${request.requester.name} asked for ${request.action} on ${request.resource.id}.`);
  try {
    await evaluate(state);
    if (state.status === 'pending') await review(state, decisions, notices);
    if (state.status === 'executing') finishExecution(state, await execute(state, notices));
  } catch (error) {
    if (!isCancellation(error)) throw error;
    await CancellationScope.nonCancellable(() => decisions.settled());
    if (!state.final) {
      // An operator stopped the workflow. That is no approval, and it ends like a cancellation.
      state.status = 'cancelled';
      state.tell(Date.now(), 'cancelled', 'An operator cancelled the workflow.');
    }
  }
  await CancellationScope.nonCancellable(async () => {
    await decisions.settled();
    await close(state, notices);
    await condition(allHandlersFinished);
  });
  return { status: state.status, ...(state.outcome === undefined ? {} : { outcome: state.outcome }) };
}

async function evaluate(state: ActionState): Promise<void> {
  try {
    state.opened = await local.open({ request: state.request, signedRequest: state.signedRequest, runId: workflowInfo().runId, nowMs: Date.now() });
  } catch (error) {
    if (isCancellation(error)) throw error;
    // What cannot be recorded is not executed.
    state.status = 'error';
    const cause = error instanceof ActivityFailure ? error.cause : error;
    if (cause instanceof ApplicationFailure && cause.type === 'grant-consumed') state.denial = { code: cause.type, detail: cause.message };
    else state.denial = { code: 'evidence-unavailable', detail: 'The action could not be opened in the evidence log, so it does not run.' };
    state.tell(Date.now(), 'error', state.denial.detail);
    return;
  }
  const { plan, approvers } = state.opened;
  switch (plan.outcome) {
    case 'deny':
      state.status = 'denied';
      state.denial = plan.denial ?? { code: 'denied-by-policy', detail: 'Policy denies this action.' };
      state.tell(Date.now(), 'denied', state.denial.detail);
      return;
    case 'allow':
      state.status = 'executing';
      state.tell(Date.now(), 'evaluated', `Policy allows it: ${plan.policies.join(', ')}.`);
      return;
    case 'review':
      // From the plan's own time, which the executor checks the deadline against, however long opening took.
      state.startStage(0, approvers, Date.parse(plan.evaluatedAt));
      state.tell(Date.now(), 'evaluated', `Policy asks people: ${plan.policies.join(', ')}.`);
      return;
  }
}

function finishExecution(state: ActionState, outcome: ExecutionOutcome): void {
  state.outcome = outcome;
  switch (outcome.status) {
    case 'succeeded':
      state.status = 'executed';
      state.tell(Date.now(), 'executed', 'It was executed.');
      return;
    case 'cancelled':
      state.status = 'cancelled';
      return;
    case 'failed':
    case 'unknown':
      state.status = outcome.status;
      state.tell(Date.now(), outcome.status, outcome.detail);
  }
}

async function close(state: ActionState, notices: Notices): Promise<void> {
  notices.stop();
  state.endedAtMs = Date.now();
  const { status, outcome, denial } = state;
  // What the executor reported is in the history already. A decision is not yet, nor is an execution that was cancelled in
  // the very task that asked for it.
  const apart = state.attempts > 0 && (outcome === undefined || outcome.status === 'cancelled');
  const closed = await (apart ? sealingApart : sealing).close({
    actionId: state.request.id,
    atMs: state.endedAtMs,
    status,
    ...(outcome === undefined ? {} : { outcome }),
    ...(denial === undefined ? {} : { denial }),
    view: state.signedState(),
    handles: state.handles,
  });
  if (closed.doubt !== undefined) state.tell(Date.now(), 'error', `${closed.doubt.detail} (${closed.doubt.code})`);
  publish(state);
  if (closed.cards === 'behind') await notices.catchUp();
}

function requireRoom(room: boolean): void {
  if (!room) throw ApplicationFailure.nonRetryable('Too many decisions were attempted on this action.', 'rate-limited');
}

function requireProof(value: unknown): void {
  if (value !== undefined && !isDecisionProof(value)) throw new TypeError('what came beside the decision is no proof');
}

function requireJws(value: unknown): void {
  if (typeof value !== 'string' || value.length === 0 || value.length > maxDecisionLength)
    throw new TypeError(`a compact JWS of at most ${maxDecisionLength} characters is required`);
}
