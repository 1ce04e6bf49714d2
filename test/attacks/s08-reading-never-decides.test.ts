import { describe, expect, it } from 'vitest';
import { customers, expectUntouched, Scene } from './attacker.js';

describe('S8: reading never decides', () => {
  const scene = Scene.forFile();

  it('a hundred reads and repeated verdict updates change nothing', async () => {
    const { rig, connector } = await scene.start();
    const request = rig.request(customers);
    const view = await rig.submit(request);
    const before = await rig.view(view.id);
    await Promise.all(Array.from({ length: 100 }, () => rig.view(view.id)));
    for (let again = 0; again < 5; again += 1) expect((await rig.submit(request)).status).toBe('pending');
    const after = await rig.view(view.id);
    expect({ ...after, channels: [] }).toEqual({ ...before, channels: [] });
    expect((await rig.evidence.ofAction(view.id)).map((entry) => entry.kind)).toEqual(['opened']);
    await expectUntouched(rig, connector, view.id);
  });

  it('a delivered decision that is delivered again under its update id answers as before and counts once', async () => {
    const { rig } = await scene.start();
    const view = await rig.submit(rig.request({ action: 'postgres.export', parameters: { columns: ['id'], format: 'csv' } }));
    const decision = await rig.decision(view);
    const send = () => rig.handle(view.id).executeUpdate('decide', { args: [{ decision }], updateId: 'the-same' });
    const first = await send();
    expect(await send()).toEqual(first);
    expect((await rig.view(view.id)).decisions.length).toBe(1);
  });
});
