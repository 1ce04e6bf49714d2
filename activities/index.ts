import { createViewTrust } from '../domain/trusted-view.js';
import type { ActionRequest } from '../domain/request.js';
import { guarded } from './failure.js';
import { findApprovers } from './find-approvers.js';
import { judge, judgeCancellation } from './judge.js';
import { notify, updateCards } from './notify.js';
import { open } from './open.js';
import { close } from './seal.js';
import { tied } from './tied.js';
import type { WorkerDeps } from './deps.js';
import type { WorkerActivities } from './types.js';

const idOfRequest = ({ request }: { readonly request: ActionRequest }) => request.id;

/** The worker's activities over their dependencies. */
export function createActivities(deps: WorkerDeps): WorkerActivities {
  const nameOf = async (id: string) => (await deps.directory.person(id).catch(() => undefined))?.name;
  const cards = { ...deps, trust: createViewTrust({ connectors: deps.connectors.values(), trusted: deps.trusted, nameOf }) };
  const update = updateCards(cards);
  return {
    open: guarded(tied(open(deps), idOfRequest)),
    judge: guarded(tied(judge(deps), idOfRequest)),
    judgeCancellation: guarded(tied(judgeCancellation(deps), idOfRequest)),
    findApprovers: guarded(findApprovers(deps)),
    notify: guarded(notify(cards)),
    updateCards: guarded(update),
    close: guarded(tied(close(deps, update), ({ actionId }) => actionId)),
  };
}
