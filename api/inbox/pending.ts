import { createHash } from 'node:crypto';
import type { Session } from './session.js';

/** How long something waits for a person to come back with a proof. */
export const pendingLifeMs = 10 * 60_000;
// One browser tab for each action that somebody decides on; and of all people together.
const maxOfPerson = 20;
const maxPending = 10_000;

/** What waits for somebody to come back: in this process, one for each session and name, for ten minutes. */
export class Pending<T> {
  private readonly kept = new Map<string, { readonly value: T; readonly untilMs: number; readonly owner: string }>();

  constructor(private readonly now: () => Date) {}

  /**
   * Notes it in place of what stood under this name before. Of one person, in all sessions together, the newest few are kept; where too many
   * people wait at once, whoever has most gives up their oldest, so that nobody can push out what others wait for.
   */
  put(session: Session, name: string, value: T): void {
    const nowMs = this.now().getTime();
    const key = keyOf(session, name);
    const owner = ownerOf(session);
    this.kept.delete(key);
    // Oldest first, as a map keeps them.
    const own: string[] = [];
    for (const [known, entry] of this.kept)
      if (entry.untilMs <= nowMs) this.kept.delete(known);
      else if (entry.owner === owner) own.push(known);
    for (const known of own.slice(0, Math.max(0, own.length - maxOfPerson + 1))) this.kept.delete(known);
    if (this.kept.size >= maxPending) this.dropOldestOfMost();
    this.kept.set(key, { value, untilMs: nowMs + pendingLifeMs, owner });
  }

  get(session: Session, name: string): T | undefined {
    const found = this.kept.get(keyOf(session, name));
    return found === undefined || found.untilMs <= this.now().getTime() ? undefined : found.value;
  }

  drop(session: Session, name: string): void {
    this.kept.delete(keyOf(session, name));
  }

  private dropOldestOfMost(): void {
    const counts = new Map<string, number>();
    for (const { owner } of this.kept.values()) counts.set(owner, (counts.get(owner) ?? 0) + 1);
    const most = Math.max(...counts.values());
    for (const [key, { owner }] of this.kept)
      if (counts.get(owner) === most) {
        this.kept.delete(key);
        return;
      }
  }
}

// The account, since sessions cost nothing.
function ownerOf({ issuer, subject }: Session): string {
  return JSON.stringify([issuer, subject]);
}

function keyOf(session: Session, name: string): string {
  return `${createHash('sha256').update(session.csrf).digest('base64url')} ${name}`;
}
