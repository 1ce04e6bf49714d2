import { createViewTrust } from '../domain/trusted-view.js';
import { guarded } from './failure.js';
import { findApprovers } from './find-approvers.js';
import { judge, judgeCancellation } from './judge.js';
import { notify, updateCards } from './notify.js';
import { open } from './open.js';
import { close, seal } from './seal.js';
import type { WorkerDeps } from './deps.js';
import type { WorkerActivities } from './types.js';

/** The worker's activities over their dependencies. */
export function createActivities(deps: WorkerDeps): WorkerActivities {
  const nameOf = async (id: string) => (await deps.directory.person(id).catch(() => undefined))?.name;
  const cards = { ...deps, trust: createViewTrust({ connectors: deps.connectors.values(), trusted: deps.trusted, nameOf }) };
  const update = updateCards(cards);
  return {
    open: guarded(open(deps)),
    judge: guarded(judge(deps)),
    judgeCancellation: guarded(judgeCancellation(deps)),
    findApprovers: guarded(findApprovers(deps)),
    notify: guarded(notify(cards)),
    updateCards: guarded(update),
    seal: guarded(seal(deps)),
    close: guarded(close(deps, update)),
  };
}
