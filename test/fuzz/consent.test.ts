import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { budget } from './budget.js';
import { Engine, type Run } from './consent/engine.js';
import { enough, involved } from './consent/model.js';
import { world } from './consent/world.js';

// What the workflow asks of Temporal, without Temporal: an activity is called, a condition is looked at until it holds.
const calls: { engine?: Engine } = {};
vi.mock('@temporalio/workflow', () => {
  const activities = () =>
    new Proxy({}, { get: (_, name) => (input: unknown) => (calls.engine?.activities as Record<string, (input: unknown) => unknown>)[String(name)]?.(input) });
  return {
    condition: async (holds: () => boolean) => {
      while (!holds()) await new Promise((resolve) => setImmediate(resolve));
    },
    proxyActivities: activities,
    proxyLocalActivities: activities,
    upsertSearchAttributes: () => undefined,
    setCurrentDetails: () => undefined,
    defineQuery: () => undefined,
    defineSignal: () => undefined,
    defineUpdate: () => undefined,
    workflowInfo: () => ({ taskQueue: 'test' }),
  };
});

// 100,000 are tried by COUNTERSIGN_CASES=100000 npx vitest run test/fuzz/consent.test.ts
const cases = Number(process.env['COUNTERSIGN_CASES'] ?? '1500');
const given = budget<[never]>(cases);

describe('random organisations, agents, aliases, delegations and orders of decisions', () => {
  beforeAll(() => {
    vi.useFakeTimers({ toFake: ['Date'] });
    calls.engine = new Engine();
  });
  afterAll(async () => {
    await calls.engine?.close();
    vi.useRealTimers();
  });

  it(
    'nothing ever runs without the quorum of distinct, eligible, uninvolved humans that policy asks for',
    async () => {
      const engine = calls.engine as Engine;
      const count = { cases: 0, honest: 0, attacks: 0, refused: new Map<string, number>() };
      const note = (kind: 'honest' | 'attacks', run: Run) => {
        if (run.ran) count[kind] += 1;
        else count.refused.set(`${run.refused}`, (count.refused.get(`${run.refused}`) ?? 0) + 1);
      };
      await fc.assert(
        fc.asyncProperty(world, async (one) => {
          const { honest, attack } = await engine.play(one);
          count.cases += 1;
          note('honest', honest);
          note('attacks', attack);
          for (const run of [honest, attack]) {
            if (!run.ran) continue;
            expect(enough(one, run.given)).toBe(true);
            // Whoever is presented at all is a person who has nothing to do with it, and stands there once.
            const people = run.given.map(({ by }) => by.who);
            expect(run.given.every(({ by, verdict }) => by.kind === 'person' && verdict === 'approve')).toBe(true);
            expect(people.filter((who) => involved(one).has(who))).toEqual([]);
            expect(new Set(people).size).toBe(people.length);
          }
        }),
        given as never,
      );
      const refused = [...count.refused].sort((a, b) => b[1] - a[1]).map(([code, times]) => `${code} ${times}`);
      console.log(
        `consent: ${count.cases} cases, seed ${given.seed}: ${count.honest} ran honestly, ${count.attacks} were presented by the attacker and held; refused: ${refused.join(', ')}`,
      );
      // A model is no test of what never happens.
      expect(count.honest).toBeGreaterThan(count.cases / 50);
      expect(count.attacks).toBeGreaterThan(count.cases / 200);
    },
    120_000 + cases * 120 + Number(process.env['COUNTERSIGN_FUZZ_MINUTES'] ?? '0') * 60_000,
  );
});
