import { describe, expect, it } from 'vitest';
import { fallsShortOfBoth, statedSignals } from '../../../domain/stated.js';
import type { Plan } from '../../../domain/plan.js';
import { admit } from '../../../activities/executor/policy.js';
import { createFileDirectory } from '../../../directory/file.js';
import { makePlan, makeRequest, makeStage, startMs } from '../domain/grant-fixture.js';
import { bundleOf, executorOf, grantOf } from './scene.js';
import { RecordingConnector } from '../../helpers/fakes.js';
import { connectorRef } from '../../../domain/connector.js';

const request = makeRequest();
const one = makeStage({ name: 'One', assurance: 'chat' });
const review = (...stages: Plan['stages'][number][]) => makePlan(request, { stages });
const without = (outcome: 'allow' | 'deny'): Plan => ({ ...makePlan(request), outcome, stages: [] });

describe('signals of history that a plan states', () => {
  const stating = (names: readonly string[]): Plan => ({
    ...review(one),
    risk: { score: 0, signals: names.map((name) => ({ name, points: 99, detail: 'x' })) },
  });
  it('are those of history alone', () => expect(statedSignals(stating(['first-time-action', 'hidden-characters', 'mine']))).toEqual(['first-time-action']));
  it.each([undefined, null, 7, {}, { signals: 'x' }, { signals: [null, 7, {}] }])('are none in %j', (risk) =>
    expect(statedSignals({ ...review(one), risk } as never)).toEqual([]),
  );

  it('may lead to another route with as many people', () => {
    const security = makeStage({ approvers: { groups: ['g-security'], people: [] }, assurance: 'chat' });
    expect(fallsShortOfBoth(review(security), review(one), review(security))).toBeUndefined();
    expect(fallsShortOfBoth(review(one), review(one), review(security))).toMatch(/other approvers/);
  });
  it.each<readonly [string, Plan, Plan, Plan, RegExp]>([
    ['lift a denial', review(one), without('deny'), review(one), /policy denies/],
    ['lift a review', without('allow'), review(one), without('allow'), /asks nobody/],
    ['save people', review(one), review(one, one), review(one), /1 instead of 2 people/],
    ['weaken the assurance', review(one), review({ ...one, assurance: 'mfa' }), review(one), /0 instead of 1 people with assurance login or more/],
    [
      'weaken the assurance of one of two',
      review(one, { ...one, assurance: 'mfa' }),
      review({ ...one, quorum: 2, assurance: 'mfa' }),
      review(one, { ...one, assurance: 'mfa' }),
      /1 instead of 2 people with assurance login or more/,
    ],
    ['let circles through', review(one), review({ ...one, circles: { refuseWithinMs: 1_000 } }), review(one), /circles/],
  ])('do not %s', (_name, plan, own, told, says) => expect(fallsShortOfBoth(plan, own, told)).toMatch(says));
});

describe('the executor', () => {
  const bundle = bundleOf(`
    @id("calm") permit (principal, action, resource) unless { context.signals.contains("first-time-action") };
    @id("new") @review("people") permit (principal, action, resource) when { context.signals.contains("first-time-action") };`);
  const run = async (signals: Plan['risk']['signals']) => {
    const connector = new RecordingConnector();
    const { activities, environment } = executorOf([connector], [], { bundle: () => bundle });
    const made = makeRequest({ action: connector.definition.name, connector: connectorRef(connector.definition), requestedAt: '2026-04-01T00:00:00.000Z' });
    return environment.run(activities.execute, { grant: await grantOf(made, { risk: { score: 10, signals } }) });
  };
  it('holds a plan against the signals that it states itself', async () => {
    await expect(run([])).resolves.toMatchObject({ status: 'succeeded' });
    await expect(run([{ name: 'first-time-action', points: 10, detail: 'x' }])).rejects.toMatchObject({ type: 'plan-below-policy' });
  });
});

describe('the executor floor of a policy', () => {
  const bundle = bundleOf('@id("two") @review("people") @executor_floor("1") permit (principal, action, resource);');
  it('is counted in people by the executor itself', async () => {
    const deps = {
      policy: { bundle: () => bundle, directory: createFileDirectory('policies/directory.yaml'), timeZone: 'Etc/UTC', environment: 'development', floor: [] },
    };
    const connector = new RecordingConnector();
    const asked = makeRequest({ action: connector.definition.name, connector: connectorRef(connector.definition) });
    const plan = makePlan(asked, { stages: [makeStage({ assurance: 'chat', expiresInMs: 3_600_000 })] });
    const grants = { approvalsBy: async () => [] };
    const all = { ...deps, grants, connectors: new Map([[connector.definition.name, connector]]), external: new Map(), now: () => new Date(startMs) } as never;
    const verdict = { ok: true, plan, digest: 'sha256:00', approvedBy: [], seats: [] } as const;
    await expect(admit(all, asked, verdict)).rejects.toMatchObject({
      code: 'below-floor',
      detail: expect.stringContaining('wants 1 people, and it has 0') as string,
    });
    await expect(admit(all, asked, { ...verdict, plan: { ...plan, executorFloor: 3 } })).rejects.toMatchObject({
      detail: expect.stringContaining('wants 3 people') as string,
    });
  });
});
