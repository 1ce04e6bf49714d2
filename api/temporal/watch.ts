import type { ActionView } from '../../domain/view.js';
import { CountersignError } from '../../domain/errors.js';
import { isFinal } from '../../domain/view.js';
import { callTemporal, deadlinesMs, type TemporalAccess } from './access.js';
import type { ViewReader } from './views.js';

const maxWatchedActions = 2_000;
/** Views of one action are read at most this often, however fast its history grows. */
const minIntervalMs = 100;

type Subscriber = { readonly push: (view: ActionView) => void; readonly end: (error?: Error) => void };
type Watched = { readonly subscribers: Set<Subscriber>; readonly stop: AbortController; latest?: ActionView };

/** Follows actions. However many follow one action, it is polled once: a long poll of its history, and one query per change. */
export class ActionWatcher {
  private readonly watched = new Map<string, Watched>();

  constructor(
    private readonly access: TemporalAccess,
    private readonly views: ViewReader,
  ) {}

  /** Views from now on, the present one first. Slow readers miss intermediate views, never the last. Ends after a final view or when aborted. */
  async *follow(id: string, signal: AbortSignal): AsyncGenerator<ActionView> {
    let latest: ActionView | undefined;
    let done = false;
    let failure: Error | undefined;
    let wake = (): void => undefined;
    const subscriber: Subscriber = {
      push: (view) => {
        latest = view;
        wake();
      },
      end: (error) => {
        done = true;
        failure = error;
        wake();
      },
    };
    const onAbort = () => subscriber.end();
    if (signal.aborted) return;
    signal.addEventListener('abort', onAbort, { once: true });
    const leave = this.join(id, subscriber);
    try {
      for (;;) {
        if (latest !== undefined) {
          const view = latest;
          latest = undefined;
          yield view;
          continue;
        }
        if (failure !== undefined) throw failure;
        if (done) return;
        await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      leave();
    }
  }

  private join(id: string, subscriber: Subscriber): () => void {
    let entry = this.watched.get(id);
    if (entry === undefined) {
      if (this.watched.size >= maxWatchedActions) throw new CountersignError('rate-limited', 'Too many actions are being followed.');
      entry = { subscribers: new Set(), stop: new AbortController() };
      this.watched.set(id, entry);
      void this.poll(id, entry);
    }
    const joined = entry;
    joined.subscribers.add(subscriber);
    if (joined.latest !== undefined) subscriber.push(joined.latest);
    return () => {
      joined.subscribers.delete(subscriber);
      if (joined.subscribers.size === 0) this.drop(id, joined);
    };
  }

  private drop(id: string, entry: Watched): void {
    entry.stop.abort();
    if (this.watched.get(id) === entry) this.watched.delete(id);
  }

  private async poll(id: string, entry: Watched): Promise<void> {
    let failure: Error | undefined;
    try {
      let token: Uint8Array | undefined;
      let told = '';
      for (;;) {
        // The position first, then the view: what happens between the two shows at the next poll.
        token = await this.nextChange(id, token, entry.stop.signal);
        const { view } = await this.views.read(id);
        const text = JSON.stringify(view);
        if (text !== told) {
          told = text;
          entry.latest = view;
          for (const subscriber of entry.subscribers) subscriber.push(view);
        }
        if (isFinal(view.status) || token === undefined) break;
        await new Promise((resolve) => setTimeout(resolve, minIntervalMs));
        if (entry.stop.signal.aborted) break;
      }
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error));
    }
    this.drop(id, entry);
    for (const subscriber of [...entry.subscribers]) subscriber.end(failure);
  }

  /** Waits for more history than `token` knows; undefined when the workflow is closed. */
  private async nextChange(id: string, token: Uint8Array | undefined, signal: AbortSignal): Promise<Uint8Array | undefined> {
    const { connection, namespace } = this.access;
    let position = token;
    for (;;) {
      const response = await callTemporal(
        connection,
        deadlinesMs.history,
        () =>
          connection.workflowService.getWorkflowExecutionHistory({
            namespace,
            execution: { workflowId: id },
            waitNewEvent: true,
            ...(position === undefined ? {} : { nextPageToken: position }),
          }),
        signal,
      );
      const next = response.nextPageToken;
      if (next === undefined || next === null || next.length === 0) return undefined;
      position = next;
      // An empty page is the end of a long poll in which nothing happened.
      if ((response.history?.events?.length ?? 0) > 0) return position;
    }
  }
}
