import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Plan, PlanStage } from '../../../domain/plan.js';
import { assurances, assuranceSuffices } from '../../../domain/principal.js';
import { approversAt } from '../../../domain/separation.js';
import { fallsShort } from '../../../domain/stricter.js';

const hour = 3_600_000;
const startMs = Date.parse('2026-04-01T09:00:00.000Z');

function stage(change: Partial<PlanStage> = {}): PlanStage {
  return {
    name: 'Owner',
    route: 'owner',
    approvers: { groups: ['g-a', 'g-b'], people: ['ann'] },
    quorum: 2,
    remindAfterMs: [],
    escalations: [{ afterMs: hour, approvers: { groups: ['g-c'], people: [] }, channels: [] }],
    expiresInMs: 4 * hour,
    assurance: 'login',
    channels: [],
    ...change,
  };
}

function plan(change: Partial<Plan> = {}): Plan {
  const stages = change.stages ?? [stage()];
  return {
    actionId: 'act_a',
    requestDigest: `sha256:${'0'.repeat(64)}`,
    outcome: 'review',
    policies: ['p'],
    risk: { score: 0, signals: [] },
    stages,
    excluded: ['dave'],
    policyDigest: `sha256:${'1'.repeat(64)}`,
    evaluatedAt: new Date(startMs).toISOString(),
    expiresAt: new Date(startMs + stages.reduce((sum, one) => sum + one.expiresInMs, 0) + hour).toISOString(),
    ...change,
  };
}
const outcome = (kind: 'allow' | 'deny', change: Partial<Plan> = {}) => plan({ outcome: kind, stages: [], ...change });

describe('a plan against an evaluation of one own', () => {
  it('holds when it is the same, under whatever digest and names', () => {
    const renamed = plan({ policyDigest: `sha256:${'2'.repeat(64)}`, policies: ['q'], stages: [stage({ name: 'Other', route: 'other', remindAfterMs: [5] })] });
    expect(fallsShort(renamed, plan())).toBeUndefined();
  });
  it('must refuse circles for at least as long as policy does', () => {
    const circles = (refuseWithinMs: number) => plan({ stages: [stage({ circles: { refuseWithinMs } })] });
    for (const enough of [circles(hour), circles(2 * hour)]) expect(fallsShort(enough, circles(hour))).toBeUndefined();
    for (const short of [plan(), circles(hour - 1), circles(Number.NaN)]) expect(fallsShort(short, circles(hour))).toContain('circles are let through');
    expect(fallsShort(circles(hour), plan())).toBeUndefined();
  });
  it('hides from people neither more nor less than policy does', () => {
    expect(fallsShort(plan({ mask: ['columns'] }), plan({ mask: ['columns'] }))).toBeUndefined();
    expect(fallsShort(plan({ mask: ['columns', 'limit'] }), plan({ mask: ['columns'] }))).toContain('hides "limit" from people');
    expect(fallsShort(plan(), plan({ mask: ['columns'] }))).toContain('shows people "columns"');
  });
  it('holds whatever it asks for when policy allows', () => {
    for (const one of [plan(), outcome('allow')]) expect(fallsShort(one, outcome('allow'))).toBeUndefined();
  });
  it('falls short of a denial always, with its reason', () => {
    const denial = { code: 'denied-by-policy', detail: 'Forbidden by "never".' } as const;
    for (const one of [plan(), outcome('allow')])
      expect(fallsShort(one, outcome('deny', { denial }))).toBe('policy denies it now (denied-by-policy): Forbidden by "never".');
  });

  const weaker: Record<string, { readonly given: Plan; readonly says: string }> = {
    'an allowance': { given: outcome('allow'), says: 'asks nobody' },
    'a denial that names no stage': { given: outcome('deny'), says: 'asks nobody' },
    'a person less': { given: plan({ stages: [stage({ quorum: 1 })] }), says: '1 instead of 2 people' },
    'a weaker sign-in': { given: plan({ stages: [stage({ assurance: 'chat' })] }), says: 'assurance chat instead of login' },
    'an assurance that is none': { given: plan({ stages: [stage({ assurance: 'none' as never })] }), says: 'assurance none' },
    'more time': { given: plan({ stages: [stage({ expiresInMs: 5 * hour })] }), says: 'more time' },
    'another group': { given: plan({ stages: [stage({ approvers: { groups: ['g-a', 'g-evil'], people: [] } })] }), says: 'other approvers' },
    'another person': { given: plan({ stages: [stage({ approvers: { groups: [], people: ['mallory'] } })] }), says: 'other approvers' },
    'an escalation to others': {
      given: plan({ stages: [stage({ escalations: [{ afterMs: hour, approvers: { groups: ['g-evil'], people: [] }, channels: [] }] })] }),
      says: 'after an escalation',
    },
    'an earlier escalation': {
      given: plan({ stages: [stage({ escalations: [{ afterMs: hour - 1, approvers: { groups: ['g-c'], people: [] }, channels: [] }] })] }),
      says: 'after an escalation',
    },
    // Levels count steps in their order: after no time at all the first of these would be reached.
    'escalations out of order': {
      given: plan({
        stages: [
          stage({
            escalations: [
              { afterMs: hour, approvers: { groups: ['g-c'], people: [] }, channels: [] },
              { afterMs: 0, approvers: { groups: ['g-a'], people: [] }, channels: [] },
            ],
          }),
        ],
      }),
      says: 'out of order',
    },
    'one excluded person less': { given: plan({ excluded: [] }), says: 'lets dave approve' },
    'a longer life': { given: plan({ expiresAt: new Date(startMs + 30 * hour).toISOString() }), says: 'lives longer' },
  };
  for (const [name, { given, says }] of Object.entries(weaker)) it(`falls short with ${name}`, () => expect(fallsShort(given, plan())).toContain(says));

  it('needs a stage of its own for each stage, in their order', () => {
    const [one, two] = [stage({ approvers: { groups: ['g-a'], people: [] } }), stage({ approvers: { groups: ['g-b'], people: [] } })];
    expect(fallsShort(plan({ stages: [one, two] }), plan({ stages: [one, two] }))).toBeUndefined();
    expect(fallsShort(plan({ stages: [one, stage(), two] }), plan({ stages: [one, two] }))).toBeUndefined();
    expect(fallsShort(plan({ stages: [two, one] }), plan({ stages: [one, two] }))).toContain('weaker in the plan');
    expect(fallsShort(plan({ stages: [one] }), plan({ stages: [one, one] }))).toContain('is not in the plan');
  });
  it('lives no longer for a stage that policy does not ask for', () => {
    const year = 8_760 * hour;
    const longer = plan({ stages: [stage(), stage({ expiresInMs: 10 * year, approvers: { groups: [], people: ['mallory'] } })] });
    const after = (ms: number) => plan({ evaluatedAt: new Date(startMs + ms).toISOString(), expiresAt: new Date(startMs + ms + 5 * hour).toISOString() });
    expect(fallsShort(longer, after(5 * hour))).toBeUndefined();
    expect(fallsShort(longer, after(5 * hour + 1))).toBe('the plan is older than policy lets one become');
    expect(fallsShort(longer, after(9 * year))).toContain('older');
  });
  it('is short when policy asks people and says not whom', () => expect(fallsShort(plan(), plan({ stages: [] }))).toContain('names no stage'));

  const group = fc.constantFrom('g-a', 'g-b', 'g-c', 'g-d');
  const approvers = fc.record({ groups: fc.uniqueArray(group, { maxLength: 3 }), people: fc.uniqueArray(fc.constantFrom('ann', 'ben'), { maxLength: 2 }) });
  const anyStage = fc.record({
    approvers,
    quorum: fc.integer({ min: 1, max: 3 }),
    assurance: fc.constantFrom(...assurances),
    expiresInMs: fc.integer({ min: 1, max: 4 }).map((hours) => hours * hour),
    escalations: fc
      .array(fc.record({ afterMs: fc.integer({ min: 0, max: 3 }), approvers, channels: fc.constant([]) }), { maxLength: 3 })
      .map((steps) => steps.sort((a, b) => a.afterMs - b.afterMs)),
  });
  const anyPlan = fc
    .record({ stages: fc.array(anyStage.map(stage), { minLength: 1, maxLength: 4 }), excluded: fc.uniqueArray(fc.constantFrom('ann', 'ben', 'dave')) })
    .map(plan);

  it('every plan holds against itself, and still does with another stage anywhere and more people excluded', () => {
    fc.assert(
      fc.property(anyPlan, anyStage, fc.nat(4), (mine, extra, at) => {
        expect(fallsShort(mine, mine)).toBeUndefined();
        const more = plan({ stages: mine.stages.toSpliced(at, 0, stage(extra)), excluded: [...mine.excluded, 'zoe'] });
        expect(fallsShort(more, mine)).toBeUndefined();
      }),
    );
  });
  it('is transitive: what is no less than the one in the middle is no less than the first', () => {
    fc.assert(
      fc.property(anyPlan, anyPlan, anyPlan, (a, b, c) => {
        if (fallsShort(a, b) === undefined && fallsShort(b, c) === undefined) expect(fallsShort(a, c)).toBeUndefined();
      }),
      { numRuns: 2_000 },
    );
  });
  it('whoever may approve a stage of a plan that holds may, at that time, approve a stage of policy that asks for no more', () => {
    fc.assert(
      fc.property(anyStage.map(stage), anyStage.map(stage), fc.integer({ min: 0, max: 4 }), (given, mine, elapsed) => {
        if (fallsShort(plan({ stages: [given] }), plan({ stages: [mine] })) !== undefined) return;
        const at = (one: PlanStage) => approversAt(one, one.escalations.filter((step) => step.afterMs <= elapsed).length);
        expect(at(mine).groups).toEqual(expect.arrayContaining([...at(given).groups]));
        expect(at(mine).people).toEqual(expect.arrayContaining([...at(given).people]));
        expect(given.quorum).toBeGreaterThanOrEqual(mine.quorum);
        expect(assuranceSuffices(given.assurance, mine.assurance)).toBe(true);
      }),
      { numRuns: 5_000 },
    );
  });
});
