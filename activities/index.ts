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
  return {
    open: guarded(open(deps)),
    judge: guarded(judge(deps)),
    judgeCancellation: guarded(judgeCancellation(deps)),
    findApprovers: guarded(findApprovers(deps)),
    notify: guarded(notify(deps)),
    updateCards: guarded(updateCards(deps)),
    seal: guarded(seal(deps)),
    close: guarded(close(deps)),
  };
}
