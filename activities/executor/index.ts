import { setTimeout as pause } from 'node:timers/promises';
import { heartbeat, cancellationSignal } from '@temporalio/activity';
import type { ExecutorDeps } from '../deps.js';
import { guarded } from '../failure.js';
import { OneAtATime, requireWanted, stopSignal } from './attempts.js';
import { compileSchemas, type RequireFit } from './parameters.js';
import { admit, refuseRepetition, requirePolicy } from './policy.js';
import type { Connector, ConnectorContext, GrantState } from '../ports.js';
import type { ExecutorActivities } from '../types.js';
import { consentOf } from '../../domain/circles.js';
import { connectorRef, type ConnectorDefinition, type ExecutionOutcome } from '../../domain/connector.js';
import type { Digest } from '../../domain/digest.js';
import { CountersignError, type ErrorCode } from '../../domain/errors.js';
import { deepFreeze } from '../../domain/frozen.js';
import { verifyGrant, verifyRequest, type Grant, type GrantVerdict } from '../../domain/grant.js';
import { isJsonObject } from '../../domain/json.js';
import { boundOutcome } from '../../domain/outcome.js';
import { permitPayload, permitType } from '../../domain/permit.js';
import { withoutMasked } from '../../domain/preview-mask.js';
import { withReceipt } from '../../domain/receipt.js';
import { verifyReport, type ReportKey } from '../../domain/report.js';
import { requestDigest, type ActionRequest } from '../../domain/request.js';
import { isPlan } from '../../domain/shapes.js';
import { isSignedWhen, signCompact, verify } from '../../domain/signing.js';

// How often a target that is down is tried again before the action fails, and how long in between.
const targetRetryMs = [500, 1_000, 2_000, 4_000, 8_000];
// With these a connector says that another try is harmless.
const tryAgain: ReadonlySet<ErrorCode> = new Set(['target-unavailable', 'execution-unclear']);
const beatMs = 3_000;
// An action that the executor dies of each time must not go on doing so for the whole life of its grant.
const maxAttempts = 10;
const begunBefore = 'An earlier attempt began and did not report how it ended.';

/** The executor's activities. They believe nothing that came through Temporal but signatures. */
export function createExecutorActivities(deps: ExecutorDeps): ExecutorActivities {
  const attempts = new OneAtATime();
  const requireFit = compileSchemas([...[...deps.connectors.values()].map(({ definition }) => definition), ...deps.external.values()]);
  return {
    preview: guarded((input) => preview(deps, requireFit, input)),
    execute: guarded(({ grant }) => attempts.run(grant.request.id, async () => vouched(deps, grant.request.id, await execute(deps, requireFit, grant)))),
    authorize: guarded((input) => authorize(deps, requireFit, input)),
    settle: guarded((input) => settle(deps, input)),
  };
}

async function preview(
  deps: ExecutorDeps,
  requireFit: RequireFit,
  { request, signedRequest, signedPlan }: Parameters<ExecutorActivities['preview']>[0],
): ReturnType<ExecutorActivities['preview']> {
  const connector = connectorFor(deps, request.action);
  // Whoever holds Temporal may leave out every member.
  const asked = typeof signedRequest === 'string' ? await verifyRequest(request, signedRequest, deps.trusted) : 'not signed';
  if (asked !== undefined) throw new CountersignError('request-unsigned', `The executor refused to look for this request: ${asked}.`);
  const signed = await verify('plan', signedPlan, deps.trusted);
  // A preview touches the target, so it too needs a plan that policy signed for this very request.
  if (
    typeof signed === 'string' ||
    !isPlan(signed.content) ||
    !isSignedWhen(signed, signed.content.evaluatedAt) ||
    signed.content.outcome === 'deny' ||
    signed.content.requestDigest !== requestDigest(request) ||
    Date.parse(signed.content.expiresAt) <= deps.now().getTime()
  )
    throw new CountersignError('grant-invalid', 'The plan for this preview does not hold.');
  if (request.connector.digest !== connectorRef(connector.definition).digest) throw new CountersignError('connector-mismatch');
  requireFit(connector.definition, request);
  await requirePolicy(deps, request, signed.content);
  const { mask = [] } = signed.content;
  try {
    connector.check(request);
    if (connector.preview === undefined) return { facts: [], warnings: [] };
    return withoutMasked(await withBeat(deps, cancellationSignal(), (context) => connector.preview!(request, context)), mask);
  } catch (error) {
    // A connector may say which column the target does not have.
    if (mask.length > 0 && error instanceof CountersignError)
      throw new CountersignError(error.code, 'Policy hides parameters of this action, and with them what was said against it.');
    throw error;
  }
}

async function execute(deps: ExecutorDeps, requireFit: RequireFit, grant: Grant): Promise<ExecutionOutcome> {
  try {
    return await executeOnce(deps, requireFit, grant);
  } catch (error) {
    return whatBegan(deps, grant.request, error, deps.connectors.get(grant.request.action));
  }
}

/**
 * What a refusal comes to: thrown while nothing has begun, since then nothing happened. Of what began before it says nothing,
 * whether a key was marked since, a connector went or time ran out: then the end that is known is returned, or that it is
 * unclear. The end is left open for whoever still works on it.
 */
async function whatBegan(deps: ExecutorDeps, request: ActionRequest, error: unknown, connector?: Connector): Promise<ExecutionOutcome> {
  if (!(error instanceof CountersignError)) throw error;
  const known = await deps.grants.find(request.id);
  if (known === undefined) throw error;
  return known.outcome ?? unclear(deps, request, `${begunBefore} It was refused since: ${error.detail}`, connector);
}

async function executeOnce(deps: ExecutorDeps, requireFit: RequireFit, grant: Grant): Promise<ExecutionOutcome> {
  const connector = connectorFor(deps, grant.request.action);
  const verdict = await verified(deps, grant, connector.definition);
  requireFit(connector.definition, grant.request);
  const { idempotent } = connector.definition;
  const begun = await deps.grants.find(grant.request.id);
  // What has begun keeps the consent that it began with.
  const excluded = begun === undefined ? await admit(deps, grant.request, verdict) : verdict.plan.excluded;
  const refusal = begun?.state === 'started' && idempotent ? await refuseRepetition(deps, grant.request, verdict) : undefined;
  const consent = consentOf(grant.request, excluded, verdict.seats);
  const consumed = await deps.grants.begin({
    actionId: grant.request.id,
    actionDigest: verdict.digest,
    at: deps.now().toISOString(),
    consent,
    presented: grant,
  });
  if (!consumed.first) {
    if (consumed.known.state === 'done' && consumed.known.outcome !== undefined) return consumed.known.outcome;
    // It began before and nobody reported how it ended. Only a step that may safely run twice, and that policy still lets run, runs again.
    if (!idempotent || refusal !== undefined) {
      const detail = [begunBefore, refusal?.detail].filter(Boolean).join(' ');
      return finish(deps, grant.request.id, unclear(deps, grant.request, detail, connector));
    }
    const { attempt: count } = await deps.grants.again(grant.request.id);
    if (count > maxAttempts)
      return finish(deps, grant.request.id, unclear(deps, grant.request, `It was begun ${maxAttempts} times and never came to an end.`, connector));
  }
  const outcome = await attempt(deps, connector, grant, consumed.first ? undefined : begunBefore);
  // What was given up and may run twice is asked for again, and then becomes clear.
  if (outcome.status === 'cancelled' || (outcome.status === 'unknown' && connector.definition.idempotent)) requireWanted();
  return finish(deps, grant.request.id, boundOutcome(outcome, deps.now().toISOString()));
}

/**
 * Runs the connector, again while its target is down or its end is unclear and a repetition counts once. After one unclear
 * try, of this attempt or of one before it, only a success is clear: whatever else a later try comes to, the action ends as `unknown`, as does an error nobody foresaw.
 */
async function attempt(deps: ExecutorDeps, connector: Connector, grant: Grant, unclearBefore: string | undefined): Promise<ExecutionOutcome> {
  const finishedAt = () => deps.now().toISOString();
  let unclearTry = unclearBefore;
  const clear = (outcome: ExecutionOutcome): ExecutionOutcome =>
    unclearTry === undefined || outcome.status === 'succeeded' ? outcome : unclear(deps, grant.request, unclearTry, connector);
  try {
    connector.check(grant.request);
  } catch (error) {
    if (error instanceof CountersignError) return clear({ status: 'failed', code: error.code, detail: error.detail, finishedAt: finishedAt() });
    throw error;
  }
  return withBeat(deps, stopSignal(connector.definition.idempotent), async (context) => {
    for (let tries = 0; ; tries += 1) {
      if (context.signal.aborted) return clear({ status: 'cancelled', detail: 'It was stopped before it took effect.', finishedAt: finishedAt() });
      try {
        return clear(await connector.execute(grant.request, context));
      } catch (error) {
        if (!(error instanceof CountersignError))
          return unclear(deps, grant.request, 'It failed in a way that nobody foresaw, so it may have taken effect.', connector);
        const pauseMs = targetRetryMs[tries];
        const tried = `${error.detail} Tried ${tries + 1} ${tries === 0 ? 'time' : 'times'}.`;
        if (error.code === 'execution-unclear') unclearTry = tried;
        if (!tryAgain.has(error.code) || pauseMs === undefined)
          return clear({ status: 'failed', code: error.code, detail: tryAgain.has(error.code) ? tried : error.detail, finishedAt: finishedAt() });
        await pause(pauseMs, undefined, { signal: context.signal }).catch(() => undefined);
      }
    }
  });
}

async function authorize(
  deps: ExecutorDeps,
  requireFit: RequireFit,
  input: Parameters<ExecutorActivities['authorize']>[0],
): ReturnType<ExecutorActivities['authorize']> {
  try {
    return await permit(deps, requireFit, input);
  } catch (error) {
    const { request } = input.grant;
    return { ok: false, outcome: await vouched(deps, request.id, await whatBegan(deps, request, error)) };
  }
}

async function permit(
  deps: ExecutorDeps,
  requireFit: RequireFit,
  { grant, taskQueue }: Parameters<ExecutorActivities['authorize']>[0],
): ReturnType<ExecutorActivities['authorize']> {
  const definition = deps.external.get(grant.request.action);
  if (definition?.external === undefined || definition.external.taskQueue !== taskQueue)
    throw new CountersignError('action-unknown', 'This executor permits no such connector.');
  const verdict = await verified(deps, grant, definition);
  requireFit(definition, grant.request);
  const begun = await deps.grants.find(grant.request.id);
  const excluded = begun === undefined ? await admit(deps, grant.request, verdict) : verdict.plan.excluded;
  const consent = consentOf(grant.request, excluded, verdict.seats);
  const begin = { actionId: grant.request.id, actionDigest: verdict.digest, at: deps.now().toISOString(), by: 'connector', consent, presented: grant } as const;
  const consumed = await deps.grants.begin(begin);
  if (!consumed.first) {
    const open = unclear(deps, grant.request, 'A permit was issued before, and nobody reported how it ended.');
    if (await awaitsReport(deps, grant.request.id, consumed.known)) return { ok: false, outcome: open };
    const outcome = consumed.known.outcome ?? (await finish(deps, grant.request.id, open));
    return { ok: false, outcome: await vouched(deps, grant.request.id, outcome) };
  }
  const payload = permitPayload({
    request: grant.request,
    actionDigest: verdict.digest,
    approvedBy: verdict.approvedBy.map((decision) => decision.person),
    taskQueue,
    issuedAt: Math.floor(deps.now().getTime() / 1000),
  });
  return { ok: true, permit: await signCompact(deps.executorKey, permitType, payload) };
}

/** Takes what a connector outside reported, for an action that was permitted to it. */
async function settle(deps: ExecutorDeps, { actionId, outcome }: Parameters<ExecutorActivities['settle']>[0]): Promise<ExecutionOutcome> {
  const known = await deps.grants.find(actionId);
  // Else somebody with Temporal could say how an action of the executor's own ended, while it still runs.
  if (known?.by !== 'connector') throw new CountersignError('grant-invalid', 'No connector outside the executor was permitted this action.');
  const report = known.outcome === undefined ? await readReport(deps, actionId, known.actionDigest, outcome) : { outcome: known.outcome };
  if ('outcome' in report) return vouched(deps, actionId, await finish(deps, actionId, boundOutcome(report.outcome, deps.now().toISOString())));
  // Neither noted as the end nor signed: whoever was quicker than the connector must not keep its signed word from counting, nor get ours.
  return {
    status: 'unknown',
    detail: `What was reported is not the connector's word: ${report.refused}.`,
    check: `Look at the target for an effect of ${actionId}; it is not run again.`,
    finishedAt: deps.now().toISOString(),
  };
}

/** The outcome that a connector signed, or any, where its definition names no key to sign with; or why there is none. */
async function readReport(
  deps: ExecutorDeps,
  actionId: string,
  actionDigest: Digest,
  outcome: unknown,
): Promise<{ readonly outcome: unknown } | { readonly refused: string }> {
  const reporter = await reporterOf(deps, actionId);
  if (reporter === 'anybody') return { outcome };
  if (reporter === 'unknown') return { refused: 'it is not known any more who would have to sign it' };
  const signed = await verifyReport(isJsonObject(outcome) ? outcome['report'] : undefined, reporter.key, {
    actionId,
    actionDigest,
    taskQueue: reporter.taskQueue,
  });
  return typeof signed === 'string' ? { refused: signed } : { outcome: signed };
}

/** Whose word counts on how a permitted action ended: `unknown` once the definition that it was permitted by, and so the key in it, is gone. */
async function reporterOf(deps: ExecutorDeps, actionId: string): Promise<{ readonly key: ReportKey; readonly taskQueue: string } | 'anybody' | 'unknown'> {
  const grant = await deps.grants.presented(actionId);
  const definition = grant === undefined ? undefined : deps.external.get(grant.request.action);
  if (definition?.external === undefined) return 'unknown';
  const { reportKey: key, taskQueue } = definition.external;
  if (key !== undefined) return { key, taskQueue };
  return connectorRef(definition).digest === grant?.request.connector.digest ? 'anybody' : 'unknown';
}

/** True while only a connector that signs, or may have to, can tell how this ended. */
async function awaitsReport(deps: ExecutorDeps, actionId: string, known: GrantState): Promise<boolean> {
  return known.by === 'connector' && known.outcome === undefined && (await reporterOf(deps, actionId)) !== 'anybody';
}

/** Notes how it ended, with the receipt where that can be made now: an end that is known must not be lost because a key does not answer. */
async function finish(deps: ExecutorDeps, actionId: string, outcome: ExecutionOutcome): Promise<ExecutionOutcome> {
  const signed = await signedEnd(deps, actionId, outcome).catch(() => outcome);
  return deps.grants.finish(actionId, signed);
}

/** The outcome with the executor's signature over it, unless a connector has yet to sign how it ended. Requires that a receipt in it is the executor's own. */
async function vouched(deps: ExecutorDeps, actionId: string, outcome: ExecutionOutcome): Promise<ExecutionOutcome> {
  const known = await deps.grants.find(actionId);
  return known !== undefined && (await awaitsReport(deps, actionId, known)) ? outcome : signedEnd(deps, actionId, outcome);
}

async function signedEnd(deps: ExecutorDeps, actionId: string, outcome: ExecutionOutcome): Promise<ExecutionOutcome> {
  if (outcome.receipt !== undefined) return outcome;
  const known = await deps.grants.find(actionId);
  if (known === undefined) throw new CountersignError('internal-error', 'The grant store does not know this action.');
  const { actionDigest, startedAt, by: source } = known;
  return withReceipt(outcome, { actionId, actionDigest, startedAt, source }, deps.executorKey);
}

async function verified(deps: ExecutorDeps, grant: Grant, definition: ConnectorDefinition): Promise<Extract<GrantVerdict, { ok: true }>> {
  // What is verified here and what runs are one thing, whatever a connector does with it.
  deepFreeze(grant.request);
  const verdict = await verifyGrant(grant, deps.trusted, connectorRef(definition), deps.now().getTime(), deps.proofs);
  if (!verdict.ok) throw new CountersignError(verdict.code, `The executor refused the grant: ${verdict.check}.`);
  return verdict;
}

function connectorFor(deps: ExecutorDeps, action: string): Connector {
  const connector = deps.connectors.get(action);
  if (connector === undefined) throw new CountersignError('action-unknown', 'This executor runs no such connector.');
  return connector;
}

/** Gives a connector its context, and keeps telling Temporal that the executor lives while it works. */
async function withBeat<T>(deps: ExecutorDeps, signal: AbortSignal, work: (context: ConnectorContext) => Promise<T>): Promise<T> {
  let progress = {};
  const beat = setInterval(() => heartbeat(progress), beatMs);
  try {
    return await work({ signal, heartbeat: (next) => heartbeat((progress = next)), now: deps.now });
  } finally {
    clearInterval(beat);
  }
}

function unclear(deps: ExecutorDeps, request: ActionRequest, detail: string, connector?: Connector): ExecutionOutcome {
  return { status: 'unknown', detail, check: `${whatToCheck(request, connector)} It is not run again.`, finishedAt: deps.now().toISOString() };
}

function whatToCheck(request: ActionRequest, connector?: Connector): string {
  try {
    const question = connector?.whatToCheck?.(request);
    if (question !== undefined) return question;
  } catch {
    // Its target may be configured no more; that must not turn an unclear end into a clear one.
  }
  return `Look at the target for an effect of ${request.id} (${request.action} on ${request.resource.id}).`;
}
