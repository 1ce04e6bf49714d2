import { describe, expect, it } from 'vitest';
import { customers, expectUntouched, refusalInEvidence, Scene } from './attacker.js';

describe('S7: identity is proved, never claimed', () => {
  const scene = Scene.forFile();

  it('groups claimed in a decision do not count: the live directory is asked', async () => {
    const { rig, connector } = await scene.start();
    const view = await rig.submit(rig.request(customers));
    expect(await rig.decide(view, { by: 'carol', groups: ['g-data-owners', 'Data owners'] })).toMatchObject({ accepted: false, code: 'approver-not-eligible' });
    await refusalInEvidence(rig, view.id, 'approver-not-eligible');
    await expectUntouched(rig, connector, view.id);
  });

  it('a display name or an e-mail address names nobody', async () => {
    const { rig, connector } = await scene.start();
    const view = await rig.submit(rig.request(customers));
    for (const by of ['Alice Almeida', 'alice@example.com', 'Alice', 'ALICE', ' alice', '__proto__'])
      expect(await rig.decide(view, { by, person: { id: by, name: 'Alice Almeida', groups: ['g-data-owners'] } })).toMatchObject({
        accepted: false,
        code: 'approver-not-eligible',
      });
    await refusalInEvidence(rig, view.id, 'approver-not-eligible');
    await expectUntouched(rig, connector, view.id);
  });

  it('members beside the decision claim nothing', async () => {
    const { rig, connector } = await scene.start();
    const view = await rig.submit(rig.request(customers));
    await rig.handle(view.id).signal('decide', { decision: 'e30.e30.e30', approver: 'alice', approved: true, person: { id: 'alice' } } as never);
    await refusalInEvidence(rig, view.id, 'decision-invalid');
    await expectUntouched(rig, connector, view.id);
  });
});
