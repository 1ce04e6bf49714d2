import type { Json } from '../domain/json.js';
import type { WorkerDeps } from './deps.js';
import { record } from './record.js';
import { updateCards } from './notify.js';
import type { WorkerActivities } from './types.js';

// Long enough for a chat service that answers, short enough not to hold up what waits for the end.
const cardPatienceMs = 4_000;

/** Appends the entry that closes an action, or the one that says how its execution ended. */
export function seal(deps: WorkerDeps): WorkerActivities['seal'] {
  return async ({ actionId, key, kind, atMs, status, outcome, denial }) => {
    const body = { status, ...(outcome === undefined ? {} : { outcome }), ...(denial === undefined ? {} : { denial }) };
    const entry = { actionId, key, kind, at: new Date(atMs).toISOString(), body: body as unknown as Json };
    await record(deps.evidence, entry, (earlier) => (earlier.body as { readonly status?: string }).status === status);
  };
}

/** Seals the action, then tries once to bring its cards to their final state; says whether that worked. */
export function close(deps: WorkerDeps): WorkerActivities['close'] {
  return async ({ view, handles, ...sealed }) => {
    await seal(deps)(sealed);
    if (handles.length === 0) return { cards: 'up-to-date' };
    try {
      await withinMs(cardPatienceMs, updateCards(deps)({ view, handles }));
      return { cards: 'up-to-date' };
    } catch {
      return { cards: 'behind' };
    }
  };
}

async function withinMs(limitMs: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('the channel took too long')), limitMs);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
