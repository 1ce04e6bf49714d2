import { digestJson } from '../../../../domain/digest.js';
import { CountersignError } from '../../../../domain/errors.js';
import { actionId } from '../../../../domain/ids.js';
import type { Principal } from '../../../../domain/principal.js';
import { isFinal, type ActionView, type StoryEvent } from '../../../../domain/view.js';
import type { Actions, DecideCommand, Delegation, ListFilter, SubmitBody, Viewer } from '../../../../api/actions.js';
import { maySee } from '../../../../api/temporal/authorise.js';
import type { DecideReply } from '../../../../workflows/contract.js';

const digest = digestJson('fake');
type Mutable = { -readonly [K in keyof ActionView]: ActionView[K] };

export function makeView(overrides: Partial<ActionView> & Pick<ActionView, 'id'>): ActionView {
  const at = new Date().toISOString();
  return {
    status: 'pending',
    action: 'postgres.export',
    title: 'Export rows from PostgreSQL',
    connector: { name: 'postgres.export', version: '1.0.0', digest },
    resource: { type: 'Table', id: 'crm/public.customers' },
    requester: { kind: 'agent', id: 'invoice-bot', name: 'Invoice bot' },
    owner: { id: 'dave', name: 'Dave Diallo' },
    reason: 'Payment reminders.',
    fields: [{ path: '/limit', label: 'Row limit', value: '500', masked: false, truncated: false }],
    risk: { score: 20, signals: [] },
    policies: ['export-review'],
    digest,
    planDigest: digest,
    policyDigest: digest,
    bodyDigest: digest,
    asked: [],
    round: 1,
    stage: {
      index: 0,
      count: 1,
      name: 'Data owner',
      quorum: 1,
      assurance: 'login',
      approvals: [],
      approvers: [{ id: 'alice', name: 'Alice Almeida' }],
      escalationLevel: 0,
    },
    requestedAt: at,
    expiresAt: new Date(Date.now() + 3_600_000).toISOString(),
    decisions: [],
    refusedCount: 0,
    channels: [],
    story: [{ seq: 1, at, kind: 'submitted', text: 'Invoice bot asked for postgres.export.' }],
    ...overrides,
  };
}

/** `Actions` in memory that keeps what it was told. Routes are tested against it, not the engine. */
export class FakeActions implements Actions {
  readonly views = new Map<string, Mutable>();
  readonly submitted: { principal: Principal; body: SubmitBody; key: string; delegation?: Delegation }[] = [];
  readonly decided: DecideCommand[] = [];
  readonly cancelled: string[] = [];
  readonly listed: { filter: ListFilter; viewer: Viewer }[] = [];
  next: Partial<ActionView> = {};
  reply: ((command: DecideCommand, view: ActionView) => DecideReply) | undefined;
  failure: Error | undefined;
  private readonly listeners = new Set<() => void>();

  add(overrides: Partial<ActionView> = {}, key = `k${this.views.size}`): ActionView {
    const view = makeView({ id: actionId('issuer', 'subject', key), ...overrides });
    this.views.set(view.id, view);
    return view;
  }

  change(id: string, overrides: Partial<ActionView>, event?: Pick<StoryEvent, 'kind' | 'text'>): void {
    const view = this.views.get(id);
    if (view === undefined) throw new TypeError('no such view');
    const story = event === undefined ? view.story : [...view.story, { seq: view.story.length + 1, at: new Date().toISOString(), ...event }];
    this.views.set(id, { ...view, ...overrides, story });
    for (const listener of this.listeners) listener();
  }

  async submit(principal: Principal, body: SubmitBody, key: string, delegation?: Delegation) {
    if (this.failure !== undefined) throw this.failure;
    const id = actionId(principal.issuer, principal.subject, key);
    const known = this.views.get(id);
    const bodyDigest = digestJson(body);
    if (known !== undefined) {
      if (known.bodyDigest !== bodyDigest) throw new CountersignError('idempotency-conflict');
      return { view: known, repeated: true };
    }
    this.submitted.push({ principal, body, key, ...(delegation === undefined ? {} : { delegation }) });
    const view = makeView({ id, requester: { kind: principal.kind, id: principal.id, name: principal.name }, bodyDigest, ...this.next });
    this.views.set(id, view);
    return { view, repeated: false };
  }

  async view(id: string, viewer: Viewer): Promise<ActionView> {
    const view = this.views.get(id);
    if (view === undefined || !maySee(view, viewer)) throw new CountersignError('not-found');
    return view;
  }

  async wait(id: string, viewer: Viewer, waitMs: number, signal?: AbortSignal): Promise<ActionView> {
    const over = AbortSignal.timeout(waitMs);
    let latest = await this.view(id, viewer);
    for await (const view of this.watch(id, viewer, signal === undefined ? over : AbortSignal.any([over, signal]))) latest = view;
    return latest;
  }

  async *watch(id: string, viewer: Viewer, signal: AbortSignal): AsyncGenerator<ActionView> {
    for (;;) {
      const view = await this.view(id, viewer);
      yield view;
      if (isFinal(view.status) || signal.aborted) return;
      if (this.views.get(id) !== view) continue;
      await new Promise<void>((resolve) => {
        const done = () => {
          this.listeners.delete(done);
          resolve();
        };
        this.listeners.add(done);
        signal.addEventListener('abort', done, { once: true });
      });
      if (signal.aborted) return;
    }
  }

  async decide(command: DecideCommand): Promise<DecideReply> {
    const view = this.views.get(command.actionId);
    if (view === undefined) throw new CountersignError('not-found');
    this.decided.push(command);
    return this.reply?.(command, view) ?? { accepted: true, view };
  }

  async cancel(id: string, principal: Principal): Promise<DecideReply> {
    const view = await this.view(id, { principal, operator: false });
    this.cancelled.push(id);
    return { accepted: true, view: { ...view, status: 'cancelled' } };
  }

  async list(filter: ListFilter, viewer: Viewer) {
    this.listed.push({ filter, viewer });
    return { rows: [], nextCursor: 'bmV4dA' };
  }
}
