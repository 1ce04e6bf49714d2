import { activityInfo, cancellationSignal } from '@temporalio/activity';
import type { CardHandle, Recipient } from './ports.js';
import type { WorkerDeps } from './deps.js';
import type { WorkerActivities } from './types.js';

/** Sends cards through one channel. Throws `channel-unavailable` while it cannot deliver; the caller retries. */
export function notify(deps: WorkerDeps): WorkerActivities['notify'] {
  return async ({ view, to, notice, recipients, dedupeKey }) => {
    const channel = deps.channels.get(to.kind);
    if (channel === undefined) return { state: 'not-configured', handles: [] };
    const people: Recipient[] = [];
    for (const id of recipients) {
      const person = await deps.directory.person(id);
      if (person?.active === true) people.push({ id: person.id, name: person.name, ...(person.teams === undefined ? {} : { teams: person.teams }) });
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

/** Brings every card that was sent up to date. A card that is gone is no error. */
export function updateCards(deps: WorkerDeps): WorkerActivities['updateCards'] {
  return async ({ view, handles }) => {
    const byKind = groupByKind(handles);
    const signal = cancellationSignal();
    await Promise.all([...byKind].map(async ([kind, cards]) => deps.channels.get(kind)?.update({ view, handles: cards, signal })));
  };
}

function groupByKind(handles: readonly CardHandle[]): Map<CardHandle['kind'], CardHandle[]> {
  const groups = new Map<CardHandle['kind'], CardHandle[]>();
  for (const handle of handles) groups.set(handle.kind, [...(groups.get(handle.kind) ?? []), handle]);
  return groups;
}
