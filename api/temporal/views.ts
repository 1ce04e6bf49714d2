import { QueryRejectedError, WorkflowNotFoundError } from '@temporalio/client';
import { CountersignError } from '../../domain/errors.js';
import { isActionId } from '../../domain/ids.js';
import type { ActionRequest } from '../../domain/request.js';
import type { TrustedParts, ViewTrust } from '../../domain/trusted-view.js';
import { isFinal, type ActionView } from '../../domain/view.js';
import { viewQuery, type SignedView } from '../../workflows/contract.js';
import { callTemporal, deadlinesMs, type TemporalAccess } from './access.js';

/** Reads actions. What Temporal answers is believed only as far as what was signed bears it out. */
export type ViewReader = {
  /**
   * The action, whoever asks: authorisation is the caller's to do. A workflow that was terminated or failed is told as `error`.
   * Throws `not-found`, `temporal-unavailable` and `view-forged`.
   */
  read(id: string): Promise<TrustedView>;
  /**
   * The verified parts of an action that was read here before under this digest, verified again now, so that a decision on it needs no
   * question to Temporal; `undefined` if it was not, or if anything stands against it.
   */
  recall(id: string, digest: string): Promise<TrustedParts | undefined>;
  /** The view that came with the answer to a message, told anew; read again if it is about another plan than these parts. */
  answered(parts: TrustedParts, view: ActionView): Promise<ActionView>;
  /** The view that came with the verdict on this request, told anew. */
  verdict(request: ActionRequest, signedRequest: string, view: SignedView<'signedPlan'>): Promise<ActionView>;
};

// A request and a plan take a few kilobytes each.
const maxRemembered = 2_000;

/** A view with the verified things that it was told from. */
export type TrustedView = { readonly view: ActionView; readonly parts: TrustedParts };

/** A {@link ViewReader} that calls `onForged` for every answer that did not hold. */
export function createViewReader(access: TemporalAccess, trust: ViewTrust, onForged: (forged: { id: string; reason: string }) => void): ViewReader {
  async function loud<T>(id: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof CountersignError && error.code === 'view-forged') onForged({ id, reason: error.detail });
      throw error;
    }
  }
  // What was signed, as it was read last, by action: the oldest gives way.
  const lastRead = new Map<string, unknown>();
  const told = (id: string, signed: unknown, state: unknown): Promise<TrustedView> =>
    loud(id, async () => {
      const parts = await trust.verify(id, signed);
      const view = await trust.rebuild(parts, state);
      lastRead.delete(id);
      if (!isFinal(view.status)) lastRead.set(id, signed);
      for (const oldest of lastRead.keys()) {
        if (lastRead.size <= maxRemembered) break;
        lastRead.delete(oldest);
      }
      return { parts, view };
    });
  async function recall(id: string, digest: string): Promise<TrustedParts | undefined> {
    const signed = lastRead.get(id);
    if (signed === undefined) return undefined;
    // Its keys may have been marked since.
    const parts = await trust.verify(id, signed).catch(() => undefined);
    return parts?.doubt === undefined && parts?.plan?.actionDigest === digest ? parts : undefined;
  }
  async function read(id: string): Promise<TrustedView> {
    const { signed, ...state } = await query(access, id);
    const { parts, view } = await told(id, signed, state);
    // What the api itself adds must not be held against the plan.
    return { parts, view: state.stopped === true ? ended(view) : view };
  }
  return {
    read,
    recall,
    answered: async (parts, view) =>
      view.planDigest === parts.plan?.digest ? loud(parts.request.id, () => trust.rebuild(parts, view)) : (await read(parts.request.id)).view,
    verdict: async (request, signedRequest, { signed, ...state }) => (await told(request.id, { ...signed, request, signedRequest }, state)).view,
  };
}

async function query(access: TemporalAccess, id: string): Promise<SignedView & { readonly stopped?: boolean }> {
  if (!isActionId(id)) throw new CountersignError('not-found');
  try {
    return await callTemporal(access.connection, deadlinesMs.query, () => access.reader.getHandle(id).query(viewQuery));
  } catch (error) {
    if (error instanceof QueryRejectedError)
      return {
        ...(await callTemporal(access.connection, deadlinesMs.query, () => access.client.workflow.getHandle(id).query(viewQuery))),
        stopped: true,
      };
    if (error instanceof WorkflowNotFoundError) throw new CountersignError('not-found');
    throw error;
  }
}

// Its workflow will never move again, whatever it last said of itself.
function ended(view: ActionView): ActionView {
  if (isFinal(view.status)) return view;
  const { stage: _stage, deadlineAt: _deadlineAt, ...rest } = view;
  const story = [
    ...view.story,
    {
      seq: (view.story.at(-1)?.seq ?? 0) + 1,
      at: new Date().toISOString(),
      kind: 'error' as const,
      text: 'Its workflow was stopped from outside; it will not run.',
    },
  ];
  return { ...rest, status: 'error', story };
}
