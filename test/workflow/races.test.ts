import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { DecisionRecord } from '../../domain/decision.js';
import { isFinal } from '../../domain/view.js';
import type { DecideReply } from '../../workflows/contract.js';
import { RecordingConnector } from '../helpers/fakes.js';
import { policiesWith } from '../helpers/policies.js';
import { Rig } from '../helpers/rig.js';

// Alice and Bob are asked; at half time people of security too, and then it is over. What a slow machine needs for a few decisions is measured
// first, and the time is long enough for them: otherwise everything would expire and nothing race.
const spans = [4, 8, 16, 32] as const;
const routes = spans
  .map(
    (span) => `
  both${span}:
    stages:
      - name: Both
        approvers: { people: [bob, alice] }
        quorum: 2
        escalate: [{ after: ${span / 2}s, approvers: { groups: [g-security] } }]
        expires_in: ${span}s
`,
  )
  .join('');
const seed = 20_261_121;
const runs = 60;
const atOnce = 8;

type Step = {
  readonly what: 'approve' | 'reject' | 'cancel';
  readonly by: 'alice' | 'bob' | 'carol';
  readonly channel: 'teams' | 'inbox';
  /** When it is sent: as a part of the span, and milliseconds from there. */
  readonly part: 0 | 0.5 | 1;
  readonly offMs: number;
};
const step: fc.Arbitrary<Step> = fc.record({
  what: fc.constantFrom('approve', 'approve', 'approve', 'reject', 'cancel'),
  by: fc.constantFrom('alice', 'bob', 'carol'),
  channel: fc.constantFrom('teams', 'inbox'),
  // Together, and around the escalation and the deadline.
  part: fc.constantFrom(0, 0, 0.5, 1),
  offMs: fc.constantFrom(0, 5, -10, 10),
});

describe('messages that race', () => {
  const connector = new RecordingConnector();
  let rig: Rig;
  beforeAll(async () => {
    rig = await Rig.start({ address: inject('temporalAddress'), policies: policiesWith(routes), connectors: [connector] });
  });
  afterAll(() => rig.stop());

  const ask = (span: number) => rig.submit(rig.request({ action: 'postgres.export', resource: { type: 'Table', id: `crm/public.both${span}` } }));

  /** The shortest span in which a few actions can be decided at once with time to spare. */
  async function measure(): Promise<number> {
    const from = Date.now();
    await Promise.all(
      Array.from({ length: atOnce }, async () => {
        const view = await ask(32);
        for (const by of ['alice', 'bob'] as const) await rig.decide(view, { by, channel: 'inbox', verdict: 'approve' });
        await rig.handle(view.id).result();
      }),
    );
    const neededMs = (Date.now() - from) * 2;
    return spans.find((span) => span * 500 >= neededMs) ?? 32;
  }

  async function play(steps: readonly Step[], span: number): Promise<string> {
    const view = await ask(span);
    expect(view.status).toBe('pending');
    const startMs = Date.parse(view.requestedAt);
    const replies = await Promise.all(
      steps.map(async ({ what, by, channel, part, offMs }): Promise<DecideReply | 'over'> => {
        await new Promise((resolve) => setTimeout(resolve, Math.max(0, startMs + part * span * 1_000 + offMs - Date.now())));
        const sent = what === 'cancel' ? rig.cancel(view.id) : rig.decide(view, { by, channel, verdict: what });
        // A workflow that has ended, or ends in that moment, says so; the api tells it as `decision-on-final`.
        return sent.catch((error: unknown) => {
          if (/already completed|not found|completed before/i.test(`${String(error)} ${String((error as Error).cause)}`)) return 'over';
          throw error;
        });
      }),
    );
    const { status } = await rig.handle(view.id).result();
    const entries = await rig.evidence.ofAction(view.id);
    const positions = (wanted: (record: DecisionRecord) => boolean) =>
      entries
        .filter((entry) => entry.kind === 'decided' && wanted((entry.body as unknown as { record: DecisionRecord }).record))
        .map(({ position }) => position);
    const ran = connector.ran.filter((request) => request.id === view.id).length;

    // One end, known to everybody, and each sender got an answer.
    expect(['executed', 'rejected', 'cancelled', 'expired']).toContain(status);
    expect(isFinal((await rig.view(view.id)).status)).toBe(true);
    expect(entries.filter((entry) => entry.kind === 'closed').map((entry) => (entry.body as { status: string }).status)).toEqual([status]);
    expect(replies.every((reply) => reply === 'over' || typeof reply.accepted === 'boolean')).toBe(true);
    // It ran at most once, only after a release of two different people, and never after a rejection that counted.
    const released = entries.find((entry) => entry.kind === 'released')?.position;
    expect(ran).toBe(status === 'executed' ? 1 : Math.min(ran, released === undefined ? 0 : 1));
    const rejections = positions((record) => record.decision?.verdict === 'reject');
    if (ran > 0) {
      expect(released).toBeDefined();
      expect(new Set((await rig.view(view.id)).decisions.filter((record) => record.accepted).map((record) => record.decision?.person.id)).size).toBe(2);
      expect(rejections).toEqual([]);
    }
    // A rejection that was answered as accepted ended it, unless a cancellation had.
    if (steps.some((said, index) => said.what === 'reject' && accepted(replies[index]))) expect(status).toBe('rejected');
    if (rejections.length > 0) expect(status).toBe('rejected');
    // One person counts once, whatever channels they used.
    for (const by of ['alice', 'bob', 'carol'] as const)
      expect(steps.filter((said, index) => said.by === by && said.what !== 'cancel' && accepted(replies[index])).length).toBeLessThanOrEqual(1);
    return status;
  }

  it(`every order ends in one defined state (seed ${seed})`, async () => {
    const cases = fc.sample(fc.array(step, { minLength: 2, maxLength: 5 }), { seed, numRuns: runs });
    const named: Step[][] = [
      ['alice', 'bob'].map((by) => ({ what: 'approve', by, channel: 'inbox', part: 0, offMs: 0 }) as Step),
      [
        { what: 'approve', by: 'alice', channel: 'inbox', part: 0, offMs: 0 },
        { what: 'approve', by: 'alice', channel: 'teams', part: 0, offMs: 0 },
        { what: 'reject', by: 'bob', channel: 'inbox', part: 0, offMs: 0 },
      ],
      ['alice', 'bob'].map((by) => ({ what: 'approve', by, channel: 'inbox', part: 1, offMs: 0 }) as Step),
      [
        ...['alice', 'bob'].map((by) => ({ what: 'approve', by, channel: 'inbox', part: 0, offMs: 0 }) as Step),
        { what: 'cancel', by: 'bob', channel: 'inbox', part: 0, offMs: 0 },
      ],
    ];
    // Each plays on an action of its own, so a few can play at once; all of them at once would be over before a slow machine began.
    const all = [...named, ...cases];
    const span = await measure();
    const outcomes: PromiseSettledResult<string>[] = [];
    for (let from = 0; from < all.length; from += atOnce)
      outcomes.push(...(await Promise.allSettled(all.slice(from, from + atOnce).map((steps) => play(steps, span)))));
    const failed = outcomes.flatMap((outcome, index) =>
      outcome.status === 'rejected' ? [{ steps: JSON.stringify(all[index]), reason: String(outcome.reason) }] : [],
    );
    expect(failed).toEqual([]);
    // The orders drawn lead everywhere, so that none of the above holds for want of a case.
    const ends = new Set(outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : undefined)));
    expect([...ends].sort()).toEqual(['cancelled', 'executed', 'expired', 'rejected']);
  }, 600_000);
});

function accepted(reply: DecideReply | 'over' | undefined): boolean {
  return typeof reply === 'object' && reply.accepted;
}
