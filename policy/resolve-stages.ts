import type { Directory, DirectoryPerson } from '../directory/port.js';
import { CountersignError } from '../domain/errors.js';
import type { ApproverSet, PlanStage } from '../domain/plan.js';
import type { PersonId } from '../domain/principal.js';
import type { RouteApprovers, RouteStage } from './routes.js';

// More than this, and nobody would wait for all of them.
const maxEverybody = 50;

/** The people behind a request, of whom managers are asked for. */
export type Asking = { readonly owner?: DirectoryPerson; readonly requester?: DirectoryPerson; readonly beneficiary?: DirectoryPerson };

/**
 * Settles what routes leave open until somebody asks: who manages whom, and who all of the approvers are now. What comes out is what is
 * signed. Worker and executor each do this with their own directory. Throws `route-unsatisfiable` and `directory-unavailable`.
 */
export async function resolveStages(
  directory: Directory,
  stages: readonly RouteStage[],
  asking: Asking,
  excluded: readonly PersonId[],
): Promise<readonly PlanStage[]> {
  return Promise.all(
    stages.map(async ({ everybody, routeExpiresInMs: _forAll, ...stage }) => {
      const settled: PlanStage = {
        ...stage,
        approvers: await settle(directory, stage.approvers, asking),
        escalations: await Promise.all(stage.escalations.map(async (step) => ({ ...step, approvers: await settle(directory, step.approvers, asking) }))),
      };
      return everybody === true ? allOf(directory, settled, excluded) : settled;
    }),
  );
}

/** How long all of these stages together may take, where their routes say so. */
export function decidableWithinMs(stages: readonly RouteStage[]): number | undefined {
  const limits = stages.flatMap(({ routeExpiresInMs }) => routeExpiresInMs ?? []);
  return limits.length === 0 ? undefined : Math.min(...limits);
}

async function settle(directory: Directory, { managerOf, groups, people }: RouteApprovers, { owner, requester, beneficiary }: Asking): Promise<ApproverSet> {
  if (managerOf === undefined) return { groups, people };
  const answerable = owner ?? requester;
  const of = managerOf === 'owner' ? answerable : (beneficiary ?? answerable);
  const manager = of?.manager === undefined ? undefined : await directory.person(of.manager);
  // Somebody without a manager, or with one who has left, has nobody who could stand in: the stage then lacks this approver.
  return { groups, people: manager?.active !== true || people.includes(manager.id) ? people : [...people, manager.id] };
}

async function allOf(directory: Directory, stage: PlanStage, excluded: readonly PersonId[]): Promise<PlanStage> {
  const members = await directory.members(stage.approvers, maxEverybody + excluded.length + 1);
  const people = members.map(({ id }) => id).filter((id) => !excluded.includes(id));
  if (people.length > maxEverybody)
    throw new CountersignError('route-unsatisfiable', `The stage "${stage.name}" asks for all of its approvers, and there are more than ${maxEverybody}.`);
  // Of nobody, none is not all: a quorum of zero would let everything pass.
  return { ...stage, approvers: { groups: [], people: people.sort() }, quorum: Math.max(1, people.length) };
}
