import { afterEach, describe, expect, it } from 'vitest';
import { keysForEvidence, verify } from '../../domain/signing.js';
import { LiveKeys } from '../helpers/live-keys.js';
import { allCustomers, customers, ended, expectUntouched, grantOf, planOf, Scene } from './attacker.js';

describe('S18: keys rotate', () => {
  const scene = Scene.forFile();
  const started: LiveKeys[] = [];
  afterEach(() => {
    for (const live of started.splice(0)) live.stop();
  });
  const start = async (options: Parameters<Scene['start']>[0] = {}) => {
    const live = await LiveKeys.start();
    started.push(live);
    return { live, ...(await scene.start({ ...options, keys: live.keys })) };
  };

  it('an approval given before a rotation counts, and so does the next one, by the successor', async () => {
    const { live, rig, connector } = await start();
    const view = await rig.submit(rig.request(allCustomers));
    const old = live.taken('decision').kid;
    expect(await rig.decide(view, { by: 'alice' })).toMatchObject({ accepted: true });
    for (const role of ['decision', 'policy', 'executor'] as const) await live.rotate(role, 0);
    expect(live.taken('decision').kid).not.toBe(old);
    expect(await rig.decide(await rig.view(view.id), { by: 'carol', groups: ['g-security'] })).toMatchObject({ accepted: true });
    expect(await ended(rig, view.id)).toMatchObject({ status: 'executed' });
    expect(connector.ran.length).toBe(1);
  });

  it('who took the old key along signs nothing with it after it was retired', async () => {
    const { live, rig, connector } = await start();
    const view = await rig.submit(rig.request(customers));
    const stolen = live.taken('decision');
    await live.rotate('decision', 0);
    const keys = { ...rig.keys, signing: { ...rig.keys.signing, decision: stolen } };
    expect(await rig.handle(view.id).executeUpdate('decide', { args: [{ decision: await rig.decision(view, {}, keys) }] })).toMatchObject({
      accepted: false,
      code: 'decision-invalid',
      detail: expect.stringContaining(`${stolen.kid} after it was retired`),
    });
    await expectUntouched(rig, connector, view.id);
  });

  it('a key marked compromised after an approval: nothing that rests on it runs, and it says why', async () => {
    const { live, rig, connector } = await start();
    const view = await rig.submit(rig.request(allCustomers));
    await rig.decide(view, { by: 'alice' });
    const stolen = live.taken('decision');
    await live.compromise(stolen.kid);
    await live.rotate('decision', 0);
    const late = await rig.decide(await rig.view(view.id), { by: 'carol', groups: ['g-security'] });
    expect(late).toMatchObject({ accepted: false, code: 'request-unsigned', detail: expect.stringContaining('marked compromised') });
    expect(connector.ran).toEqual([]);
    // What is asked for and decided from now on does not suffer.
    const next = await rig.submit(rig.request(customers));
    expect(await rig.decide(next)).toMatchObject({ accepted: true });
    expect(await ended(rig, next.id)).toMatchObject({ status: 'executed' });
    expect(connector.ran.map(({ id }) => id)).toEqual([next.id]);
  });

  it('a key marked compromised between the last approval and the execution: the executor refuses, and says why', async () => {
    const operator: { live?: LiveKeys } = {};
    const { live, rig, connector } = await start({
      // The release is the last thing that is recorded before the executor is asked.
      evidence: (log) => ({
        ...log,
        append: async (entry) => {
          const recorded = await log.append(entry);
          if (entry.kind === 'released') await operator.live?.compromise(operator.live.taken('decision').kid);
          return recorded;
        },
      }),
    });
    operator.live = live;
    const view = await rig.submit(rig.request(customers));
    const { kid } = live.taken('decision');
    expect(await rig.decide(view)).toMatchObject({ accepted: true });
    const over = await ended(rig, view.id);
    expect(over.status).toBe('failed');
    expect(JSON.stringify(over.outcome)).toContain(`signed by the key ${kid}, which was marked compromised at `);
    expect(connector.ran).toEqual([]);
  });

  it('a grant whose plan or release the stolen policy key signed is refused, and is still legible as evidence', async () => {
    const { live, rig, connector } = await start();
    const request = rig.request(customers);
    const view = await rig.submit(request);
    const { kid } = live.taken('policy');
    const grant = await grantOf(rig, request, [{ stage: 0, decision: await rig.decision(view) }]);
    await live.compromise(kid);
    expect(await scene.callExecutor(rig, grant)).toMatchObject({
      refused: 'grant-invalid',
      message: expect.stringContaining(`plan: signed by the key ${kid}, which was marked compromised`),
    });
    expect(connector.ran).toEqual([]);
    expect(await verify('plan', await planOf(rig, view.id), keysForEvidence(live.keys.trusted))).toMatchObject({ kid });
  });
});
