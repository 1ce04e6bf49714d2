import { describe, expect, it } from 'vitest';
import { RecordingConnector, succeeded } from '../helpers/fakes.js';
import { customers, ended, grantOf, idOf, priceList, releaseOf, refusalInEvidence, Scene } from './attacker.js';

describe('S2: once', () => {
  const scene = Scene.forFile();
  const slow = () =>
    new RecordingConnector(
      async () => {
        await new Promise((resolve) => setTimeout(resolve, 300));
        return succeeded();
      },
      { idempotent: false },
    );

  it('a grant presented again after its execution answers as before and runs nothing', async () => {
    const { rig, connector } = await scene.start({ connector: slow() });
    const request = rig.request(customers);
    const view = await rig.submit(request);
    const decision = await rig.decision(view);
    await rig.handle(view.id).signal('decide', { decision });
    expect((await ended(rig, view.id)).status).toBe('executed');
    const grant = await grantOf(rig, request, [{ stage: 0, decision }]);
    for (let again = 0; again < 3; again += 1) expect(await scene.callExecutor(rig, grant)).toMatchObject({ status: 'succeeded' });
    expect(connector.ran.length).toBe(1);
  });

  it('two executions of one grant at the same moment: one runs', async () => {
    const { rig, connector } = await scene.start({ connector: slow() });
    const request = rig.request(customers);
    const view = await rig.submit(request);
    const decision = await rig.decision(view);
    const grant = { ...(await grantOf(rig, request, [{ stage: 0, decision }])), release: await releaseOf(rig, view, [idOf(decision)]) };
    const outcomes = await Promise.all([scene.callExecutor(rig, grant), scene.callExecutor(rig, grant), scene.callExecutor(rig, grant)]);
    expect(connector.ran.length).toBe(1);
    // Those who came second do not know how the first ends, and say so instead of running it again.
    expect(outcomes.every((outcome) => 'status' in outcome && ['succeeded', 'unknown'].includes(outcome.status))).toBe(true);
  });

  it('another approval of the same action after it ran is no second grant', async () => {
    const { rig, connector } = await scene.start({ connector: slow() });
    const request = rig.request(customers);
    const view = await rig.submit(request);
    await rig.decide(view, { by: 'alice' });
    await ended(rig, view.id);
    const other = await grantOf(rig, request, [{ stage: 0, decision: await rig.decision(view, { by: 'bob' }) }]);
    // It is told how the action ended, not that it failed.
    expect(await scene.callExecutor(rig, other)).toMatchObject({ status: 'succeeded' });
    const released = { ...other, release: await releaseOf(rig, view, [idOf(other.approvals[0]?.decision ?? '')]) };
    expect(await scene.callExecutor(rig, released)).toMatchObject({ status: 'succeeded' });
    expect(connector.ran.length).toBe(1);
  });

  it('the same decision delivered as signal and as update counts once', async () => {
    const { rig, connector } = await scene.start();
    const view = await rig.submit(rig.request({ action: 'postgres.export', parameters: { columns: ['id'], format: 'csv' } }));
    const decision = await rig.decision(view);
    await rig.handle(view.id).signal('decide', { decision });
    await rig.handle(view.id).signal('decide', { decision });
    await refusalInEvidence(rig, view.id, 'decision-replayed');
    expect((await rig.view(view.id)).stage).toMatchObject({ index: 1, approvals: [] });
    expect(connector.ran).toEqual([]);
  });

  it('a workflow terminated and started again under the same id does not open, and the attempt is evidence', async () => {
    const { rig, connector } = await scene.start();
    const request = rig.request(customers);
    const view = await rig.submit(request);
    await rig.handle(view.id).terminate('by an attacker');
    const again = await rig.client.workflow.start('action', {
      workflowId: request.id,
      taskQueue: rig.taskQueue,
      args: [{ request, signedRequest: await rig.sealRequest(request) }],
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    });
    expect(await again.result()).toMatchObject({ status: 'error' });
    expect((await rig.view(view.id)).denial).toMatchObject({ code: 'grant-consumed' });
    await refusalInEvidence(rig, view.id, 'grant-consumed');
    expect(connector.ran).toEqual([]);
  });

  it('what was allowed at once does not run again under the same id', async () => {
    const { rig, connector } = await scene.start();
    const request = rig.request(priceList);
    await rig.submit(request);
    await ended(rig, request.id);
    const again = await rig.client.workflow.start('action', {
      workflowId: request.id,
      taskQueue: rig.taskQueue,
      args: [{ request, signedRequest: await rig.sealRequest(request) }],
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    });
    expect(await again.result()).toMatchObject({ status: 'error' });
    await refusalInEvidence(rig, request.id, 'grant-consumed');
    expect(connector.ran.length).toBe(1);
  });
});
