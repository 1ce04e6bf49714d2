import { sleep } from '@temporalio/workflow';

/**
 * A durable timer that nobody cancels. Cancelling one costs an event, and most are set just before the workflow ends,
 * which ends them for nothing; one that rings too late is heard by nobody.
 */
export class Alarm {
  rang = false;

  /** Rings after `afterMs`, one millisecond at least, unless the workflow is cancelled before. `summary` is what operators read. */
  constructor(afterMs: number, summary: string) {
    void sleep(Math.max(1, afterMs), { summary }).then(
      () => (this.rang = true),
      () => undefined,
    );
  }
}
