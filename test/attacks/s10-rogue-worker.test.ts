import { describe, expect, it } from 'vitest';
import type { JudgeInput, WorkerActivities } from '../../activities/types.js';
import type { ExecutionOutcome } from '../../domain/connector.js';
import { planDigest, type Plan } from '../../domain/plan.js';
import { actionDigest } from '../../domain/request.js';
import { sign } from '../../domain/signing.js';
import { makeKeys } from '../helpers/keys.js';
import { customers, ended, Scene } from './attacker.js';

// The attacker polls the worker's task queue with our workflow code and the encryption key, but none of our signing keys. Whatever their local activities
// answer is written to history as markers, as if the worker had judged.
describe('S10: a rogue worker on the task queue', () => {
  const scene = Scene.forFile();
  // The ids of their keys are those of ours.
  const theirs = makeKeys('test');
  const start = (rogue: (honest: WorkerActivities) => Partial<WorkerActivities>) => scene.start({ rogue: (honest) => ({ ...honest, ...rogue(honest) }) });

  async function forgedPlan(real: Plan, change: Partial<Plan>) {
    const plan = { ...real, ...change };
    const issuedAt = Math.floor(Date.parse(plan.evaluatedAt) / 1000);
    return {
      plan,
      signedPlan: await sign('plan', (await theirs).signing.policy, plan, { issuedAt, expiresAt: issuedAt + 3_600, id: 'plan' }),
      planDigest: planDigest(plan),
    };
  }

  /** A record that says whatever was sent counted, with a release of the attacker's own. */
  async function approved(input: JudgeInput): ReturnType<WorkerActivities['judge']> {
    const claims = JSON.parse(Buffer.from(input.signedDecision.split('.')[1] ?? '', 'base64url').toString()) as { decision: { decisionId: string } };
    const { plan } = JSON.parse(Buffer.from(input.signedPlan.split('.')[1] ?? '', 'base64url').toString()) as { plan: Plan };
    const at = new Date(input.nowMs).toISOString();
    const decision = {
      ...(claims.decision as unknown as NonNullable<Awaited<ReturnType<WorkerActivities['judge']>>['record']['decision']>),
      verdict: 'approve',
    } as const;
    const content = {
      actionId: input.request.id,
      actionDigest: actionDigest(input.request, planDigest(plan), plan.expiresAt),
      planDigest: planDigest(plan),
      decisionIds: [decision.decisionId],
      releasedAt: at,
    };
    const issuedAt = Math.floor(input.nowMs / 1000);
    const release = await sign('release', (await theirs).signing.policy, content, { issuedAt, expiresAt: issuedAt + 3_600, id: 'release' });
    const record = { decisionId: decision.decisionId, at, accepted: true, decision, proven: decision.assurance, stage: input.stage, round: input.round };
    return { record, again: { verdict: 'released', release } };
  }

  it('writes that policy allowed it at once: the executor knows no such plan', async () => {
    const { rig, connector } = await start((honest) => ({
      open: async (input) => {
        const real = await honest.open(input);
        const forged = await forgedPlan(real.plan, { outcome: 'allow', stages: [] });
        return { ...real, ...forged, actionDigest: actionDigest(input.request, forged.planDigest, forged.plan.expiresAt), approvers: [] };
      },
    }));
    const view = await rig.submit(rig.request(customers));
    await ended(rig, view.id);
    expect(connector.ran).toEqual([]);
    expect(await outcomeOf(rig, view.id)).toMatchObject({ status: 'failed', code: 'grant-invalid' });
  });

  it('writes that a rejection was an approval and released: the executor reads the decision itself', async () => {
    const { rig, connector } = await start(() => ({ judge: approved }));
    const view = await rig.submit(rig.request(customers));
    await rig.handle(view.id).signal('decide', { decision: await rig.decision(view, { verdict: 'reject' }) });
    expect((await ended(rig, view.id)).decisions).toMatchObject([{ accepted: true }]);
    expect(connector.ran).toEqual([]);
    expect(await outcomeOf(rig, view.id)).toMatchObject({ status: 'failed', code: 'grant-invalid' });
  });

  it('writes that a decision of their own key counted: nobody that the executor knows made it', async () => {
    const { rig, connector } = await start(() => ({ judge: approved }));
    const view = await rig.submit(rig.request(customers));
    await rig.handle(view.id).signal('decide', { decision: await rig.decision(view, {}, await theirs) });
    await ended(rig, view.id);
    expect(connector.ran).toEqual([]);
    expect(await outcomeOf(rig, view.id)).toMatchObject({ status: 'failed', code: 'grant-invalid' });
  });

  it('writes that a true approval was released: without the word of the worker it does not run', async () => {
    const { rig, connector } = await start(() => ({ judge: approved }));
    const view = await rig.submit(rig.request(customers));
    await rig.handle(view.id).signal('decide', { decision: await rig.decision(view) });
    await ended(rig, view.id);
    expect(connector.ran).toEqual([]);
    expect(await outcomeOf(rig, view.id)).toMatchObject({ status: 'failed', code: 'grant-invalid', detail: expect.stringContaining('release') as string });
  });
});

async function outcomeOf(rig: Awaited<ReturnType<Scene['start']>>['rig'], id: string): Promise<ExecutionOutcome | undefined> {
  const closed = (await rig.evidence.ofAction(id)).find((entry) => entry.kind === 'closed');
  return (closed?.body as { readonly outcome?: ExecutionOutcome } | undefined)?.outcome;
}
