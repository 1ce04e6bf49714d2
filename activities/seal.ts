import type { ExecutionOutcome } from '../domain/connector.js';
import type { Json } from '../domain/json.js';
import { verifyReceipt, type ReceiptVerdict } from '../domain/receipt.js';
import type { WorkerDeps } from './deps.js';
import { record } from './record.js';
import { isForged, type updateCards } from './notify.js';
import type { CloseInput, OpenedPlan, OpenResult, WorkerActivities } from './types.js';

// Long enough for a chat service that answers, short enough not to hold up what waits for the end.
const cardPatienceMs = 4_000;

/** Appends the entry that closes an action together with how the receipt of the executor fared, and returns that. */
async function seal(deps: WorkerDeps, { actionId, atMs, status, outcome, denial }: CloseInput): Promise<ReceiptVerdict | undefined> {
  const receipt = outcome === undefined ? undefined : await judgeReceipt(deps, actionId, outcome);
  const body = {
    status,
    ...(outcome === undefined ? {} : { outcome }),
    ...(receipt === undefined ? {} : { receipt }),
    ...(denial === undefined ? {} : { denial }),
  };
  // Of this kind and no other: a caller that could name it would write a release or a cancellation.
  const entry = { actionId, key: 'closed', kind: 'closed', at: new Date(atMs).toISOString(), body: body as unknown as Json } as const;
  await record(deps.evidence, entry, (earlier) => (earlier.body as { readonly status?: string }).status === status);
  return receipt;
}

/**
 * Holds the receipt against the plan that evidence has as the last one in force. What the engine says of an execution is
 * nobody's word: whoever holds it can complete an activity that never ran.
 */
async function judgeReceipt(deps: WorkerDeps, actionId: string, outcome: ExecutionOutcome): Promise<ReceiptVerdict> {
  const entries = await deps.evidence.ofAction(actionId);
  const opened = entries.find((entry) => entry.kind === 'opened')?.body as { readonly result?: OpenResult } | undefined;
  const replanned = entries.findLast((entry) => entry.kind === 'replanned')?.body as { readonly opened?: OpenedPlan } | undefined;
  return verifyReceipt(
    outcome,
    {
      actionId,
      actionDigest: (replanned?.opened ?? opened?.result)?.actionDigest,
      source: opened?.result?.connector.external === undefined ? 'executor' : 'connector',
    },
    deps.trusted,
  );
}

/** Seals the action, then tries once to bring its cards to their final state; says whether that worked. */
export function close(deps: WorkerDeps, update: ReturnType<typeof updateCards>): WorkerActivities['close'] {
  return async (input) => {
    const { view, handles } = input;
    const receipt = await seal(deps, input);
    const doubt = receipt !== undefined && 'code' in receipt ? { doubt: { code: receipt.code, detail: receipt.detail } } : {};
    if (handles.length === 0) return { cards: 'up-to-date', ...doubt };
    try {
      await withinMs(cardPatienceMs, update({ view, handles }));
      return { cards: 'up-to-date', ...doubt };
    } catch (error) {
      // What nobody signed will not be true later either; it was logged.
      return { cards: isForged(error) ? 'refused' : 'behind', ...doubt };
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
