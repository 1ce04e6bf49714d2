import { ActivityFailure, ApplicationFailure, CancellationScope, condition, isCancellation, proxyActivities, TimeoutFailure } from '@temporalio/workflow';
import type { ExecutionOutcome } from '../domain/connector.js';
import type { Grant } from '../domain/grant.js';
import { isJsonObject } from '../domain/json.js';
import { boundOutcome } from '../domain/outcome.js';
import type { ActionState } from './action-state.js';
import { Alarm } from './alarm.js';
import type { Notices } from './notices.js';
import { executor } from './proxies.js';
import { publish } from './publish.js';

const maxReceiptLength = 8_192;
// What codec/failure-converter.cjs makes of a failure that none of our processes reported.
const unvouched: ReadonlySet<string> = new Set(['failure-unvouched', 'AcceptedUpdateCompletedWorkflow']);
// Most actions are over sooner, and then no card and no attribute needs to say that they run.
const slowAfterMs = 2_000;

/** Runs what was approved, once, and returns how it ended. */
export async function execute(state: ActionState, notices: Notices): Promise<ExecutionOutcome> {
  state.tell(Date.now(), 'executing', 'The executor was asked to run it.');
  const scope = new CancellationScope();
  let outcome: ExecutionOutcome | undefined;
  const running = scope
    .run(() => run(state))
    .then(
      (result) => (outcome = readOutcome(result)),
      (error: unknown) => (outcome = failureToOutcome(error)),
    );
  const settled = () => outcome !== undefined || state.cancelRequested;
  try {
    const slow = new Alarm(slowAfterMs, 'Tell that it runs');
    await condition(() => slow.rang || settled());
    if (!settled()) {
      publish(state);
      notices.refresh();
      await condition(settled);
    }
  } catch (error) {
    // An operator cancelled the workflow. The executor was asked to stop with it; only the executor knows how far it got.
    if (!isCancellation(error)) throw error;
  }
  if (outcome === undefined) scope.cancel();
  return running;
}

async function run(state: ActionState): Promise<ExecutionOutcome> {
  const { connector, signedPlan, plan } = state.current;
  const grant: Grant = {
    request: state.request,
    signedRequest: state.signedRequest,
    plan: signedPlan,
    approvals: state.approvalsInForce.map(({ stage, decision, proof }) => ({ stage, decision, ...(proof === undefined ? {} : { proof }) })),
    ...(state.release === undefined ? {} : { release: state.release }),
  };
  const windowMs = Math.max(1_000, Date.parse(plan.expiresAt) - Date.now());
  const timing = {
    startToCloseTimeout: connector.executionTimeoutMs,
    scheduleToCloseTimeout: windowMs + connector.executionTimeoutMs,
    scheduleToStartTimeout: windowMs,
    retry: { initialInterval: '1 second' as const, maximumInterval: '20 seconds' as const },
  };
  if (connector.external === undefined) return executor({ ...timing, summary: 'Execute what was approved' }).execute({ grant });

  const { taskQueue, activity } = connector.external;
  const permitted = await executor({ ...timing, startToCloseTimeout: '30 seconds', summary: 'Verify the grant and issue a permit' }).authorize({
    grant,
    taskQueue,
  });
  if (!permitted.ok) return permitted.outcome;
  if (typeof permitted.permit !== 'string') return unclear();
  // The permit is short-lived and good for one use: a second try could not say whether the first had an effect.
  const theirs = proxyActivities<Record<string, (input: { readonly permit: string }) => Promise<ExecutionOutcome>>>({
    taskQueue,
    scheduleToStartTimeout: '90 seconds',
    startToCloseTimeout: connector.executionTimeoutMs,
    cancellationType: 'WAIT_CANCELLATION_COMPLETED',
    summary: 'Execute what was approved',
    retry: { maximumAttempts: 1 },
  });
  let outcome: ExecutionOutcome;
  try {
    outcome = (await theirs[activity]?.({ permit: permitted.permit })) ?? unclear();
  } catch (error) {
    outcome = failureToOutcome(error);
  }
  return CancellationScope.nonCancellable(() =>
    executor({ startToCloseTimeout: '30 seconds', scheduleToCloseTimeout: '1 hour', summary: 'Record how it ended' }).settle({
      actionId: state.request.id,
      outcome,
    }),
  );
}

/** An outcome by its known members: what came through Temporal may be anything. The receipt is verified when the action is sealed. */
function readOutcome(value: ExecutionOutcome): ExecutionOutcome {
  const outcome = boundOutcome(value, new Date(Date.now()).toISOString());
  const receipt: unknown = isJsonObject(value) ? value['receipt'] : undefined;
  return typeof receipt === 'string' && receipt.length <= maxReceiptLength ? { ...outcome, receipt } : outcome;
}

/** What a failed activity means for the action. Where it may have begun, the answer is `unknown`, never `failed`. */
function failureToOutcome(error: unknown): ExecutionOutcome {
  const finishedAt = new Date(Date.now()).toISOString();
  if (isCancellation(error)) return { status: 'cancelled', detail: 'It was stopped before the executor reported an effect.', finishedAt };
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (cause instanceof ApplicationFailure && cause.type && !unvouched.has(cause.type) && cause.nonRetryable)
    return { status: 'failed', code: cause.type, detail: cause.message, finishedAt };
  // It was tried until its time was over, and each time the executor said that nothing had begun.
  if (cause instanceof ApplicationFailure && (cause.type === 'directory-unavailable' || cause.type === 'policy-unavailable'))
    return { status: 'failed', code: cause.type, detail: cause.message, finishedAt };
  if (cause instanceof TimeoutFailure && cause.timeoutType === 'SCHEDULE_TO_START' && cause.cause === undefined)
    return { status: 'failed', code: 'grant-expired', detail: 'No executor took it up before the grant expired.', finishedAt };
  return unclear();
}

function unclear(): ExecutionOutcome {
  return {
    status: 'unknown',
    detail: 'The executor did not report how it ended.',
    check: 'Look at the target for an effect of this action id; it is not run again.',
    finishedAt: new Date(Date.now()).toISOString(),
  };
}
