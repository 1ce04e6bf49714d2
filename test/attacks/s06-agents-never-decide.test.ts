import { describe, expect, it } from 'vitest';
import { developmentIssuer } from '../helpers/rig.js';
import { customers, expectUntouched, grantOf, refusalInEvidence, Scene } from './attacker.js';

describe('S6: agents never decide', () => {
  const scene = Scene.forFile();

  it('a decision in the name of the asking agent is refused, even well signed', async () => {
    const { rig, connector } = await scene.start();
    const request = rig.request(customers);
    const view = await rig.submit(request);
    expect(await rig.decide(view, { by: 'invoice-bot' })).toMatchObject({ accepted: false, code: 'approver-not-human' });
    await refusalInEvidence(rig, view.id, 'approver-not-human');
    const grant = await grantOf(rig, request, [{ stage: 0, decision: await rig.decision(view, { by: 'invoice-bot' }) }]);
    expect(await scene.callExecutor(rig, grant)).toMatchObject({ refused: 'approver-is-requester' });
    await expectUntouched(rig, connector, view.id);
  });

  it('a decision in the name of another agent is refused: the directory knows no such person', async () => {
    const { rig, connector } = await scene.start();
    const view = await rig.submit(rig.request(customers));
    expect(await rig.decide(view, { by: 'release-bot' })).toMatchObject({ accepted: false, code: 'approver-not-eligible' });
    await refusalInEvidence(rig, view.id, 'approver-not-eligible');
    await expectUntouched(rig, connector, view.id);
  });

  it('a person with whose token an agent acts cannot approve what it asks for, nor the owner of an agent that held the token before', async () => {
    const { rig, connector } = await scene.start();
    const before = { kind: 'agent', id: 'release-bot', name: 'Release bot', owner: 'bob', issuer: developmentIssuer, subject: 'release-bot' } as const;
    const request = rig.request({ ...customers, onBehalfOf: 'alice', via: [before] });
    const view = await rig.submit(request);
    expect(view).toMatchObject({ requester: { id: 'invoice-bot' }, onBehalfOf: { id: 'alice' } });
    for (const by of ['alice', 'dave']) expect(await rig.decide(view, { by })).toMatchObject({ accepted: false, code: 'approver-is-requester' });
    await refusalInEvidence(rig, view.id, 'approver-is-requester');
    // The workflow goes by the owner whom the directory names; the executor refuses the one of the request too.
    const grant = await grantOf(rig, request, [{ stage: 0, decision: await rig.decision(view, { by: 'bob' }) }]);
    expect(await scene.callExecutor(rig, grant)).toMatchObject({ refused: 'approver-is-requester' });
    await expectUntouched(rig, connector, view.id);
  });

  it('an agent cannot reject either: the action stays open', async () => {
    const { rig } = await scene.start();
    const view = await rig.submit(rig.request(customers));
    expect(await rig.decide(view, { by: 'invoice-bot', verdict: 'reject' })).toMatchObject({ accepted: false, code: 'approver-not-human' });
    expect((await rig.view(view.id)).status).toBe('pending');
  });
});
