import type { Directory } from '../directory/port.js';
import type { Seat } from '../domain/grant.js';
import type { Plan } from '../domain/plan.js';
import type { PersonId } from '../domain/principal.js';
import type { ActionRequest } from '../domain/request.js';
import { involvedIn, refuseApprover, type Refusal } from '../domain/separation.js';
import { fallsShortOfBoth, statedSignals } from '../domain/stated.js';
import { makePlan, type PlanDeps } from './plan.js';

/** What an evaluation of one's own has against a signed plan, and what it asks for besides. */
export type OwnJudgement = {
  /** Why it cannot be told. */
  readonly unavailable?: string;
  /** In what the plan asks for less. */
  readonly short?: string;
  /** How many people policy wants to have approved at the least. */
  readonly people: number;
  /** Everybody it finds behind the request. */
  readonly excluded: readonly PersonId[];
};

/**
 * Evaluates policy on a request once more and holds a signed plan against that: by what is known here, and with the signals of
 * history that the plan states, which can only make more of it.
 */
export async function judgePlan(deps: PlanDeps, request: ActionRequest, plan: Plan, now: Date): Promise<OwnJudgement> {
  const { plan: own } = await makePlan(deps, request, now);
  const stated = statedSignals(plan);
  const { plan: told } = stated.length === 0 ? { plan: own } : await makePlan({ ...deps, stated }, request, now);
  const people = Math.max(plan.executorFloor ?? 0, own.executorFloor ?? 0, told.executorFloor ?? 0);
  const asked = { people, excluded: own.excluded };
  for (const { denial } of [own, told]) if (denial?.code === 'directory-unavailable') return { ...asked, unavailable: denial.detail };
  const short = fallsShortOfBoth(plan, own, told);
  return short === undefined ? asked : { ...asked, short };
}

/** The distinct people who fill these seats. */
export function peopleIn(seats: readonly Seat[]): number {
  return new Set(seats.map(({ decision }) => decision.person.id)).size;
}

/**
 * Holds every approver against a directory: what a decision says of groups is the api's word. Returns the first reason against one.
 * Throws `directory-unavailable`.
 */
export async function refuseApprovers(
  directory: Directory,
  request: ActionRequest,
  { plan, seats }: { readonly plan: Plan; readonly seats: readonly Seat[] },
): Promise<Refusal | undefined> {
  const counted: PersonId[] = [];
  const excluded = [...plan.excluded, ...involvedIn(request)];
  for (const { decision, proven, stage, level } of seats) {
    const person = await directory.person(decision.person.id, { fresh: true });
    if (person === undefined || !person.active)
      return { code: 'approver-not-eligible', detail: 'The directory does not know an approver, or they are not active.' };
    const refusal = refuseApprover({ stage, level, excluded, counted, candidate: person, proven });
    if (refusal !== undefined) return refusal;
    counted.push(decision.person.id);
  }
  return undefined;
}
