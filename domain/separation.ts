import type { ErrorCode } from './errors.js';
import type { ApproverSet, Escalation, PlanStage } from './plan.js';
import { assuranceSuffices, type PersonId } from './principal.js';
import type { Proven } from './proof.js';
import type { ActionRequest } from './request.js';

/** A refusal with its stable code and one sentence. */
export type Refusal = { readonly code: ErrorCode; readonly detail: string };

/** What is known of a person when they decide. */
export type Candidate = { readonly id: PersonId; readonly groups: readonly string[] };

/**
 * The ids that a request itself names: its requester, the agent's owner, the person it is done for, and those through
 * whose hands the delegation went. None of them approves it, whatever a plan says.
 */
export function involvedIn(request: ActionRequest): readonly string[] {
  const { requester, onBehalfOf, via = [] } = request;
  const actors = [requester, ...via].flatMap((actor) => (actor.kind === 'agent' ? [actor.id, actor.owner] : [actor.id]));
  return [...actors, ...(onBehalfOf === undefined ? [] : [onBehalfOf])];
}

/** True when the set names the person or one of their groups, by id. An empty set names nobody. */
export function isMember(approvers: ApproverSet, candidate: Candidate): boolean {
  return approvers.people.includes(candidate.id) || approvers.groups.some((group) => candidate.groups.includes(group));
}

/** Who may decide a stage once its first `level` escalations have happened. */
export function approversAt(stage: PlanStage, level: number): ApproverSet {
  const steps = stage.escalations.slice(0, level);
  const replaced = steps.findLastIndex((step) => step.mode === 'replace');
  const sets = [...(replaced < 0 ? [stage.approvers] : []), ...steps.slice(Math.max(0, replaced)).map((step: Escalation) => step.approvers)];
  return union(sets);
}

/** Everybody who may decide a stage at any time. */
export function approversEver(stage: PlanStage): ApproverSet {
  return union([stage.approvers, ...stage.escalations.map((step) => step.approvers)]);
}

/** How many escalations are due when a stage has lasted this long. */
export function dueLevel(stage: PlanStage, elapsedMs: number): number {
  return stage.escalations.filter((step) => step.afterMs <= elapsedMs).length;
}

/** True when an escalation takes the place of those who were asked before. */
export function replacesApprovers(stage: PlanStage): boolean {
  return stage.escalations.some((step) => step.mode === 'replace');
}

function union(sets: readonly ApproverSet[]): ApproverSet {
  return { groups: [...new Set(sets.flatMap((set) => set.groups))], people: [...new Set(sets.flatMap((set) => set.people))] };
}

/**
 * Whether this person may give this stage their consent: not involved in the action, not counted before in any
 * stage, named by the stage, and proven strongly enough. Returns the first reason against it.
 */
export function refuseApprover(input: {
  readonly stage: PlanStage;
  readonly level: number;
  readonly excluded: readonly PersonId[];
  readonly counted: readonly PersonId[];
  readonly candidate: Candidate;
  readonly proven: Proven;
}): Refusal | undefined {
  const { stage, level, excluded, counted, candidate, proven } = input;
  if (excluded.includes(candidate.id))
    return { code: 'approver-is-requester', detail: 'This person asked for the action, owns the agent that did, or benefits from it.' };
  if (counted.includes(candidate.id)) return { code: 'decided-already', detail: 'This person has already decided on this action.' };
  if (!isMember(approversAt(stage, level), candidate))
    return { code: 'approver-not-eligible', detail: `This person is not an approver of the stage "${stage.name}".` };
  if (!assuranceSuffices(proven.assurance, stage.assurance))
    return {
      code: 'assurance-too-low',
      detail: [`The stage "${stage.name}" needs the assurance ${stage.assurance}.`, proven.reason].filter(Boolean).join(' '),
    };
  return undefined;
}

/** True when the stage can be passed at all: at least one human asked for, somebody named, and no quorum of zero. */
export function isSoundStage(stage: PlanStage): boolean {
  return Number.isInteger(stage.quorum) && stage.quorum >= 1 && stage.approvers.groups.length + stage.approvers.people.length > 0;
}

/**
 * True when every stage can have its quorum with nobody in two of them: a matching of seats to people, found along
 * augmenting paths. Quorums and candidates are few; the work is at most seats times candidates.
 */
export function canStaff(stages: readonly { readonly quorum: number; readonly candidates: readonly PersonId[] }[]): boolean {
  const seats = stages.flatMap((stage) => Array.from({ length: stage.quorum }, () => stage.candidates));
  const seatOf = new Map<PersonId, number>();
  const place = (seat: number, tried: Set<PersonId>): boolean => {
    for (const person of seats[seat] ?? []) {
      if (tried.has(person)) continue;
      tried.add(person);
      const taken = seatOf.get(person);
      if (taken !== undefined && !place(taken, tried)) continue;
      seatOf.set(person, seat);
      return true;
    }
    return false;
  };
  return seats.every((_candidates, seat) => place(seat, new Set()));
}
