import type { Principal } from '../../domain/principal.js';
import type { ActionView } from '../../domain/view.js';
import type { Viewer } from '../actions.js';

/**
 * Whether this viewer may see this action: an agent its own; a person what they asked for, what their agent asked
 * for, what is done for them, and what they may decide or have decided; an operator everything.
 */
export function maySee(view: ActionView, { principal, operator }: { readonly principal: Pick<Principal, 'kind' | 'id'>; readonly operator: boolean }): boolean {
  if (view.requester.kind === principal.kind && view.requester.id === principal.id) return true;
  if (principal.kind === 'agent') return false;
  if (operator) return true;
  const { id } = principal;
  return (
    view.owner?.id === id ||
    view.onBehalfOf?.id === id ||
    // Whoever was asked may see how it ends, also when others decided.
    view.asked.includes(id) ||
    view.stage?.approvers.some((person) => person.id === id) === true ||
    // Only accepted decisions count: a refused attempt must not open the door.
    view.decisions.some((record) => record.accepted && record.decision?.person.id === id)
  );
}

/**
 * The action as this viewer may see it: what the target said before anybody approved is kept from those who asked,
 * who could otherwise read a target by asking and cancelling; operators who asked are no exception. Requires {@link maySee}; applying it twice changes nothing more.
 */
export function viewOf(view: ActionView, { principal }: Pick<Viewer, 'principal'>): ActionView {
  if (!isAskingSide(view, principal)) return view;
  const { preview: _preview, previewError: _previewError, ...rest } = view;
  // Counted anew, since a gap would tell whether the target had an answer.
  const story = view.story.filter(({ kind }) => kind !== 'previewed');
  return story.length === view.story.length ? rest : { ...rest, story: story.map((event, index) => ({ ...event, seq: index + 1 })) };
}

function isAskingSide(view: ActionView, { kind, id }: Viewer['principal']): boolean {
  if (view.requester.kind === kind && view.requester.id === id) return true;
  return kind === 'person' && (view.owner?.id === id || view.onBehalfOf?.id === id);
}

/** Whether this principal may cancel: the requester, or the owner of the agent that asked. */
export function mayCancel(view: ActionView, principal: Viewer['principal']): boolean {
  if (view.requester.kind === principal.kind && view.requester.id === principal.id) return true;
  return principal.kind === 'person' && view.requester.kind === 'agent' && view.owner?.id === principal.id;
}
