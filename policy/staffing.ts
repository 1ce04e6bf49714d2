import type { Directory } from '../directory/port.js';
import { circleSince, circleWindowMs, type ApprovalFact } from '../domain/circles.js';
import type { Plan, PlanStage, Risk } from '../domain/plan.js';
import type { PersonId } from '../domain/principal.js';
import { approversEver, canStaff } from '../domain/separation.js';

const memberLimit = 500;

/** The people who could approve, by name, and why the stages cannot all be passed by different ones of them. */
export type Staffing = { readonly gap?: string; readonly candidates: ReadonlyMap<PersonId, string> };

/**
 * Looks for different, uninvolved people for all stages, even after all escalations.
 * @param circles what the humans behind the request have approved lately: where a stage refuses circles, those people are nobody
 */
export async function staff(
  directory: Directory,
  stages: readonly PlanStage[],
  excluded: readonly PersonId[],
  circles: { readonly facts: readonly ApprovalFact[]; readonly now: Date } = { facts: [], now: new Date(0) },
): Promise<Staffing> {
  const seats: { quorum: number; candidates: readonly PersonId[] }[] = [];
  const candidates = new Map<PersonId, string>();
  for (const stage of stages) {
    const members = await directory.members(approversEver(stage), memberLimit);
    const people = members.filter(({ id }) => !excluded.includes(id));
    for (const { id, name } of people) candidates.set(id, name);
    const since = stage.circles === undefined ? undefined : circleSince(circles.now.toISOString(), stage.circles.refuseWithinMs);
    const free = people.map(({ id }) => id).filter((id) => since === undefined || !circles.facts.some((fact) => fact.of === id && fact.at >= since));
    if (free.length < stage.quorum) return { gap: `The stage "${stage.name}" needs ${stage.quorum}, but only ${free.length} could approve.`, candidates };
    seats.push({ quorum: stage.quorum, candidates: free });
  }
  if (!canStaff(seats)) return { gap: 'The stages need more different people than there are, since nobody counts twice.', candidates };
  return { candidates };
}

/** What the humans behind a request have approved, as far back as its stages or the cards look. */
export async function possibleCircles(
  approvalsBy: ((people: readonly PersonId[], since: string) => Promise<readonly ApprovalFact[]>) | undefined,
  behind: readonly PersonId[],
  stages: readonly PlanStage[],
  now: Date,
): Promise<readonly ApprovalFact[]> {
  if (approvalsBy === undefined || stages.length === 0) return [];
  const windowMs = Math.max(circleWindowMs, ...stages.map((stage) => stage.circles?.refuseWithinMs ?? 0));
  return approvalsBy(behind, circleSince(now.toISOString(), windowMs));
}

/** Says on the card who would close a circle. It adds nothing to the score that policy has judged by. */
export function withCircles(risk: Risk, circles: readonly ApprovalFact[], names: ReadonlyMap<PersonId, string>): Pick<Plan, 'risk' | 'circles'> {
  const people = [...new Set(circles.map(({ of }) => names.get(of) ?? of))];
  const detail = `An approval by ${people.join(', ')} would close a circle: somebody behind this action lately approved an action of theirs.`;
  return {
    risk: { ...risk, signals: [{ name: 'approval-circle', points: 0, detail }, ...risk.signals] },
    circles: circles.map(({ of, by, at }) => ({ approver: of, with: by, at })),
  };
}
