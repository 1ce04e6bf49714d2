import type { PersonId } from './principal.js';
import type { ActionRequest } from './request.js';
import { involvedIn, type Refusal } from './separation.js';

/** That `by` approved, at this time, an action that `of` asked for, whose agent they own, or that was done for them. */
export type ApprovalFact = { readonly by: PersonId; readonly of: PersonId; readonly at: string };

/** The consent that a grant carries: whose, and to the actions of whom. */
export type Consent = {
  readonly of: readonly PersonId[];
  /** `refuseSince`: from when on a circle refuses this approval. Where it is absent none does. */
  readonly by: readonly { readonly person: PersonId; readonly at: string; readonly refuseSince?: string }[];
};

/** How far back circles are looked for where a route does not say. */
export const circleWindowMs = 30 * 86_400_000;

/**
 * The humans behind a request: whom it names as the api signed it, and whom a plan for it excludes, who are found in the directory: the owner of
 * an agent by now, and all for whom it may be asking without saying so. Agents are nobody's approver and left out.
 */
export function humansBehind(request: ActionRequest, excluded: readonly PersonId[]): readonly PersonId[] {
  const agents = [request.requester, ...(request.via ?? [])].filter((actor) => actor.kind === 'agent').map((actor) => actor.id);
  return [...new Set([...involvedIn(request), ...excluded])].filter((id) => !agents.includes(id));
}

/** The time from which on facts matter to a decision of this time. Requires a valid time. */
export function circleSince(decidedAt: string, windowMs: number): string {
  return new Date(Date.parse(decidedAt) - windowMs).toISOString();
}

/**
 * The latest fact that an approval by this person would close a circle with: one of the humans behind the action has approved
 * an action of theirs. A fact from the future counts: clocks differ, and nobody gains by one.
 */
export function circleWith(person: PersonId, behind: readonly PersonId[], facts: readonly ApprovalFact[], since: string): ApprovalFact | undefined {
  const sinceMs = Date.parse(since);
  return facts
    .filter((fact) => fact.of === person && fact.by !== person && behind.includes(fact.by) && Date.parse(fact.at) >= sinceMs)
    .reduce<ApprovalFact | undefined>((latest, fact) => (latest !== undefined && latest.at >= fact.at ? latest : fact), undefined);
}

/** Says that a circle refuses an approval. */
export function circleRefusal(fact: Pick<ApprovalFact, 'at'>): Refusal {
  return {
    code: 'approval-circle',
    detail: `Somebody behind this action approved one of this person's own on ${fact.at.slice(0, 10)}; those two may not approve each other's actions.`,
  };
}

/** The consent of these approvals to a request, for stages that refuse circles and others. */
export function consentOf(
  request: ActionRequest,
  excluded: readonly PersonId[],
  seats: readonly {
    readonly decision: { readonly person: { readonly id: PersonId }; readonly decidedAt: string };
    readonly stage: { readonly circles?: { readonly refuseWithinMs: number } };
  }[],
): Consent {
  return {
    of: humansBehind(request, excluded),
    by: seats.map(({ decision, stage }) => ({
      person: decision.person.id,
      at: decision.decidedAt,
      ...(stage.circles === undefined ? {} : { refuseSince: circleSince(decision.decidedAt, stage.circles.refuseWithinMs) }),
    })),
  };
}
