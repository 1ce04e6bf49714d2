/** Runs asynchronous steps one after the other, in the order in which they were asked for. */
export class Serial {
  private tail: Promise<unknown> = Promise.resolve();
  private waiting = 0;

  /** True when nothing runs and nothing waits. */
  get idle(): boolean {
    return this.waiting === 0;
  }

  async run<T>(step: () => Promise<T>): Promise<T> {
    this.waiting += 1;
    const before = this.tail;
    const mine = before.then(step, step);
    this.tail = mine.catch(() => undefined);
    try {
      return await mine;
    } finally {
      this.waiting -= 1;
    }
  }
}
