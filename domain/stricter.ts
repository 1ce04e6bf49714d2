import type { ApproverSet, Plan, PlanStage } from './plan.js';
import { assuranceSuffices } from './principal.js';
import { approversAt, dueLevel, replacesApprovers } from './separation.js';

/**
 * Says in what a signed plan asks for less than an evaluation of one's own, made for the same request; undefined if in
 * nothing. The content counts and not the digest of the policy, so that a plan made under another version that asks for
 * the same, or for more, holds; but never for longer than policy now lets a plan live. Names of stages, reminders and channels say nothing about who consents and are not compared.
 */
export function fallsShort(plan: Plan, mine: Plan): string | undefined {
  switch (mine.outcome) {
    case 'deny':
      return `policy denies it now (${mine.denial?.code ?? 'denied-by-policy'}): ${mine.denial?.detail ?? 'no reason was given.'}`;
    case 'allow':
      return undefined;
    case 'review':
      return shortReview(plan, mine);
  }
}

function shortReview(plan: Plan, mine: Plan): string | undefined {
  if (plan.outcome !== 'review') return 'policy asks people, and the plan asks nobody';
  if (mine.stages.length === 0) return 'policy asks people, and names no stage';
  const [open] = mine.excluded.filter((id) => !plan.excluded.includes(id));
  if (open !== undefined) return `the plan lets ${open} approve, whom policy excludes`;
  const otherwise = shownOtherwise(plan.mask ?? [], mine.mask ?? []);
  if (otherwise !== undefined) return otherwise;
  // In the order of both: a greedy search finds a place for every stage if there is one.
  let from = 0;
  for (const [index, stage] of mine.stages.entries()) {
    const found = plan.stages.findIndex((candidate, at) => at >= from && shortStage(candidate, stage) === undefined);
    if (found < 0) return missing(plan, mine, index);
    from = found + 1;
  }
  // Another stage may be asked for, and must not let the approvals of these live on: by now policy would have ended its own plan.
  if (Date.parse(mine.evaluatedAt) - Date.parse(plan.evaluatedAt) > lifetimeMs(mine)) return 'the plan is older than policy lets one become';
  if (mine.decideBy !== undefined) {
    // With a deadline for all, what the stages add up to is no measure of how long a plan lives.
    if (!(decidableMs(plan) <= decidableMs(mine))) return 'the plan may be decided for longer than policy lets it';
    return lifetimeMs(plan) - decidableMs(plan) > lifetimeMs(mine) - decidableMs(mine) ? tooLong : undefined;
  }
  return lifetimeMs(plan) - stagesMs(plan) > lifetimeMs(mine) - stagesMs(mine) ? tooLong : undefined;
}

const tooLong = 'the plan lives longer after its last stage than policy lets it';

/** How long a plan with a deadline for all may be decided; no number for one without. */
function decidableMs(plan: Plan): number {
  return Date.parse(plan.decideBy ?? '') - Date.parse(plan.evaluatedAt);
}

/** What people saw is what policy shows them: a plan that hides more has them decide blind, and one that hides less tells them what they must not know. */
function shownOtherwise(masked: readonly string[], mine: readonly string[]): string | undefined {
  const [bare] = mine.filter((name) => !masked.includes(name));
  if (bare !== undefined) return `the plan shows people "${bare}", which policy hides`;
  const [hidden] = masked.filter((name) => !mine.includes(name));
  return hidden === undefined ? undefined : `the plan hides "${hidden}" from people, which policy shows`;
}

function missing(plan: Plan, mine: Plan, index: number): string {
  const stage = mine.stages[index];
  const rival = plan.stages.length === mine.stages.length ? plan.stages[index] : undefined;
  const why = stage === undefined || rival === undefined ? undefined : shortStage(rival, stage);
  return `the stage "${stage?.name ?? index}" of policy ${why === undefined ? 'is not in the plan' : `is weaker in the plan: ${why}`}`;
}

/** In what `candidate` asks for less than `stage`. */
function shortStage(candidate: PlanStage, stage: PlanStage): string | undefined {
  if (candidate.quorum < stage.quorum) return `${candidate.quorum} instead of ${stage.quorum} people`;
  if (!assuranceSuffices(candidate.assurance, stage.assurance)) return `assurance ${candidate.assurance} instead of ${stage.assurance}`;
  if (candidate.expiresInMs > stage.expiresInMs) return 'more time to decide';
  if (!within(candidate.approvers, stage.approvers)) return 'other approvers';
  if ((candidate.rejectQuorum ?? 1) > (stage.rejectQuorum ?? 1)) return `${candidate.rejectQuorum} people must reject instead of ${stage.rejectQuorum ?? 1}`;
  // Written so that a window that is no number is too short.
  if (stage.circles !== undefined && !((candidate.circles?.refuseWithinMs ?? 0) >= stage.circles.refuseWithinMs)) return 'circles are let through';
  let afterMs = 0;
  for (const step of candidate.escalations) {
    // Steps are counted in their order: an early one that stands behind a late one would bring the late one forward.
    if (step.afterMs < afterMs) return 'escalations out of order';
    afterMs = step.afterMs;
    const reached = stage.escalations.filter((mine) => mine.afterMs <= step.afterMs).length;
    if (!within(step.approvers, approversAt(stage, reached))) return 'other approvers after an escalation, or earlier';
  }
  return replacesApprovers(stage) ? shortReplacement(candidate, stage) : undefined;
}

/** Whether those whom policy replaces could still decide: looked at whenever somebody comes or goes in either. */
function shortReplacement(candidate: PlanStage, stage: PlanStage): string | undefined {
  const times = [...candidate.escalations, ...stage.escalations].map((step) => step.afterMs);
  const open = times.find((afterMs) => !within(approversAt(candidate, dueLevel(candidate, afterMs)), approversAt(stage, dueLevel(stage, afterMs))));
  return open === undefined ? undefined : 'people may decide whom an escalation should have replaced';
}

function within(inner: ApproverSet, outer: ApproverSet): boolean {
  return inner.groups.every((group) => outer.groups.includes(group)) && inner.people.every((person) => outer.people.includes(person));
}

function lifetimeMs(plan: Plan): number {
  return Date.parse(plan.expiresAt) - Date.parse(plan.evaluatedAt);
}

function stagesMs(plan: Plan): number {
  return plan.stages.reduce((sum, stage) => sum + stage.expiresInMs, 0);
}
