import type { Decision, DecisionRecord } from '../domain/decision.js';
import { circleRefusal, circleSince, circleWindowMs, circleWith, humansBehind } from '../domain/circles.js';
import { digestText } from '../domain/digest.js';
import { CountersignError } from '../domain/errors.js';
import { deepFreeze } from '../domain/frozen.js';
import { verifyRequest } from '../domain/grant.js';
import { planDigest, type Plan, type PlanStage } from '../domain/plan.js';
import type { PersonId } from '../domain/principal.js';
import { isDecisionProof, proofDigest, weigh, type Proven } from '../domain/proof.js';
import { actionDigest, requestDigest } from '../domain/request.js';
import { involvedIn, refuseApprover, type Refusal } from '../domain/separation.js';
import { isCancellation, isDecision, isPlan } from '../domain/shapes.js';
import { isSignedWhen, verify } from '../domain/signing.js';
import type { WorkerDeps } from './deps.js';
import { planAgain, reevaluate } from './open.js';
import { record as recordEntry } from './record.js';
import { isReleased, release } from './release.js';
import type { RecordedApproval } from './ports.js';
import type { CancelResult, JudgeInput, WorkerActivities } from './types.js';

// Decisions carry the time at which the person decided; their signature is made at once.
const signingDelayMs = 60_000;

/**
 * Verifies a decision, holds it against the plan in force and the live directory, and records it, accepted or
 * refused. If it is the last approval that was asked for, policy is evaluated again, and if that agrees the approvals are released.
 * Throws only `evidence-unavailable`: a directory that cannot be reached refuses.
 */
export function judge(deps: WorkerDeps): WorkerActivities['judge'] {
  return async (input) => {
    deepFreeze(input.request);
    const [signed, plan] = await Promise.all([verify('decision', input.signedDecision, deps.trusted), planInForce(deps, input)]);
    const at = new Date(input.nowMs).toISOString();
    const base = { at, round: input.round };
    let record: DecisionRecord;
    let approval: RecordedApproval | undefined;
    let again: Plan | undefined;
    if (typeof signed === 'string' || !isDecision(signed.content)) {
      const detail = typeof signed === 'string' ? signed : 'not the shape of a decision';
      record = {
        ...base,
        decisionId: `unverified-${input.attempt}`,
        accepted: false,
        refusal: { code: 'decision-invalid', detail: `The decision could not be verified: ${detail}.` },
      };
    } else {
      const decision: Decision = signed.content;
      const proven = await weigh(decision, input.proof, deps.proofs);
      let refusal =
        (await refuseRequest(deps, input)) ??
        refuseClaims(input, decision, signed) ??
        (await refuseSettled(deps, input, decision)) ??
        (plan === undefined ? noPlan : await refuse(deps, input, plan, decision, proven));
      const approves = refusal === undefined && decision.verdict === 'approve';
      const behind = humansBehind(input.request, plan?.excluded ?? []);
      const circle = approves ? await circleOf(deps, behind, plan?.stages[input.stage], decision) : {};
      if (approves && circle.refusal === undefined && plan !== undefined && (input.completes || isOutdated(deps, plan))) {
        again = await planAgain(deps, { ...input, plan });
        refusal = unanswered(again);
      }
      if (approves && (refusal ?? circle.refusal) === undefined) approval = { by: decision.person.id, of: behind, at: decision.decidedAt };
      record = {
        ...base,
        decisionId: decision.decisionId,
        decision,
        proven: proven.assurance,
        stage: input.stage,
        accepted: (refusal ?? circle.refusal) === undefined,
        ...(refusal === undefined ? circle : { refusal }),
      };
    }
    const repeated = input.usedDecisionIds.includes(record.decisionId) || record.decision === undefined;
    const entry = await recordEntry(
      deps.evidence,
      {
        actionId: input.request.id,
        // Named by what was signed, not counted: a workflow task that is done over may see decisions in another order.
        key: `decision:${digestText(input.signedDecision)}${repeated ? `:${input.attempt}` : ''}`,
        kind: record.accepted ? 'decided' : 'refused',
        at,
        // The proof itself is for the executor: an ID token says more of a person than evidence has to keep.
        body: {
          record,
          signedDecision: input.signedDecision,
          ...(isDecisionProof(input.proof) ? { proofDigest: proofDigest(input.proof) } : {}),
          ...(approval === undefined ? {} : { approval }),
        },
      },
      (earlier) => sameRecord((earlier.body as unknown as { readonly record: DecisionRecord }).record, record),
    );
    // The round is the caller's word; which plan a decision was made under is in its digest.
    const judged = { ...(entry.body as unknown as { readonly record: DecisionRecord }).record, round: input.round };
    if (!judged.accepted || judged.decision?.verdict !== 'approve' || plan === undefined || again === undefined) return { record: judged };
    const verdict = await reevaluate(deps, { ...input, plan }, again);
    if (verdict.verdict !== 'proceed') return { record: judged, again: verdict };
    return input.completes ? { record: judged, again: await release(deps, input, plan) } : { record: judged };
  };
}

// What people were shown was made by a policy that is in force no more: nobody shall go on approving what will not count.
function isOutdated(deps: WorkerDeps, plan: Plan): boolean {
  return deps.bundle().digest !== plan.policyDigest;
}

const noPlan: Refusal = { code: 'decision-invalid', detail: 'The plan it was made under could not be verified.' };

// That nobody can be asked now says nothing against the action: it waits, and the person decides again.
function unanswered({ denial }: Plan): Refusal | undefined {
  return denial?.code === 'directory-unavailable' ? { code: denial.code, detail: denial.detail } : undefined;
}

/** The plan that the policy key signed for this request, or undefined: an activity can be given any plan by whoever holds Temporal. */
async function planInForce(deps: WorkerDeps, { request, signedPlan }: JudgeInput): Promise<Plan | undefined> {
  const signed = await verify('plan', signedPlan, deps.trusted);
  return typeof signed !== 'string' && isPlan(signed.content) && signed.content.requestDigest === requestDigest(request) ? signed.content : undefined;
}

function sameRecord(earlier: DecisionRecord, now: DecisionRecord): boolean {
  // A rejection that counted once counts, in whatever order a task that is done over meets it.
  if (earlier.accepted && earlier.decision?.verdict === 'reject') return true;
  return earlier.accepted === now.accepted && earlier.refusal?.code === now.refusal?.code && earlier.stage === now.stage;
}

/** Refuses to judge, and so to sign a new plan for, a request that the api never took. */
async function refuseRequest(deps: WorkerDeps, input: JudgeInput): Promise<Refusal | undefined> {
  const forged = await verifyRequest(input.request, input.signedRequest, deps.trusted);
  return forged === undefined ? undefined : { code: 'request-unsigned', detail: `The request was not accepted by the api: ${forged}.` };
}

function refuseClaims(
  input: JudgeInput,
  decision: Decision,
  signed: { readonly issuedAt: number; readonly expiresAt: number; readonly id: string },
): Refusal | undefined {
  const nowSeconds = input.nowMs / 1000;
  if (signed.expiresAt <= nowSeconds) return { code: 'decision-expired', detail: 'The decision was signed too long ago.' };
  if (signed.issuedAt > nowSeconds + 60) return { code: 'decision-invalid', detail: 'The decision comes from the future.' };
  if (Math.abs(Date.parse(decision.decidedAt) - signed.issuedAt * 1000) > signingDelayMs)
    return { code: 'decision-invalid', detail: 'The decision was not signed when it was made.' };
  return undefined;
}

/** Refuses what evidence says is too late: a workflow that was reset behind its end is over all the same, and so is one held back at its release. */
async function refuseSettled(deps: WorkerDeps, input: JudgeInput, decision: Decision): Promise<Refusal | undefined> {
  const entries = await deps.evidence.ofAction(input.request.id);
  if (entries.some((entry) => entry.kind === 'closed'))
    return input.closed ?? { code: 'decision-on-final', detail: 'The evidence says that this action is closed.' };
  if (decision.verdict === 'reject' && (await isReleased(entries, input.request.id, deps.trusted)))
    return input.closed ?? { code: 'decision-on-final', detail: 'All approvals were given, and the action was released before; it can still be cancelled.' };
  return undefined;
}

async function refuse(deps: WorkerDeps, input: JudgeInput, plan: Plan, decision: Decision, proven: Proven): Promise<Refusal | undefined> {
  const { request } = input;
  const stage = plan.stages[input.stage];
  if (decision.actionId !== request.id) return { code: 'decision-invalid', detail: 'The decision is about another action.' };
  if (input.usedDecisionIds.includes(decision.decisionId)) return { code: 'decision-replayed', detail: 'This decision was used before.' };
  if (input.closed !== undefined) return input.closed;
  if (stage === undefined) return { code: 'decision-on-final', detail: 'Nothing is waiting for a decision.' };
  const digest = planDigest(plan);
  if (decision.actionDigest !== actionDigest(request, digest, plan.expiresAt) || decision.planDigest !== digest)
    return { code: 'decision-digest-mismatch', detail: 'The decision was made on another version of this action.' };
  if (request.requester.kind === 'agent' && decision.person.id === request.requester.id) return { code: 'approver-not-human', detail: 'Agents do not decide.' };
  try {
    const person = await deps.directory.person(decision.person.id, { fresh: true });
    if (person === undefined || !person.active)
      return { code: 'approver-not-eligible', detail: 'The directory does not know this person, or they are not active.' };
    return refuseApprover({
      stage,
      level: input.level,
      excluded: [...plan.excluded, ...involvedIn(request)],
      counted: input.counted,
      candidate: person,
      // A no needs no more than the person has: it can only stop the action.
      proven: decision.verdict === 'reject' ? { assurance: stage.assurance } : proven,
    });
  } catch (error) {
    if (error instanceof CountersignError && error.code === 'directory-unavailable') return { code: error.code, detail: error.detail };
    throw error;
  }
}

/** Whether this approval closes a circle: refused where the stage says so, and otherwise told by name. */
async function circleOf(
  deps: WorkerDeps,
  behind: readonly PersonId[],
  stage: PlanStage | undefined,
  { person, decidedAt }: Decision,
): Promise<Pick<DecisionRecord, 'refusal' | 'circle'>> {
  const since = circleSince(decidedAt, stage?.circles?.refuseWithinMs ?? circleWindowMs);
  const fact = circleWith(person.id, behind, await deps.evidence.approvalsBy(behind, since, person.id), since);
  if (fact === undefined) return {};
  const other = await deps.directory.person(fact.by).catch(() => undefined);
  const circle = { with: { id: fact.by, name: other?.name ?? fact.by }, at: fact.at };
  return stage?.circles === undefined ? { circle } : { refusal: circleRefusal(fact), circle };
}

/** Verifies a cancellation: only the requester or the agent's owner may stop an action. Records it either way. */
export function judgeCancellation(deps: WorkerDeps): WorkerActivities['judgeCancellation'] {
  return async ({ request, signedCancellation, excluded, attempt, nowMs }) => {
    const signed = await verify('cancellation', signedCancellation, deps.trusted);
    const result = judgeCancel(
      signed,
      request.id,
      [request.requester.id, ...(request.requester.kind === 'agent' ? [request.requester.owner] : []), ...excluded],
      nowMs,
    );
    const at = new Date(nowMs).toISOString();
    const entry = await recordEntry(
      deps.evidence,
      {
        actionId: request.id,
        key: `cancellation:${digestText(signedCancellation)}${result.accepted ? '' : `:${attempt}`}`,
        kind: result.accepted ? 'cancelled' : 'refused',
        at,
        body: { result, signedCancellation },
      },
      (earlier) => (earlier.body as unknown as { readonly result: CancelResult }).result.accepted === result.accepted,
    );
    return (entry.body as unknown as { readonly result: CancelResult }).result;
  };
}

// As long as the api's signature over it holds; the times of the two come from different machines.
const cancellationAgeMs = 10 * 60_000;

function judgeCancel(signed: Awaited<ReturnType<typeof verify>>, actionId: string, allowed: readonly string[], nowMs: number): CancelResult {
  const refused = (code: Refusal['code'], detail: string): CancelResult => ({ accepted: false, refusal: { code, detail } });
  if (typeof signed === 'string' || !isCancellation(signed.content)) return refused('decision-invalid', 'The cancellation could not be verified.');
  if (signed.expiresAt * 1000 <= nowMs || signed.content.actionId !== actionId)
    return refused('decision-invalid', 'The cancellation is too old or about another action.');
  // By the times that it states itself: whoever took the key along could sign one that never expires.
  if (!isSignedWhen(signed, signed.content.cancelledAt) || Math.abs(nowMs - signed.issuedAt * 1000) > cancellationAgeMs)
    return refused('decision-invalid', 'The cancellation was not made now.');
  if (!allowed.includes(signed.content.by.id)) return refused('cancel-not-permitted', 'Only the requester, its owner or the beneficiary may cancel.');
  return { accepted: true, cancellation: signed.content };
}
