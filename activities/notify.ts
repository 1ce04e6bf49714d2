import { activityInfo, cancellationSignal, log } from '@temporalio/activity';
import { CountersignError } from '../domain/errors.js';
import type { ChannelRef, Plan } from '../domain/plan.js';
import { approversEver, involvedIn, isMember, type Candidate } from '../domain/separation.js';
import type { TrustedParts, ViewTrust } from '../domain/trusted-view.js';
import type { ActionView, SignedState } from '../domain/view.js';
import type { CardHandle, Recipient } from './ports.js';
import type { WorkerDeps } from './deps.js';
import type { WorkerActivities } from './types.js';

type CardDeps = Pick<WorkerDeps, 'channels' | 'directory'> & { readonly trust: ViewTrust };

/**
 * Sends cards through one channel, to places and people that the signed plan names. Throws `channel-unavailable` while it
 * cannot deliver, and the caller retries; throws `view-forged`, for good, where the card would tell what nobody signed.
 */
export function notify(deps: CardDeps): WorkerActivities['notify'] {
  return async ({ view: state, to, notice, recipients, dedupeKey }) => {
    const channel = deps.channels.get(to.kind);
    if (channel === undefined) return { state: 'not-configured', handles: [] };
    const { view, parts } = await believed(deps.trust, state);
    // What nobody can decide any more is shown where it is, and sent to nobody.
    if (parts.doubt !== undefined) throw new CountersignError('view-forged', parts.doubt);
    const plan = requirePlace(parts, to);
    const people: Recipient[] = [];
    for (const id of recipients) {
      const person = await deps.directory.person(id);
      if (person?.active !== true || !isAsked(plan, parts, person)) continue;
      people.push({ id: person.id, name: person.name, ...(person.teams === undefined ? {} : { teams: person.teams }) });
    }
    const handles = await channel.send({
      view,
      to,
      recipients: people,
      notice,
      dedupeKey: `${activityInfo().workflowExecution?.workflowId ?? ''}:${dedupeKey}`,
      signal: cancellationSignal(),
    });
    return { state: 'sent', handles };
  };
}

/** Brings every card that was sent up to date. A card that is gone is no error. Throws `view-forged` like {@link notify}. */
export function updateCards(deps: CardDeps): WorkerActivities['updateCards'] {
  return async ({ view: state, handles }) => {
    const { view } = await believed(deps.trust, state);
    const byKind = groupByKind(handles);
    const signal = cancellationSignal();
    await Promise.all([...byKind].map(async ([kind, cards]) => deps.channels.get(kind)?.update({ view, handles: cards, signal })));
  };
}

/** The view of an action as its signed parts tell it. What came through Temporal could put one thing on a card and the digest of another behind its button. */
async function believed(trust: ViewTrust, { signed, ...state }: SignedState): Promise<{ readonly view: ActionView; readonly parts: TrustedParts }> {
  try {
    const parts = await trust.verify(signed?.request?.id, signed);
    return { parts, view: await trust.rebuild(parts, state) };
  } catch (error) {
    if (isForged(error)) log.error('a card was not sent: somebody writes to the engine', { code: error.code, reason: error.detail });
    throw error;
  }
}

/** True for the refusal to show what nobody signed. */
export function isForged(error: unknown): error is CountersignError {
  return error instanceof CountersignError && error.code === 'view-forged';
}

function requirePlace({ plan }: TrustedParts, to: ChannelRef): Plan {
  const places = plan?.content.stages.flatMap((stage) => [...stage.channels, ...stage.escalations.flatMap((step) => step.channels)]) ?? [];
  if (plan === undefined || !places.some((place) => place.kind === to.kind && place.channelId === to.channelId))
    throw new CountersignError('view-forged', 'The plan of this action names no such channel.');
  return plan.content;
}

function isAsked(plan: Plan, { request }: TrustedParts, person: Candidate): boolean {
  if (plan.excluded.includes(person.id) || involvedIn(request).includes(person.id)) return false;
  return plan.stages.some((stage) => isMember(approversEver(stage), person));
}

function groupByKind(handles: readonly CardHandle[]): Map<CardHandle['kind'], CardHandle[]> {
  const groups = new Map<CardHandle['kind'], CardHandle[]>();
  for (const handle of handles) groups.set(handle.kind, [...(groups.get(handle.kind) ?? []), handle]);
  return groups;
}
