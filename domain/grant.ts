import type { ConnectorRef, ActionRequest } from './request.js';
import { actionDigest, requestDigest } from './request.js';
import type { Decision } from './decision.js';
import type { Digest } from './digest.js';
import type { ErrorCode } from './errors.js';
import { isJsonObject } from './json.js';
import { planDigest, type Plan, type PlanStage } from './plan.js';
import { weigh, type DecisionProof, type ProofVerifier, type Proven } from './proof.js';
import { clockSkewMs, refuseRelease } from './release.js';
import { approversAt, dueLevel, involvedIn, isMember, isSoundStage, refuseApprover, replacesApprovers } from './separation.js';
import { isDecision, isPlan } from './shapes.js';
import { isSignedWhen, verify, type TrustedKeys } from './signing.js';

/** Everything an executor needs to see for itself that an action may run. */
export type Grant = {
  readonly request: ActionRequest;
  /** The api's word that a verified caller asked for this, as a compact JWS over the digest of the request. */
  readonly signedRequest: string;
  /** The plan as a compact JWS. */
  readonly plan: string;
  /** The approvals as compact JWS, each with the stage it was counted for and, above `chat`, the proof that does not depend on us. */
  readonly approvals: readonly { readonly stage: number; readonly decision: string; readonly proof?: DecisionProof }[];
  /** The worker's word that it judged these approvals and holds nothing against them, as a compact JWS. Where people were asked, nothing runs without it. */
  readonly release?: string;
};

/** A grant before its release. */
type Consent = Omit<Grant, 'release'>;

/** An approval that counts, with the stage it fills and how many escalations that stage had had by then. */
export type Seat = { readonly decision: Decision; readonly proven: Proven; readonly stage: PlanStage; readonly level: number };

/** A grant that holds, or the first check that it fails. */
export type GrantVerdict =
  | { readonly ok: true; readonly plan: Plan; readonly digest: Digest; readonly approvedBy: readonly Decision[]; readonly seats: readonly Seat[] }
  | { readonly ok: false; readonly code: ErrorCode; readonly check: string };

// From the approval that ends a stage to the start of the next one: a decision may be under way for the five minutes
// for which it is valid, and the directory may be slow to answer.
const stageSlackMs = 10 * 60_000;

// Whoever holds Temporal chooses how many there are.
const maxTogether = 16;

const refused = (check: string, code: ErrorCode = 'grant-invalid'): GrantVerdict => ({ ok: false, code, check });

/**
 * Verifies a grant with public keys alone: the api took the request from a verified caller, the plan was signed for exactly this request and is in force, the
 * connector is the one it was made against, every stage has its quorum of distinct, uninvolved, named humans
 * who approved exactly this digest in time, and the worker released exactly these approvals. Never throws on bad input.
 * @param nowMs milliseconds since 1970
 * @param proofs checks what the approvals claim above `chat`; without it they are all worth `chat`
 */
export async function verifyGrant(grant: Grant, keys: TrustedKeys, connector: ConnectorRef, nowMs: number, proofs?: ProofVerifier): Promise<GrantVerdict> {
  await checkTogether(grant, keys).catch(() => undefined);
  const verdict = await verifyConsent(grant, keys, connector, nowMs, proofs);
  if (!verdict.ok || verdict.plan.outcome !== 'review') return verdict;
  const { plan, digest, approvedBy } = verdict;
  const problem = await refuseRelease(
    grant.release,
    keys,
    {
      actionId: grant.request.id,
      actionDigest: digest,
      planDigest: planDigest(plan),
      decisionIds: approvedBy.map((decision) => decision.decisionId),
      latestDecisionMs: Math.max(...approvedBy.map((decision) => Date.parse(decision.decidedAt))),
    },
    nowMs,
  );
  return problem === undefined ? verdict : refused(problem.check, problem.code);
}

/**
 * Checks the signatures of a grant side by side. What comes of it is not looked at: those that hold are remembered, so that the checks
 * that count, one after the other, find them so, and those that do not are checked again there.
 */
async function checkTogether(grant: Grant, keys: TrustedKeys): Promise<void> {
  const approvals: readonly unknown[] = Array.isArray(grant.approvals) ? grant.approvals.slice(0, maxTogether) : [];
  await Promise.all([
    verify('request', grant.signedRequest, keys),
    verify('plan', grant.plan, keys),
    verify('release', grant.release, keys),
    ...approvals.map((approval) => verify('decision', isJsonObject(approval) ? approval['decision'] : undefined, keys)),
  ]);
}

/** Verifies all of a grant but its release: what the worker asks before it makes one. Never throws on bad input. */
export async function verifyConsent(grant: Consent, keys: TrustedKeys, connector: ConnectorRef, nowMs: number, proofs?: ProofVerifier): Promise<GrantVerdict> {
  try {
    return await verifyReadable(grant, keys, connector, nowMs, proofs);
  } catch {
    // Whoever holds Temporal chooses every member; an exception would be retried, a refusal is final.
    return refused('grant: cannot be read');
  }
}

/**
 * Checks that the api signed exactly this request, when it was taken. Returns the reason if it did not. How long ago that was
 * is not judged here: an action may wait for days.
 */
export async function verifyRequest(request: ActionRequest, signedRequest: string, keys: TrustedKeys): Promise<string | undefined> {
  const signed = await verify('request', signedRequest, keys);
  if (typeof signed === 'string') return signed;
  if (signed.content['actionId'] !== request.id || signed.content['digest'] !== requestDigest(request)) return 'signed for another request';
  if (!isSignedWhen(signed, request.requestedAt)) return 'not signed when it was taken';
  return undefined;
}

/** True if no honest clock can have shown this time after the request was taken. */
export function isBeforeRequest(request: ActionRequest, ms: number): boolean {
  // What is no time compares as false, and must not pass.
  return !(ms >= Date.parse(request.requestedAt) - clockSkewMs);
}

async function verifyReadable(
  grant: Consent,
  keys: TrustedKeys,
  connector: ConnectorRef,
  nowMs: number,
  proofs: ProofVerifier | undefined,
): Promise<GrantVerdict> {
  const asked = await verifyRequest(grant.request, grant.signedRequest, keys);
  if (asked !== undefined) return refused(`request: ${asked}`, 'request-unsigned');
  const signed = await verify('plan', grant.plan, keys);
  if (typeof signed === 'string') return refused(`plan: ${signed}`);
  if (!isPlan(signed.content)) return refused('plan: not the shape of a plan');
  const plan: Plan = signed.content;

  if (plan.actionId !== grant.request.id) return refused('plan: made for another action');
  if (plan.requestDigest !== requestDigest(grant.request)) return refused('plan: made for another request');
  const expected = grant.request.connector;
  if (
    expected.name !== connector.name ||
    expected.version !== connector.version ||
    expected.digest !== connector.digest ||
    expected.name !== grant.request.action
  )
    return refused('connector: another definition than requested', 'connector-mismatch');
  if (nowMs >= Date.parse(plan.expiresAt)) return refused('plan: expired', 'grant-expired');
  if (nowMs < Date.parse(plan.evaluatedAt) - clockSkewMs) return refused('plan: from the future');
  if (!isSignedWhen(signed, plan.evaluatedAt)) return refused('plan: not signed when it was made');
  // Stages and their escalations count from the plan: one set back would admit those whose turn comes hours later.
  if (isBeforeRequest(grant.request, Date.parse(plan.evaluatedAt))) return refused('plan: from before the request');

  const digest = actionDigest(grant.request, planDigest(plan), plan.expiresAt);
  switch (plan.outcome) {
    case 'deny':
      return refused('plan: a denial', 'denied-by-policy');
    case 'allow':
      return grant.approvals.length === 0 ? { ok: true, plan, digest, approvedBy: [], seats: [] } : refused('approvals: none were asked for');
    case 'review':
      return verifyApprovals(grant, plan, digest, keys, nowMs, proofs);
    default:
      return refused('plan: unknown outcome');
  }
}

async function verifyApprovals(
  grant: Consent,
  plan: Plan,
  digest: Digest,
  keys: TrustedKeys,
  nowMs: number,
  proofs: ProofVerifier | undefined,
): Promise<GrantVerdict> {
  if (plan.stages.length === 0 || !plan.stages.every(isSoundStage)) return refused('plan: a stage nobody can pass');
  const seats: Seat[] = [];
  const ids = new Set<string>();
  const excluded = [...plan.excluded, ...involvedIn(grant.request)];
  let [index, startMs, latestMs] = [0, Date.parse(plan.evaluatedAt), Date.parse(plan.evaluatedAt)];
  for (const approval of grant.approvals) {
    const stage = Number.isInteger(approval.stage) ? plan.stages[approval.stage] : undefined;
    if (stage === undefined) return refused('approval: for no stage of the plan');
    const signed = await verify('decision', approval.decision, keys);
    if (typeof signed === 'string') return refused(`approval: ${signed}`);
    if (!isDecision(signed.content)) return refused('approval: not the shape of a decision');
    const decision: Decision = signed.content;
    if (!isSignedWhen(signed, decision.decidedAt)) return refused('approval: not signed when it was made');
    if (ids.has(decision.decisionId)) return refused('approval: stands twice', 'decision-replayed');
    if (approval.stage < index) return refused('approvals: not in the order of the stages');
    // A stage begins with the last approval of the one before it.
    if (approval.stage > index) [index, startMs] = [approval.stage, latestMs];
    const problem = refuseDecision(decision, grant, plan, digest, nowMs) ?? refuseStageTime(decision, stage, index, startMs);
    if (problem !== undefined) return problem;
    const proven = await weigh(decision, approval.proof, proofs);
    const levels = levelsAt(stage, index, startMs, decision);
    const level = levels.find((one) => isMember(approversAt(stage, one), decision.person)) ?? levels.at(-1) ?? 0;
    const refusal = refuseApprover({
      stage,
      level,
      excluded,
      counted: seats.map((earlier) => earlier.decision.person.id),
      candidate: decision.person,
      proven,
    });
    if (refusal !== undefined) return refused(`approval: ${refusal.detail}`, refusal.code);
    ids.add(decision.decisionId);
    latestMs = Math.max(latestMs, Date.parse(decision.decidedAt));
    seats.push({ decision, proven, stage, level });
  }
  for (const [at, stage] of plan.stages.entries()) {
    const count = grant.approvals.filter((approval) => approval.stage === at).length;
    if (count < stage.quorum) return refused(`stage ${at + 1}: ${count} of ${stage.quorum} approvals`);
  }
  return { ok: true, plan, digest, approvedBy: seats.map((seat) => seat.decision), seats };
}

function refuseDecision(decision: Decision, grant: Pick<Grant, 'request'>, plan: Plan, digest: Digest, nowMs: number): GrantVerdict | undefined {
  if (decision.verdict !== 'approve') return refused('approval: it is a rejection');
  if (decision.actionId !== grant.request.id) return refused('approval: of another action');
  if (decision.actionDigest !== digest) return refused('approval: of another digest', 'decision-digest-mismatch');
  if (decision.planDigest !== planDigest(plan)) return refused('approval: under another plan', 'decision-digest-mismatch');
  const decidedAtMs = Date.parse(decision.decidedAt);
  // What is no time compares as false, and must not pass.
  if (plan.decideBy !== undefined && !(decidedAtMs < Date.parse(plan.decideBy) + clockSkewMs))
    return refused('approval: after the deadline', 'decision-expired');
  if (decidedAtMs >= Date.parse(plan.expiresAt)) return refused('approval: after the deadline', 'decision-expired');
  if (decidedAtMs < Date.parse(plan.evaluatedAt) - clockSkewMs || decidedAtMs > nowMs + clockSkewMs) return refused('approval: its time cannot be');
  return undefined;
}

// A click after the deadline of its stage is worth nothing, though the plan as a whole runs on. The workflow refuses
// it too; whoever holds Temporal could hand it on all the same.
function refuseStageTime(decision: Decision, stage: PlanStage, index: number, startMs: number): GrantVerdict | undefined {
  const decidedAtMs = Date.parse(decision.decidedAt);
  const slackMs = index === 0 ? clockSkewMs : stageSlackMs;
  if (decidedAtMs >= startMs + stage.expiresInMs + slackMs) return refused('approval: after the deadline of its stage', 'decision-expired');
  if (decidedAtMs < startMs - slackMs) return refused('approval: before its stage began');
  return undefined;
}

// An escalation can only have happened if its time had come when the decision was made. The stage began no
// earlier than `startMs`, so the upper bound admits nobody too early by more than the clocks may differ. Whom an escalation
// has replaced may have decided just before it, and a later stage may have begun a while after `startMs`.
function levelsAt(stage: PlanStage, index: number, startMs: number, decision: Decision): readonly number[] {
  const elapsedMs = Date.parse(decision.decidedAt) - startMs;
  const highest = dueLevel(stage, elapsedMs + clockSkewMs);
  if (!replacesApprovers(stage)) return [highest];
  const lowest = dueLevel(stage, elapsedMs - (index === 0 ? clockSkewMs : stageSlackMs));
  return Array.from({ length: highest - lowest + 1 }, (_, step) => lowest + step);
}
