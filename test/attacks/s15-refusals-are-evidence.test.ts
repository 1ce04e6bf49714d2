import { describe, expect, it } from 'vitest';
import { customers, forgeSignal, Scene } from './attacker.js';
import { eventually } from '../helpers/rig.js';

describe('S15: refusals are evidence', () => {
  const scene = Scene.forFile();

  it('every refused decision stands in the log with its reason and with what was sent', async () => {
    const { rig, connector } = await scene.start();
    const view = await rig.submit(rig.request(customers));
    const sent = await rig.decision(view, { by: 'dave' });
    await forgeSignal(rig, view.id, sent);
    await forgeSignal(rig, view.id, 'forged');
    const refused = await eventually(async () => {
      const entries = (await rig.evidence.ofAction(view.id)).filter((entry) => entry.kind === 'refused');
      return entries.length === 2 ? entries : undefined;
    });
    expect(refused.map((entry) => entry.body)).toMatchObject([
      { signedDecision: sent, record: { accepted: false, refusal: { code: 'approver-is-requester' } } },
      { signedDecision: 'forged', record: { accepted: false, refusal: { code: 'decision-invalid' } } },
    ]);
    expect((await rig.view(view.id)).refusedCount).toBe(2);
    expect(connector.ran).toEqual([]);
  });

  it('a flood of forged signals is bounded in view and in evidence, and locks nobody out', async () => {
    const { rig } = await scene.start();
    const view = await rig.submit(rig.request(customers));
    for (let batch = 0; batch < 4; batch += 1) await Promise.all(Array.from({ length: 20 }, (_, n) => forgeSignal(rig, view.id, `forged-${batch}-${n}`)));
    await eventually(async () => (await rig.view(view.id)).refusedCount >= 20, 60_000);
    expect(await rig.decide(view, { by: 'alice' })).toMatchObject({ accepted: true });
    expect((await rig.handle(view.id).result()).status).toBe('executed');
    expect((await rig.view(view.id)).decisions.length).toBeLessThanOrEqual(21);
    expect((await rig.evidence.ofAction(view.id)).filter((entry) => entry.kind === 'refused').length).toBe(20);
  });
});
