import { describe, expect, it } from 'vitest';
import { decideUpdate } from '../../workflows/contract.js';
import { customers, Scene } from './attacker.js';

// The attacker is a person of the directory with a valid session, or a client that repeats itself; Temporal keeps at most
// 2,000 updates for one workflow, and after the last of them nobody could decide.
describe('S16: nobody can wedge an action with many tries', () => {
  const scene = Scene.forFile();

  it('tries beyond the bound leave nothing behind, and those entitled still decide', async () => {
    const { rig } = await scene.start();
    const view = await rig.submit(rig.request(customers));
    const handle = rig.handle(view.id);
    let refused = 0;
    for (let batch = 0; batch < 10; batch += 1) {
      const tries = Array.from({ length: 10 }, async () =>
        handle.executeUpdate(decideUpdate, { args: [{ decision: await rig.decision(view, { by: 'carol', groups: [] }), by: 'carol' }] }),
      );
      refused += (await Promise.allSettled(tries)).filter((one) => one.status === 'rejected').length;
    }
    expect(refused).toBeGreaterThanOrEqual(80);
    const { historyLength } = await handle.describe();
    expect((await rig.view(view.id)).refusedCount).toBe(20);
    await Promise.allSettled(Array.from({ length: 20 }, async () => handle.executeUpdate(decideUpdate, { args: [{ decision: 'x', by: 'carol' }] })));
    expect((await handle.describe()).historyLength).toBe(historyLength);
    expect(await rig.decide(view, { by: 'alice' })).toMatchObject({ accepted: true });
    expect((await handle.result()).status).toBe('executed');
  });
});
