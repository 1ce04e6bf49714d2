import { CountersignError } from '../../domain/errors.js';

const maxSubjects = 10_000;
/** Longer than visibility lags behind: what was admitted within this time is counted here, whatever visibility says. */
const trustedForMs = 5_000;

/** A place that was taken. Give it back when what was admitted turns out not to wait for people. */
export type Place = { release(): void };

type Taken = { readonly at: number };
type Subject = {
  /** What visibility said when it was last taken as the base, and when that question was asked. */
  base: number | undefined;
  askedAt: number;
  taken: Taken[];
  /** How many stand in line, and the end of the line. */
  queued: number;
  tail: Promise<unknown>;
};

/**
 * Bounds how many actions of one subject wait for people. A place is taken before anything is awaited with it, and near
 * the limit one submission after the other is counted anew, so that neither a burst nor the lag of visibility gets past
 * the limit. Far below it the usual submission costs no round trip.
 */
export class PendingLimit {
  private readonly subjects = new Map<string, Subject>();

  constructor(
    private readonly limit: number,
    private readonly count: (requesterId: string) => Promise<number>,
    private readonly now: () => number = Date.now,
  ) {}

  /** Takes a place. Throws `too-many-pending` when the subject has reached the limit. */
  async admit(requesterId: string): Promise<Place> {
    const subject = this.subjectOf(requesterId);
    const known = this.estimate(subject);
    if (subject.queued === 0 && known !== undefined && known < this.limit / 2) return this.take(subject);
    subject.queued += 1;
    const turn = subject.tail.then(() => this.admitInTurn(subject, requesterId));
    subject.tail = turn.catch(() => undefined);
    return turn.finally(() => (subject.queued -= 1));
  }

  private async admitInTurn(subject: Subject, requesterId: string): Promise<Place> {
    const known = this.estimate(subject);
    if (known !== undefined && known < this.limit / 2) return this.take(subject);
    if (known !== undefined && known >= this.limit) throw this.tooMany();
    const askedAt = this.now();
    const counted = await this.count(requesterId);
    if (known === undefined) {
      subject.base = counted;
      subject.askedAt = askedAt;
    }
    if (Math.max(counted, this.estimate(subject) ?? 0) >= this.limit) throw this.tooMany();
    return this.take(subject);
  }

  /** At least as many as wait, as far as this process can know; undefined when it has to ask. */
  private estimate(subject: Subject): number | undefined {
    const now = this.now();
    subject.taken = subject.taken.filter(({ at }) => now - at < trustedForMs);
    if (subject.base === undefined || now - subject.askedAt >= trustedForMs) return undefined;
    const since = subject.taken.filter(({ at }) => at >= subject.askedAt).length;
    return Math.max(subject.base + since, subject.taken.length);
  }

  private take(subject: Subject): Place {
    const place: Taken = { at: this.now() };
    subject.taken.push(place);
    return { release: () => void (subject.taken = subject.taken.filter((other) => other !== place)) };
  }

  private tooMany(): CountersignError {
    return new CountersignError('too-many-pending', `${this.limit} actions of this subject are waiting for people.`);
  }

  private subjectOf(requesterId: string): Subject {
    const subject: Subject = this.subjects.get(requesterId) ?? { base: undefined, askedAt: 0, taken: [], queued: 0, tail: Promise.resolve() };
    // The one that was quiet longest goes first.
    this.subjects.delete(requesterId);
    if (this.subjects.size >= maxSubjects) this.subjects.delete(this.subjects.keys().next().value as string);
    this.subjects.set(requesterId, subject);
    return subject;
  }
}
