import { fresh } from '../directory/port.js';
import type { ConnectorDefinition } from '../domain/connector.js';
import { displayFields, shownPolicyParameters } from '../domain/display.js';
import { CountersignError } from '../domain/errors.js';
import { deepFreeze } from '../domain/frozen.js';
import { isBeforeRequest, verifyRequest } from '../domain/grant.js';
import { planDigest, recheck, type Plan } from '../domain/plan.js';
import { actionDigest, requestDigest, type ActionRequest } from '../domain/request.js';
import { traceOf } from '../domain/risk/history.js';
import { whyReplanned } from '../domain/replanned.js';
import { sign } from '../domain/signing.js';
import { makePlan, type PlanDeps } from '../policy/plan.js';
import { findApprovers } from './find-approvers.js';
import { requireRoom } from './record.js';
import type { Refusal } from '../domain/separation.js';
import type { DisplayField } from '../domain/view.js';
import type { WorkerDeps } from './deps.js';
import type { JudgeInput, OpenedPlan, OpenResult, Reevaluation, WorkerActivities } from './types.js';

/**
 * Evaluates policy, signs the plan and appends the opening entry. If this run had opened the action before, what was
 * recorded then is returned. Throws `evidence-unavailable` when it cannot be recorded, and `grant-consumed` when the
 * action was opened by another run: an id that ran once does not run again.
 */
export function open(deps: WorkerDeps): WorkerActivities['open'] {
  return async ({ request, signedRequest, runId, nowMs }) => {
    deepFreeze(request);
    const definition = deps.connectors.get(request.action);
    // Whoever reaches Temporal can start this workflow; only the api knows who the caller is.
    const forged = await verifyRequest(request, signedRequest, deps.trusted);
    const refusal = forged === undefined ? undefined : ({ code: 'request-unsigned', detail: `The request was not accepted by the api: ${forged}.` } as const);
    const fields = definition === undefined ? [] : displayFields(definition, request.parameters);
    const planned = await makePlan(planDeps(deps), request, new Date(nowMs), refusal ?? refuseTime(request, nowMs) ?? refuseUnseen(fields));
    const opened = await signedPlan(deps, request, planned.plan);
    const { owner, onBehalfOf } = planned;
    const result: OpenResult = {
      ...opened,
      connector: {
        title: definition?.title ?? request.action,
        previews: definition?.previews ?? false,
        executionTimeoutMs: definition?.executionTimeoutMs ?? 60_000,
        ...(definition?.external === undefined ? {} : { external: definition.external }),
      },
      fields: definition === undefined || planned.plan.mask === undefined ? fields : displayFields(definition, request.parameters, planned.plan.mask),
      ...(owner === undefined ? {} : { owner }),
      ...(onBehalfOf === undefined ? {} : { onBehalfOf }),
      cardsAtOnce: true,
    };
    const body = {
      runId,
      requestDigest: requestDigest(request),
      action: request.action,
      resource: request.resource,
      requester: request.requester,
      connector: request.connector,
      ...(definition === undefined ? {} : { judged: judgedOf(definition, request, result.fields) }),
      // So that later requests can be held against this one. Of the reason no more than whether it is the same.
      trace: traceOf(request, deps.bundle().risk),
      result,
    };
    const entry = await deps.evidence.append({
      actionId: request.id,
      key: 'opened',
      kind: 'opened',
      at: new Date(nowMs).toISOString(),
      body,
    });
    const recorded = entry.body as unknown as typeof body;
    if (recorded.runId !== runId || recorded.requestDigest !== body.requestDigest) {
      // Only one who reaches Temporal past us can start an id again; that they tried is evidence.
      await requireRoom(deps.evidence, request.id, 'refused');
      const refusal = { code: 'grant-consumed', detail: 'Another run tried to open this action again.' } as const;
      await deps.evidence.append({
        actionId: request.id,
        key: `reopened:${runId}`,
        kind: 'refused',
        at: new Date(nowMs).toISOString(),
        body: { runId, requestDigest: body.requestDigest, refusal },
      });
      throw new CountersignError('grant-consumed', 'An action with this id was opened before; it is not opened again.');
    }
    return recorded.result;
  };
}

/**
 * What policy was asked with besides what the entry names, so that another policy can be asked the same: of the parameters
 * only what people were shown in clear, and never the reason, in which an agent may have put anything.
 */
function judgedOf(definition: ConnectorDefinition, request: ActionRequest, fields: readonly DisplayField[]) {
  const { requestedAt, onBehalfOf, via, durationMs, tokenIssuedAt } = request;
  const { shown, withheld } = shownPolicyParameters(definition, request.parameters, fields);
  return {
    parameters: shown,
    withheld,
    requestedAt,
    ...(onBehalfOf === undefined ? {} : { onBehalfOf }),
    ...(via === undefined ? {} : { via }),
    ...(durationMs === undefined ? {} : { durationMs }),
    ...(tokenIssuedAt === undefined ? {} : { tokenIssuedAt }),
  };
}

/** The time comes from Temporal. Set back, it would let escalations come at once. */
function refuseTime(request: ActionRequest, nowMs: number): Refusal | undefined {
  return isBeforeRequest(request, nowMs)
    ? { code: 'request-unsigned', detail: 'The engine says that it is earlier than when the api took the request.' }
    : undefined;
}

/** Nobody may approve what did not fit to be shown. */
function refuseUnseen(fields: readonly DisplayField[]): Refusal | undefined {
  return fields.some((field) => field.truncated)
    ? { code: 'parameters-too-long', detail: 'The parameters are too long to be shown to people in full.' }
    : undefined;
}

type Again = Pick<JudgeInput, 'request' | 'round' | 'nowMs'> & { readonly plan: Plan };

/** Evaluates policy again, for the moment of execution, with what the directory says at this moment. */
export async function planAgain(deps: WorkerDeps, { request, nowMs }: Again): Promise<Plan> {
  return (await makePlan({ ...planDeps(deps), directory: fresh(deps.directory) }, request, new Date(nowMs), refuseTime(request, nowMs))).plan;
}

/** Holds the plan of a second evaluation against the one in force. The stricter of the two counts. */
export async function reevaluate(deps: WorkerDeps, { request, plan, round, nowMs }: Again, again: Plan): Promise<Reevaluation> {
  const verdict = recheck(plan, again);
  if (verdict.kind === 'proceed') return { verdict: 'proceed' };
  await requireRoom(deps.evidence, request.id, 'replanned');
  const opened = await signedPlan(deps, request, verdict.plan);
  const entry = await deps.evidence.append({
    actionId: request.id,
    key: `replanned:${round + 1}`,
    kind: 'replanned',
    at: new Date(nowMs).toISOString(),
    body: { verdict: verdict.kind, opened, ...(verdict.kind === 'replan' ? { reason: whyReplanned(plan, verdict.plan) } : {}) },
  });
  return entry.body as unknown as Reevaluation;
}

function planDeps(deps: WorkerDeps): PlanDeps {
  return { ...deps, approvalsBy: (people, since) => deps.evidence.approvalsBy(people, since) };
}

async function signedPlan(deps: WorkerDeps, request: ActionRequest, plan: Plan): Promise<OpenedPlan> {
  const digest = planDigest(plan);
  const times = { issuedAt: seconds(plan.evaluatedAt), expiresAt: seconds(plan.expiresAt), id: deps.newId() };
  return {
    plan,
    signedPlan: await sign('plan', deps.policyKey, plan, times),
    planDigest: digest,
    actionDigest: actionDigest(request, digest, plan.expiresAt),
    approvers: plan.outcome === 'review' ? await findApprovers(deps)({ plan, stage: 0, level: 0 }) : [],
  };
}

function seconds(at: string): number {
  return Math.floor(Date.parse(at) / 1000);
}
