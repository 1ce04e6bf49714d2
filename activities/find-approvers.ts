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
    return people
      .filter((person) => !plan.excluded.includes(person.id))
      .slice(0, maxApprovers)
      .map(({ id, name }) => ({ id, name }));
  };
}
