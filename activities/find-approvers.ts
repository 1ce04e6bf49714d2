import { circleSince } from '../domain/circles.js';
import type { Plan } from '../domain/plan.js';
import type { PersonId } from '../domain/principal.js';
import { approversAt } from '../domain/separation.js';
import type { WorkerDeps } from './deps.js';
import type { WorkerActivities } from './types.js';

// More people than this see the action in no list of theirs, yet can still decide it by its link.
const maxApprovers = 50;

/** The active, uninvolved people who may decide a stage now, by name. An unreachable directory throws. */
export function findApprovers(deps: Pick<WorkerDeps, 'directory'>): WorkerActivities['findApprovers'] {
  return async ({ plan, stage, level }) => {
    const at = plan.stages[stage];
    if (at === undefined) return [];
    const people = await deps.directory.members(approversAt(at, level), maxApprovers + plan.excluded.length);
    const refused = at.circles === undefined ? [] : circlesOf(plan, at.circles.refuseWithinMs);
    return people
      .filter((person) => !plan.excluded.includes(person.id) && !refused.includes(person.id))
      .slice(0, maxApprovers)
      .map(({ id, name }) => ({ id, name }));
  };
}

/** Those who were known to close a circle when the plan was made: a card for them would be a card they cannot use. */
function circlesOf(plan: Plan, refuseWithinMs: number): readonly PersonId[] {
  const since = circleSince(plan.evaluatedAt, refuseWithinMs);
  return (plan.circles ?? []).filter(({ at }) => at >= since).map(({ approver }) => approver);
}
