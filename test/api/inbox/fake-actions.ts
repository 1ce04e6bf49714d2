import type { ActionRow, Actions, DecideCommand, ListFilter, Viewer } from '../../../api/actions.js';
import { CountersignError, type ErrorCode } from '../../../domain/errors.js';
import { isFinal, type ActionView } from '../../../domain/view.js';
import { approval } from './fixtures.js';

/** Actions in memory that count what was decided. */
export type FakeActions = Actions & {
  readonly decided: DecideCommand[];
  readonly views: Map<string, ActionView>;
  /** The next decision is refused, or fails by throwing. */
  refuseNext?: { readonly code: ErrorCode; readonly detail: string; readonly throws?: boolean };
  put(view: ActionView): void;
};

export function fakeActions(initial: readonly ActionView[], now: () => Date): FakeActions {
  const views = new Map<string, ActionView>(initial.map((view) => [view.id, view]));
  const watchers = new Set<() => void>();
  const visible = (view: ActionView, viewer: Viewer) =>
    viewer.operator ||
    [
      view.requester.id,
      view.owner?.id,
      view.onBehalfOf?.id,
      ...(view.stage?.approvers.map((one) => one.id) ?? []),
      ...view.decisions.map((one) => one.decision?.person.id),
    ].includes(viewer.principal.id);
  const get = (id: string, viewer: Viewer) => {
    const view = views.get(id);
    if (view === undefined || !visible(view, viewer)) throw new CountersignError('not-found');
    return view;
  };
  const row = (view: ActionView): ActionRow => ({
    id: view.id,
    status: view.status,
    action: view.action,
    resource: `${view.resource.type}:${view.resource.id}`,
    requester: view.requester.id,
    approvers: view.stage?.approvers.map((one) => one.id) ?? [],
    risk: view.risk.score,
    requested_at: view.requestedAt,
  });
  const matches = (one: ActionRow, filter: ListFilter) =>
    (filter.status === undefined || filter.status.includes(one.status)) &&
    (filter.action === undefined || filter.action === one.action) &&
    (filter.requester === undefined || filter.requester === one.requester) &&
    (filter.approver === undefined || one.approvers.includes(filter.approver)) &&
    (filter.since === undefined || one.requested_at >= filter.since) &&
    (filter.until === undefined || one.requested_at <= filter.until);

  const fake: FakeActions = {
    decided: [],
    views,
    put: (view) => {
      views.set(view.id, view);
      for (const wake of watchers) wake();
    },
    submit: () => Promise.reject(new CountersignError('not-permitted')),
    cancel: () => Promise.reject(new CountersignError('not-permitted')),
    view: (id, viewer) => Promise.resolve().then(() => get(id, viewer)),
    wait: (id, viewer) => Promise.resolve().then(() => get(id, viewer)),
    watch: async function* (id, viewer, signal) {
      while (!signal.aborted) {
        await new Promise<void>((resolve) => {
          const wake = () => {
            watchers.delete(wake);
            resolve();
          };
          watchers.add(wake);
          signal.addEventListener('abort', wake, { once: true });
        });
        if (signal.aborted) return;
        const view = get(id, viewer);
        yield view;
        if (isFinal(view.status)) return;
      }
    },
    decide: async (command) => {
      fake.decided.push(command);
      const view = views.get(command.actionId);
      if (view === undefined) throw new CountersignError('not-found');
      const refusal =
        fake.refuseNext ??
        (command.digest === view.digest ? undefined : { code: 'decision-digest-mismatch' as const, detail: 'The action has changed since it was shown.' });
      delete fake.refuseNext;
      if (refusal?.throws === true) throw new CountersignError(refusal.code, refusal.detail);
      if (refusal !== undefined) return Promise.resolve({ accepted: false, code: refusal.code, detail: refusal.detail, view });
      const { stage: _stage, deadlineAt: _deadline, ...rest } = view;
      const record = approval(command.person.id, command.person.name, command.comment);
      const decision = record.decision === undefined ? {} : { decision: { ...record.decision, verdict: command.verdict, channel: command.channel } };
      const status = command.verdict === 'approve' ? 'executing' : 'rejected';
      const ended = status === 'rejected' ? { endedAt: now().toISOString() } : {};
      const next: ActionView = { ...rest, status, ...ended, decisions: [...view.decisions, { ...record, at: now().toISOString(), ...decision }] };
      fake.put(next);
      return { accepted: true, view: next };
    },
    list: (filter, viewer) => {
      const rows = [...views.values()]
        .filter((view) => visible(view, viewer))
        .map(row)
        .filter((one) => matches(one, filter));
      return Promise.resolve({ rows: rows.slice(0, filter.limit), ...(rows.length > filter.limit ? { nextCursor: 'next' } : {}) });
    },
  };
  return fake;
}
