import { describe, expect, it } from 'vitest';
import { customers, ended, expectUntouched, grantOf, refusalInEvidence, Scene } from './attacker.js';
import { policiesWith } from '../helpers/policies.js';
import { eventually } from '../helpers/rig.js';

const brief = () => policiesWith('  customers:\n    stages: [{ name: One, approvers: { groups: [g-data-owners] }, expires_in: 1s }]\n');

describe('S9: late is late', () => {
  const scene = Scene.forFile();

  it('a timeout is recorded as a timeout, and a click after it changes nothing', async () => {
    const { rig, connector } = await scene.start({ policies: brief() });
    const view = await rig.submit(rig.request(customers));
    const over = await ended(rig, view.id);
    expect(over.status).toBe('expired');
    await rig.handle(view.id).result();
    await expect(rig.decide(view)).rejects.toThrow();
    expect((await rig.evidence.ofAction(view.id)).at(-1)).toMatchObject({ kind: 'closed', body: { status: 'expired' } });
    expect((await expectUntouched(rig, connector, view.id)).story.map((event) => event.kind)).not.toContain('rejected');
  });

  it('a workflow reset behind its expiry: the decision is refused, since the evidence says it is closed', async () => {
    const { rig, connector } = await scene.start({ policies: brief() });
    const view = await rig.submit(rig.request(customers));
    await ended(rig, view.id);
    await rig.handle(view.id).result();
    const history = await rig.handle(view.id).fetchHistory();
    const firstTask = history.events?.find(
      (event) => event.workflowTaskCompletedEventAttributes !== undefined && event.workflowTaskCompletedEventAttributes !== null,
    );
    const description = await rig.handle(view.id).describe();
    await rig.client.workflowService.resetWorkflowExecution({
      namespace: 'default',
      workflowExecution: { workflowId: view.id, runId: description.runId },
      workflowTaskFinishEventId: firstTask?.eventId ?? null,
      requestId: 'attack',
      reason: 'attack',
    });
    await rig
      .handle(view.id)
      .signal('decide', { decision: await rig.decision(view) })
      .catch(() => undefined);
    const after = await eventually(async () => {
      const again = await rig.handle(view.id).describe();
      return again.status.name === 'RUNNING' ? undefined : again;
    });
    expect(after.runId).not.toBe(description.runId);
    await expectUntouched(rig, connector, view.id);
    expect((await rig.evidence.ofAction(view.id)).some((entry) => entry.kind === 'decided')).toBe(false);
  });

  it('a signed decision from before the deadline but delivered long after is refused', async () => {
    const { rig, connector } = await scene.start();
    const view = await rig.submit(rig.request(customers));
    const { sign } = await import('../../domain/signing.js');
    const then = Math.floor(Date.now() / 1000) - 600;
    const fresh = JSON.parse(Buffer.from((await rig.decision(view)).split('.')[1] ?? '', 'base64url').toString()) as { decision: Record<string, unknown> };
    const old = await sign(
      'decision',
      rig.keys.signing.decision,
      { ...fresh.decision, decidedAt: new Date(then * 1000).toISOString() },
      { issuedAt: then, expiresAt: then + 300, id: 'old' },
    );
    await rig.handle(view.id).signal('decide', { decision: old });
    await refusalInEvidence(rig, view.id, 'decision-expired');
    await expectUntouched(rig, connector, view.id);
  });

  it('a click after the deadline of a stage, handed straight to the executor while the plan runs on', async () => {
    // Whoever holds Temporal holds the workflow back; the person clicks two minutes late.
    let lateMs = 0;
    const { rig, connector } = await scene.start({ policies: brief(), now: () => new Date(Date.now() + lateMs) });
    const request = rig.request(customers);
    const view = await rig.submit(request);
    lateMs = 120_000;
    const grant = await grantOf(rig, request, [{ stage: 0, decision: await rig.decision(view) }]);
    expect(await scene.callExecutor(rig, grant)).toEqual({
      refused: 'decision-expired',
      message: 'The executor refused the grant: approval: after the deadline of its stage.',
    });
    await expectUntouched(rig, connector, view.id);
  });

  it.each(['rejected', 'cancelled'] as const)('after the action was %s no decision counts', async (how) => {
    const { rig, connector } = await scene.start();
    const view = await rig.submit(rig.request(customers));
    const late = await rig.decision(view, { by: 'bob' });
    if (how === 'rejected') await rig.decide(view, { by: 'alice', verdict: 'reject' });
    else await rig.cancel(view.id);
    await rig
      .handle(view.id)
      .signal('decide', { decision: late })
      .catch(() => undefined);
    expect((await ended(rig, view.id)).status).toBe(how);
    expect(connector.ran).toEqual([]);
    expect((await rig.evidence.ofAction(view.id)).filter((entry) => entry.kind === 'decided').length).toBe(how === 'rejected' ? 1 : 0);
  });
});
