import { CancellationScope, isCancellation, log, ParentClosePolicy, startChild, workflowInfo } from '@temporalio/workflow';
import type { NoticeKind } from '../activities/ports.js';
import type { WorkerActivities } from '../activities/types.js';
import type { ChannelRef } from '../domain/plan.js';
import type { ActionState } from './action-state.js';
import { describe } from './publish.js';
import { delivery, deliveryAtOnce } from './proxies.js';

/**
 * The cards of one action. Sending goes on in the background, so that a channel that is down delays neither the
 * others nor a decision; what changes in between is sent once, when the last update has arrived.
 */
export class Notices {
  private readonly scope = new CancellationScope();
  private count = 0;
  private updating = false;
  private dirty = false;

  constructor(private readonly state: ActionState) {}

  /** Tells the people who may decide now, through these channels; `atOnce` tries it in this very workflow task first. */
  announce(notice: NoticeKind, channels: readonly ChannelRef[], atOnce = false): void {
    for (const to of channels) {
      // The inbox shows what is pending by itself.
      if (to.kind === 'inbox') continue;
      this.count += 1;
      void this.scope.run(() => this.send(to, notice, `${this.count}`, atOnce));
    }
  }

  /** Brings the cards up to date in the background. */
  refresh(): void {
    this.dirty = true;
    if (this.updating || this.state.handles.length === 0) return;
    this.updating = true;
    void this.scope.run(() => this.update());
  }

  /** Stops what is still being sent. */
  stop(): void {
    this.scope.cancel();
    for (const channel of this.state.channels)
      if (channel.state === 'sending') Object.assign(channel, { state: 'failing', detail: 'not delivered before the end' });
  }

  /** Leaves the cards to another workflow, which waits for the channel while this one ends. */
  async catchUp(): Promise<void> {
    const input = { view: this.state.signedState(), handles: this.state.handles };
    await startChild('cards', { workflowId: `${workflowInfo().workflowId}_cards`, args: [input], parentClosePolicy: ParentClosePolicy.ABANDON });
  }

  private async send(to: ChannelRef, notice: NoticeKind, dedupeKey: string, atOnce: boolean): Promise<void> {
    const { state } = this;
    const label = to.channelId === undefined ? to.kind : `${to.kind} channel`;
    const channel = state.channels.find((known) => known.kind === label) ?? { kind: label, state: 'sending' as const };
    if (!state.channels.includes(channel)) state.channels.push(channel);
    channel.state = 'sending';
    const untilMs = (state.deadlineMs ?? Date.now()) - Date.now();
    try {
      const recipients = state.undecided.map((person) => person.id);
      const input = () => ({ view: state.signedState(), to, notice, recipients, dedupeKey });
      const early = atOnce ? await sentAtOnce(input()) : undefined;
      const sent = early ?? (await delivery(untilMs, `Send cards through ${label}`).notify(input()));
      if (sent.state === 'not-configured') {
        Object.assign(channel, { state: 'failing', detail: 'not configured' });
        return;
      }
      channel.state = 'sent';
      state.handles.push(...sent.handles);
      if (sent.handles.length > 0)
        state.tell(Date.now(), 'notified', `${sent.handles.length} ${sent.handles.length === 1 ? 'card' : 'cards'} sent through ${label}.`);
      describe(state);
    } catch (error) {
      if (isCancellation(error)) return;
      Object.assign(channel, { state: 'failing', detail: 'gave up' });
      state.tell(Date.now(), 'channel-failed', `No card could be sent through ${label}; the action can be decided in the inbox.`);
      describe(state);
      log.warn('a channel could not deliver', { channel: label });
    }
  }

  private async update(): Promise<void> {
    try {
      while (this.dirty) {
        this.dirty = false;
        const untilMs = (this.state.deadlineMs ?? Date.now() + 600_000) - Date.now();
        await delivery(untilMs, 'Bring the cards up to date').updateCards({ view: this.state.signedState(), handles: this.state.handles });
      }
    } catch (error) {
      if (!isCancellation(error)) log.warn('cards could not be brought up to date');
    } finally {
      this.updating = false;
    }
  }
}

type Notify = WorkerActivities['notify'];

/** Nothing if it did not work at the first try, for whatever reason. Throws only when it was cancelled. */
async function sentAtOnce(input: Parameters<Notify>[0]): Promise<Awaited<ReturnType<Notify>> | undefined> {
  try {
    return await deliveryAtOnce.notify(input);
  } catch (error) {
    if (isCancellation(error)) throw error;
    return undefined;
  }
}
