import { describe, expect, it } from 'vitest';
import type { ExecutionOutcome } from '../../domain/connector.js';
import { CountersignError } from '../../domain/errors.js';
import type { Grant } from '../../domain/grant.js';
import { planDigest, type Plan, type PlanStage } from '../../domain/plan.js';
import { withReceipt } from '../../domain/receipt.js';
import { actionDigest, type ActionRequest } from '../../domain/request.js';
import { sign, verify } from '../../domain/signing.js';
import type { ActionView } from '../../domain/view.js';
import { loadPolicies } from '../../policy/bundle.js';
import { policiesWith } from '../helpers/policies.js';
import { RecordingConnector, succeeded } from '../helpers/fakes.js';
import { eventually, type Rig } from '../helpers/rig.js';
import { customers, ended, grantOf, idOf, planOf, priceList, releaseOf, Scene } from './attacker.js';

const two = '    stages: [{ name: Two, approvers: { groups: [g-security] }, quorum: 2, expires_in: 1h }]\n';
const strict = policiesWith(`  customers:\n${two}`);
const loose = policiesWith(`  unused:\n${two}`, '@id("anything-goes") permit (principal, action, resource);');
const hour = 3_600_000;

/** What somebody with the worker's policy key makes of the plan of an action. */
type Forgery = (plan: Plan, stage: PlanStage) => Partial<Plan>;

/**
 * The attacker holds Temporal, its encryption key and the worker's policy key: they sign any plan and any release. People
 * were got to approve what the forged plan says, so that nothing but policy stands against it.
 */
async function forged(rig: Rig, request: ActionRequest, change: Forgery, by: readonly string[]): Promise<Grant> {
  const signed = await verify('plan', await planOf(rig, request.id), rig.keys.trusted);
  if (typeof signed === 'string') throw new TypeError(signed);
  const real = signed.content as unknown as Plan;
  const plan: Plan = { ...real, ...change(real, real.stages[0] as PlanStage) };
  const seconds = Math.floor(Date.parse(plan.evaluatedAt) / 1000);
  const digest = planDigest(plan);
  const view = { id: request.id, planDigest: digest, digest: actionDigest(request, digest, plan.expiresAt) } as ActionView;
  const decisions = await Promise.all(by.map((person) => rig.decision(view, { by: person, groups: ['g-data-owners', 'g-security'], assurance: 'chat' })));
  return {
    request,
    signedRequest: await rig.sealRequest(request),
    plan: await sign('plan', rig.keys.signing.policy, plan, { issuedAt: seconds, expiresAt: seconds + 3_600, id: 'forged' }),
    approvals: decisions.map((decision) => ({ stage: 0, decision })),
    ...(by.length === 0 ? {} : { release: await releaseOf(rig, view, decisions.map(idOf)) }),
  };
}

describe('S11: the policy key of the worker is stolen', () => {
  const scene = Scene.forFile();

  const forgeries: Record<string, { readonly change: Forgery; readonly by: readonly string[]; readonly says: string }> = {
    'that allows it at once': { change: () => ({ outcome: 'allow', stages: [] }), by: [], says: 'the plan asks nobody' },
    'that asks one instead of two': { change: (_, stage) => ({ stages: [{ ...stage, quorum: 1 }] }), by: ['alice'], says: '1 instead of 2 people' },
    'that asks other people': {
      change: (_, stage) => ({ stages: [{ ...stage, approvers: { groups: ['g-data-owners'], people: [] } }] }),
      by: ['alice', 'bob'],
      says: 'other approvers',
    },
    'that escalates to others at once': {
      change: (_, stage) => ({ stages: [{ ...stage, escalations: [{ afterMs: 0, approvers: { groups: [], people: ['bob'] }, channels: [] }] }] }),
      by: ['alice', 'bob'],
      says: 'other approvers after an escalation',
    },
    'that gives more time': {
      change: (_, stage) => ({ stages: [{ ...stage, expiresInMs: 1_000 * hour }] }),
      by: ['alice', 'carol'],
      says: 'more time to decide',
    },
    'that excludes nobody': { change: () => ({ excluded: [] }), by: ['alice', 'carol'], says: 'lets dave approve' },
    'that never ends': { change: () => ({ expiresAt: '2099-01-01T00:00:00.000Z' }), by: ['alice', 'carol'], says: 'lives longer' },
  };
  it.each(Object.entries(forgeries))('a plan %s runs nothing', async (_, { change, by, says }) => {
    const { rig, connector } = await scene.start({ policies: strict });
    const request = rig.request(customers);
    await rig.submit(request);
    expect(await scene.callExecutor(rig, await forged(rig, request, change, by))).toEqual({
      refused: 'plan-below-policy',
      message: expect.stringContaining(says),
    });
    expect(connector.ran).toEqual([]);
    expect(await rig.grants.find(request.id)).toBeUndefined();
  });

  it('the plan that policy asks for runs, so that it was policy that refused the others', async () => {
    const { rig, connector } = await scene.start({ policies: strict });
    const request = rig.request(customers);
    await rig.submit(request);
    expect(await scene.callExecutor(rig, await forged(rig, request, () => ({}), ['alice', 'carol']))).toMatchObject({ status: 'succeeded' });
    expect(connector.ran.length).toBe(1);
  });

  it('a plan set back to before the request, so that later approvers may decide at once, runs nothing', async () => {
    const { rig, connector } = await scene.start({ policies: strict });
    const request = rig.request(customers);
    await rig.submit(request);
    const earlier = (at: string) => new Date(Date.parse(at) - hour / 2).toISOString();
    const setBack: Forgery = ({ evaluatedAt, expiresAt }) => ({ evaluatedAt: earlier(evaluatedAt), expiresAt: earlier(expiresAt) });
    expect(await scene.callExecutor(rig, await forged(rig, request, setBack, ['alice', 'carol']))).toMatchObject({
      refused: 'grant-invalid',
      message: expect.stringContaining('plan: from before the request'),
    });
    expect(connector.ran).toEqual([]);
  });

  it('a plan of an older policy runs nothing', async () => {
    const { rig, connector } = await scene.start({ policies: loose, executorPolicy: { bundle: bundleOf(strict) } });
    const request = rig.request(customers);
    expect(await ended(rig, (await rig.submit(request)).id)).toMatchObject({ status: 'failed', outcome: { code: 'plan-below-policy' } });
    expect(await scene.callExecutor(rig, await grantOf(rig, request, []))).toMatchObject({ refused: 'plan-below-policy' });
    expect(connector.ran).toEqual([]);
    expect((await rig.evidence.ofAction(request.id)).at(-1)).toMatchObject({
      kind: 'closed',
      body: { status: 'failed', outcome: { code: 'plan-below-policy' } },
    });
  });

  it('a floor of the operator holds against a policy that lets everything through', async () => {
    const { rig, connector } = await scene.start({
      policies: loose,
      executorPolicy: { floor: [{ action: 'postgres.*', resource: 'crm/*', quorum: 1, assurance: 'chat' }] },
    });
    expect(await ended(rig, (await rig.submit(rig.request(customers))).id)).toMatchObject({ status: 'failed', outcome: { code: 'below-floor' } });
    expect(connector.ran).toEqual([]);
  });

  it('groups that only the decision names do not count, nor do people who have left', async () => {
    const { rig, connector } = await scene.start({ policies: strict });
    const request = rig.request(customers);
    await rig.submit(request);
    for (const by of [
      ['alice', 'bob'],
      ['alice', 'mallory'],
    ])
      expect(await scene.callExecutor(rig, await forged(rig, request, () => ({}), by))).toMatchObject({ refused: 'approver-not-eligible' });
    expect(connector.ran).toEqual([]);
  });
});

const bundleOf = (folder: string) => {
  const loaded = loadPolicies(folder);
  return () => loaded;
};

describe('S1 and S3: what the executor itself finds', () => {
  const scene = Scene.forFile();

  it('policy that changed after the approval, which the worker does not know: nothing runs', async () => {
    const policies = policiesWith('  customers:\n    stages: [{ name: One, approvers: { groups: [g-security] }, expires_in: 1h }]\n');
    const { rig, connector } = await scene.start({ policies, executorPolicy: { bundle: bundleOf(strict) } });
    const view = await rig.submit(rig.request(customers));
    await rig.decide(view, { by: 'carol' });
    const end = await ended(rig, view.id);
    expect(end).toMatchObject({ status: 'failed', outcome: { code: 'plan-below-policy', detail: expect.stringContaining('1 instead of 2 people') } });
    expect(connector.ran).toEqual([]);
  });

  it('another version that asks for the same: it runs', async () => {
    const same = policiesWith('  customers:\n    stages: [{ name: One, approvers: { groups: [g-security] }, expires_in: 1h }]\n');
    const renamed = policiesWith('  customers:\n    stages: [{ name: Another name, approvers: { groups: [g-security] }, expires_in: 2h }]\n');
    const { rig, connector } = await scene.start({ policies: same, executorPolicy: { bundle: bundleOf(renamed) } });
    const view = await rig.submit(rig.request(customers));
    await rig.decide(view, { by: 'carol' });
    expect((await ended(rig, view.id)).status).toBe('executed');
    expect(connector.ran.length).toBe(1);
  });

  it('a directory that is away: nothing runs until it is back', async () => {
    const state = { away: true, asked: 0 };
    const { rig, connector } = await scene.start({
      executorPolicy: {
        directory: (directory) => ({
          ...directory,
          agent: async (id) => {
            state.asked += 1;
            if (state.away) throw new CountersignError('directory-unavailable', 'The directory is away.');
            return directory.agent(id);
          },
        }),
      },
    });
    const view = await rig.submit(rig.request(priceList));
    await eventually(() => state.asked >= 2);
    expect(connector.ran).toEqual([]);
    expect((await rig.view(view.id)).status).toBe('executing');
    state.away = false;
    expect((await ended(rig, view.id)).status).toBe('executed');
  });
});

describe('S10: an end that the executor never reported', () => {
  const scene = Scene.forFile();

  /** Completes the running activity of an action by hand, as anybody with Temporal can. */
  async function complete(rig: Rig, id: string, outcome: unknown): Promise<void> {
    const activityId = await eventually(async () => {
      const { raw } = await rig.handle(id).describe();
      return raw.pendingActivities?.find((one) => one.activityType?.name === 'execute')?.activityId ?? undefined;
    });
    await rig.client.activity.complete({ workflowId: id, activityId }, outcome);
  }

  async function waiting() {
    const release = { now: () => {} };
    const gate = new Promise<void>((resolve) => (release.now = resolve));
    const connector = new RecordingConnector(async () => {
      await gate;
      return succeeded();
    });
    const { rig } = await scene.start({ connector });
    const request = rig.request(priceList);
    await rig.submit(request);
    await eventually(() => connector.ran.length === 1);
    return { rig, request, finish: () => release.now() };
  }
  const sealOf = async (rig: Rig, id: string) => (await rig.evidence.ofAction(id)).find((entry) => entry.kind === 'closed')?.body;

  it('a success without a receipt is sealed as unvouched, and its story says so', async () => {
    const { rig, request, finish } = await waiting();
    await complete(rig, request.id, succeeded());
    await rig.handle(request.id).result();
    finish();
    expect(await sealOf(rig, request.id)).toMatchObject({ status: 'executed', receipt: { state: 'missing', code: 'receipt-missing' } });
    expect((await rig.view(request.id)).story.at(-1)).toMatchObject({ kind: 'error', text: expect.stringContaining('receipt-missing') });
  });

  it('a success with the receipt of another action is sealed as such', async () => {
    const { rig, request, finish } = await waiting();
    const outcome = succeeded();
    const other = {
      actionId: rig.request(priceList).id,
      actionDigest: (await rig.view(request.id)).digest,
      source: 'executor',
      startedAt: outcome.finishedAt,
    } as const;
    await complete(rig, request.id, (await withReceipt(outcome, other, rig.keys.signing.executor)) satisfies ExecutionOutcome);
    await rig.handle(request.id).result();
    finish();
    expect(await sealOf(rig, request.id)).toMatchObject({ receipt: { state: 'invalid', code: 'receipt-invalid' } });
  });

  it('what the executor reports itself is sealed as vouched for', async () => {
    const { rig, request, finish } = await waiting();
    finish();
    expect((await ended(rig, request.id)).outcome).toMatchObject({ status: 'succeeded', receipt: expect.any(String) });
    await rig.handle(request.id).result();
    expect(await sealOf(rig, request.id)).toMatchObject({ receipt: { state: 'verified', source: 'executor' } });
  });
});
