import { Context, heartbeat } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';

const waitingBeatMs = 3_000;

/**
 * Lets one attempt at a time work on an action in this process. Temporal gives an attempt up that it has not heard of for
 * a while, and asks again; the one that still works comes to its end first, and the next finds what it left.
 */
export class OneAtATime {
  readonly #running = new Map<string, Promise<void>>();

  async run<T>(actionId: string, work: () => Promise<T>): Promise<T> {
    for (let before = this.#running.get(actionId); before !== undefined; before = this.#running.get(actionId)) {
      const beat = setInterval(() => heartbeat({ waitingFor: 'an earlier attempt' }), waitingBeatMs);
      await before.finally(() => clearInterval(beat));
    }
    const mine = work();
    const over = mine.then(
      () => undefined,
      () => undefined,
    );
    this.#running.set(actionId, over);
    try {
      return await mine;
    } finally {
      this.#running.delete(actionId);
    }
  }
}

/**
 * The signal that stops the work of this attempt. What may safely run twice stops for any reason, and another attempt
 * runs it. What may not stops only because somebody wants that or this process ends: breaking it off would leave unclear
 * what can still become clear.
 */
export function stopSignal(repeatable: boolean): AbortSignal {
  const context = Context.current();
  const given = context.cancellationSignal;
  if (repeatable) return given;
  const controller = new AbortController();
  const consider = (): void => {
    if (!isGivenUp(context) || context.cancellationDetails?.workerShutdown === true) controller.abort(given.reason);
  };
  if (given.aborted) consider();
  else given.addEventListener('abort', consider, { once: true });
  return controller.signal;
}

/** Throws, so that Temporal tries again, if this attempt was stopped although nobody wants the action stopped. */
export function requireWanted(): void {
  if (isGivenUp(Context.current())) throw ApplicationFailure.retryable('This attempt was given up before it took effect.', 'attempt-given-up');
}

/** True if the attempt was stopped by the engine or the end of this process, and not by a person. */
function isGivenUp({ cancellationDetails: why }: Context): boolean {
  return why !== undefined && !why.cancelRequested && (why.notFound || why.timedOut || why.workerShutdown || why.paused || why.reset);
}
