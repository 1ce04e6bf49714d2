import { describe, expect, it } from 'vitest';
import type { EvidenceLog } from '../../activities/ports.js';
import type { Directory } from '../../directory/port.js';
import { planDigest, type Plan } from '../../domain/plan.js';
import { actionDigest, type ActionRequest } from '../../domain/request.js';
import { sign, verify } from '../../domain/signing.js';
import type { ActionView } from '../../domain/view.js';
import { policiesWith } from '../helpers/policies.js';
import type { Rig } from '../helpers/rig.js';
import { customers, ended, grantOf, idOf, planOf, refusalInEvidence, releaseOf, Scene } from './attacker.js';

const stages = '    stages: [{ name: Owner, approvers: { groups: [g-data-owners] }, expires_in: 1h }]\n';
const refusing = policiesWith(`  customers:\n    circles: refuse\n${stages}`);
const telling = policiesWith(`  customers:\n${stages}`);
const groups = ['g-data-owners'];
const alice = { kind: 'person', id: 'alice', name: 'Alice', issuer: 'x', subject: 'alice' } as const;

/** A worker in the attacker's hands: whatever its evidence holds, it knows of no approval. */
const forgetful = (log: EvidenceLog): EvidenceLog => ({ ...log, approvalsBy: async () => [] });

/** What Alice asks for herself, approved by Dave and executed: the first half of a circle, since Dave owns the invoice bot. */
async function firstHalf(rig: Rig): Promise<ActionView> {
  const view = await rig.submit(rig.request({ ...customers, requester: alice }));
  expect(await rig.decide(view, { by: 'dave', groups })).toMatchObject({ accepted: true });
  const over = await ended(rig, view.id);
  expect(over.status).toBe('executed');
  return over;
}

/** An approval of Alice's for what Dave's bot asked for, as a grant that all honest signatures are under. */
async function secondHalf(rig: Rig, request: ActionRequest, view: ActionView) {
  const decision = await rig.decision(view, { by: 'alice', groups });
  return { ...(await grantOf(rig, request, [{ stage: 0, decision }])), release: await releaseOf(rig, view, [idOf(decision)]) };
}

describe('S5: no circles', () => {
  const scene = Scene.forFile();

  it('two people cannot approve each other, and the refusal is evidence', async () => {
    const { rig, connector } = await scene.start({ policies: refusing });
    await firstHalf(rig);
    const view = await rig.submit(rig.request(customers));
    expect(view.risk.signals[0]).toMatchObject({ name: 'approval-circle', detail: expect.stringContaining('Alice Almeida') });
    expect(view.stage?.approvers.map(({ id }) => id)).toEqual(['bob']);
    expect(await rig.decide(view, { by: 'alice', groups })).toMatchObject({ accepted: false, code: 'approval-circle' });
    expect(await refusalInEvidence(rig, view.id, 'approval-circle')).toMatchObject({ body: { record: { circle: { with: { id: 'dave' } } } } });
    expect(connector.ran).toHaveLength(1);
    // Somebody outside the circle still can.
    expect(await rig.decide(view, { by: 'bob', groups })).toMatchObject({ accepted: true });
    expect((await ended(rig, view.id)).status).toBe('executed');
  });

  it('nor by asking for each other: the circle is between those behind the actions, whoever sent them', async () => {
    const wider = policiesWith(`  customers:\n    circles: { refuse: 90d }\n${stages.replace('[g-data-owners]', '[g-data-owners, g-security]')}`);
    const { rig, connector } = await scene.start({ policies: wider });
    const first = await rig.submit(rig.request({ ...customers, onBehalfOf: 'bob' }));
    expect(await rig.decide(first, { by: 'alice', groups })).toMatchObject({ accepted: true });
    await ended(rig, first.id);
    const second = await rig.submit(rig.request({ ...customers, requester: alice }));
    for (const by of ['bob', 'dave']) expect(await rig.decide(second, { by, groups })).toMatchObject({ accepted: false, code: 'approval-circle' });
    expect(connector.ran).toHaveLength(1);
  });

  it('the attacker holds Temporal, the worker and its policy key, and hides the first half: the executor knows what it ran', async () => {
    const { rig, connector } = await scene.start({ policies: refusing, evidence: forgetful });
    await firstHalf(rig);
    const view = await rig.submit(rig.request(customers));
    expect(await rig.decide(view, { by: 'alice', groups })).toMatchObject({ accepted: true });
    expect(await ended(rig, view.id)).toMatchObject({ status: 'failed', outcome: { code: 'approval-circle' } });
    const request = rig.request(customers);
    const again = await rig.submit(request);
    expect(await scene.callExecutor(rig, await secondHalf(rig, request, again))).toMatchObject({ refused: 'approval-circle' });
    expect(connector.ran).toHaveLength(1);
    expect(await rig.grants.find(request.id)).toBeUndefined();
  });

  it.each(['the worker', 'the executor'])('with those for whom an agent may be asking, though the request does not name them: %s knows', async (who) => {
    const wider = policiesWith(`  customers:\n    circles: refuse\n${stages.replace('[g-data-owners]', '[g-data-owners, g-security]')}`);
    // The invoice bot is Dave's, and may ask for Bob too.
    const directory = (of: Directory): Directory => ({
      ...of,
      agent: async (id) => {
        const agent = await of.agent(id);
        return agent === undefined ? undefined : { ...agent, actsFor: ['bob'] };
      },
    });
    const { rig, connector } = await scene.start({
      policies: wider,
      directory,
      executorPolicy: { directory },
      ...(who === 'the executor' ? { evidence: forgetful } : {}),
    });
    const first = await rig.submit(rig.request({ ...customers, requester: alice }));
    expect(await rig.decide(first, { by: 'bob', groups })).toMatchObject({ accepted: true });
    expect((await ended(rig, first.id)).status).toBe('executed');
    const second = await rig.submit(rig.request(customers));
    const decided = await rig.decide(second, { by: 'alice', groups });
    if (who === 'the worker') expect(decided).toMatchObject({ accepted: false, code: 'approval-circle' });
    else expect(await ended(rig, second.id)).toMatchObject({ status: 'failed', outcome: { code: 'approval-circle' } });
    expect(connector.ran).toHaveLength(1);
  });

  it('the attacker signs a plan that lets circles through, or for a shorter time: it asks for less than policy', async () => {
    const { rig, connector } = await scene.start({ policies: refusing, evidence: forgetful });
    await firstHalf(rig);
    for (const circles of [undefined, { refuseWithinMs: 1 }]) {
      const request = rig.request(customers);
      await rig.submit(request);
      const signed = await verify('plan', await planOf(rig, request.id), rig.keys.trusted);
      if (typeof signed === 'string') throw new TypeError(signed);
      const real = signed.content as unknown as Plan;
      const plan: Plan = { ...real, stages: real.stages.map(({ circles: _, ...stage }) => ({ ...stage, ...(circles === undefined ? {} : { circles }) })) };
      const seconds = Math.floor(Date.parse(plan.evaluatedAt) / 1000);
      const digest = planDigest(plan);
      const view = { id: request.id, planDigest: digest, digest: actionDigest(request, digest, plan.expiresAt) } as ActionView;
      const grant = {
        ...(await secondHalf(rig, request, view)),
        plan: await sign('plan', rig.keys.signing.policy, plan, { issuedAt: seconds, expiresAt: seconds + 3_600, id: 'forged' }),
      };
      expect(await scene.callExecutor(rig, grant)).toMatchObject({ refused: 'plan-below-policy', message: expect.stringContaining('circles') });
    }
    expect(connector.ran).toHaveLength(1);
  });

  it('both halves at the same moment: the worker has seen neither, and the executor runs one', async () => {
    const { rig, connector } = await scene.start({ policies: refusing, evidence: forgetful });
    const [mine, theirs] = await Promise.all([rig.submit(rig.request({ ...customers, requester: alice })), rig.submit(rig.request(customers))]);
    await Promise.all([rig.decide(mine, { by: 'dave', groups }), rig.decide(theirs, { by: 'alice', groups })]);
    const ends = await Promise.all([ended(rig, mine.id), ended(rig, theirs.id)]);
    expect(ends.map(({ status }) => status).sort()).toEqual(['executed', 'failed']);
    expect(connector.ran).toHaveLength(1);
  });

  it('where policy does not refuse it, it runs, and card, story and evidence say so', async () => {
    const { rig, connector } = await scene.start({ policies: telling });
    await firstHalf(rig);
    const view = await rig.submit(rig.request(customers));
    expect(view.risk.signals[0]).toMatchObject({ name: 'approval-circle', points: 0 });
    expect(await rig.decide(view, { by: 'alice', groups })).toMatchObject({ accepted: true });
    const over = await ended(rig, view.id);
    expect(over).toMatchObject({ status: 'executed', decisions: [{ circle: { with: { id: 'dave', name: 'Dave Diallo' } } }] });
    expect(over.story.find(({ kind }) => kind === 'approved')?.text).toContain('A circle: Dave Diallo');
    const entries = await rig.evidence.ofAction(view.id);
    expect(entries.find(({ kind }) => kind === 'decided')).toMatchObject({
      body: { record: { circle: { with: { id: 'dave' } } }, approval: { by: 'alice', of: ['dave'] } },
    });
    expect(connector.ran).toHaveLength(2);
  });

  it('where nobody outside a circle is left, the action is denied at once', async () => {
    const alone = policiesWith('  customers:\n    circles: refuse\n    stages: [{ name: Owner, approvers: { people: [alice, dave] }, expires_in: 1h }]\n');
    const { rig } = await scene.start({ policies: alone });
    await firstHalf(rig);
    expect(await rig.submit(rig.request(customers))).toMatchObject({ status: 'denied', denial: { code: 'route-unsatisfiable' } });
  });
});
