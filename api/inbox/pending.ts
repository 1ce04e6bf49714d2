import { createHash } from 'node:crypto';
import type { Session } from './session.js';

/** How long something waits for a person to come back with a proof. */
export const pendingLifeMs = 10 * 60_000;
const maxPending = 10_000;

/** What waits for somebody to come back: in this process, one for each session and name, for ten minutes. */
export class Pending<T> {
  private readonly kept = new Map<string, { readonly value: T; readonly untilMs: number }>();

  constructor(private readonly now: () => Date) {}

  /** Notes it in place of what stood under this name before. */
  put(session: Session, name: string, value: T): void {
    const nowMs = this.now().getTime();
    for (const [key, { untilMs }] of this.kept) if (untilMs <= nowMs || this.kept.size >= maxPending) this.kept.delete(key);
    this.kept.set(keyOf(session, name), { value, untilMs: nowMs + pendingLifeMs });
  }

  get(session: Session, name: string): T | undefined {
    const found = this.kept.get(keyOf(session, name));
    return found === undefined || found.untilMs <= this.now().getTime() ? undefined : found.value;
  }

  drop(session: Session, name: string): void {
    this.kept.delete(keyOf(session, name));
  }
}

function keyOf(session: Session, name: string): string {
  return `${createHash('sha256').update(session.csrf).digest('base64url')} ${name}`;
}
