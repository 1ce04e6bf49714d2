import { describe, expect, it } from 'vitest';
import { policiesWith } from '../helpers/policies.js';
import { allCustomers, customers, expectUntouched, grantOf, refusalInEvidence, Scene } from './attacker.js';

const anybody = policiesWith(
  '  customers:\n    stages: [{ name: One, approvers: { groups: [g-data-owners, g-security, g-platform, g-operators] }, quorum: 2, expires_in: 1h }]\n',
);

describe('S4: separation is between humans', () => {
  const scene = Scene.forFile();

  it('the owner of the agent cannot approve, in the workflow or at the executor', async () => {
    const { rig, connector } = await scene.start();
    const request = rig.request(customers);
    const view = await rig.submit(request);
    expect(await rig.decide(view, { by: 'dave' })).toMatchObject({ accepted: false, code: 'approver-is-requester' });
    await refusalInEvidence(rig, view.id, 'approver-is-requester');
    const grant = await grantOf(rig, request, [{ stage: 0, decision: await rig.decision(view, { by: 'dave' }) }]);
    expect(await scene.callExecutor(rig, grant)).toMatchObject({ refused: 'approver-is-requester' });
    await expectUntouched(rig, connector, view.id);
  });

  it('the person on whose behalf the agent acts cannot approve', async () => {
    const { rig, connector } = await scene.start();
    const view = await rig.submit(rig.request({ ...customers, onBehalfOf: 'alice' }));
    expect(await rig.decide(view, { by: 'alice' })).toMatchObject({ accepted: false, code: 'approver-is-requester' });
    await refusalInEvidence(rig, view.id, 'approver-is-requester');
    await expectUntouched(rig, connector, view.id);
  });

  it('a person who asks cannot approve, though they are an approver and administrator', async () => {
    const { rig, connector } = await scene.start({ policies: anybody });
    const requester = { kind: 'person', id: 'carol', name: 'Carol', issuer: 'x', subject: 'carol' } as const;
    const view = await rig.submit(rig.request({ ...customers, requester }));
    expect(view.status).toBe('pending');
    expect(await rig.decide(view, { by: 'carol', groups: ['g-operators', 'g-security'] })).toMatchObject({ accepted: false, code: 'approver-is-requester' });
    await refusalInEvidence(rig, view.id, 'approver-is-requester');
    await expectUntouched(rig, connector, view.id);
  });

  it('one human in two groups counts in one stage only', async () => {
    const { rig, connector } = await scene.start();
    const request = rig.request(allCustomers);
    const view = await rig.submit(request);
    const first = await rig.decision(view, { by: 'alice' });
    await rig.handle(view.id).executeUpdate('decide', { args: [{ decision: first }] });
    const now = await rig.view(view.id);
    expect(now.stage?.index).toBe(1);
    expect(await rig.decide(now, { by: 'alice' })).toMatchObject({ accepted: false, code: 'decided-already' });
    await refusalInEvidence(rig, view.id, 'decided-already');
    const grant = await grantOf(rig, request, [
      { stage: 0, decision: first },
      { stage: 1, decision: await rig.decision(view, { by: 'alice' }) },
    ]);
    expect(await scene.callExecutor(rig, grant)).toMatchObject({ refused: 'decided-already' });
    expect(connector.ran).toEqual([]);
  });

  it('one human through two accounts and two channels fills one place of a quorum of two', async () => {
    const { rig, connector } = await scene.start({ policies: anybody });
    const view = await rig.submit(rig.request(customers));
    expect((await rig.decide(view, { by: 'alice', channel: 'teams', assurance: 'chat' })).accepted).toBe(true);
    expect(await rig.decide(view, { by: 'alice', channel: 'inbox', assurance: 'login', decisionId: 'second-account' })).toMatchObject({
      accepted: false,
      code: 'decided-already',
    });
    await refusalInEvidence(rig, view.id, 'decided-already');
    expect((await rig.view(view.id)).status).toBe('pending');
    expect(connector.ran).toEqual([]);
  });
});
