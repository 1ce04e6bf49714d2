import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPostgresGrantStore, openPostgresGrantStore } from '../../activities/adapters/grant-store-postgres.js';
import { RecordingConnector, succeeded } from '../helpers/fakes.js';
import { makeKeys } from '../helpers/keys.js';
import { TestPostgres } from '../helpers/postgres.js';
import { customers, ended, grantOf, idOf, releaseOf, Scene } from './attacker.js';

// The attacker holds Temporal and copies a grant to the queues of two executors on two hosts, which share a store in PostgreSQL.
describe.skipIf(!TestPostgres.available)('S2: once, with two executors on one PostgreSQL', () => {
  const scene = Scene.forFile();
  let server: TestPostgres;
  beforeAll(async () => {
    server = await TestPostgres.start();
  });
  afterAll(() => server.stop());
  const slow = () =>
    new RecordingConnector(
      async () => {
        await new Promise((resolve) => setTimeout(resolve, 300));
        return succeeded();
      },
      { idempotent: false },
    );
  async function two() {
    const url = await server.database();
    await createPostgresGrantStore(url);
    const keys = await makeKeys();
    const executor = async () => scene.start({ connector: slow(), keys, grants: await openPostgresGrantStore(url) });
    return [await executor(), await executor()] as const;
  }

  it('a grant presented to both at the same moment runs at one of them', async () => {
    const [one, other] = await two();
    const request = one.rig.request(customers);
    const view = await one.rig.submit(request);
    const decision = await one.rig.decision(view);
    const grant = { ...(await grantOf(one.rig, request, [{ stage: 0, decision }])), release: await releaseOf(one.rig, view, [idOf(decision)]) };
    const outcomes = await Promise.all([one, other, one, other].map(({ rig }) => scene.callExecutor(rig, grant)));
    expect(one.connector.ran.length + other.connector.ran.length).toBe(1);
    expect(outcomes.every((outcome) => 'status' in outcome && ['succeeded', 'unknown'].includes(outcome.status))).toBe(true);
  });

  it('a grant that one has executed is answered by the other as it ended, and not run', async () => {
    const [one, other] = await two();
    const request = one.rig.request(customers);
    const view = await one.rig.submit(request);
    const decision = await one.rig.decision(view);
    await one.rig.handle(view.id).signal('decide', { decision });
    expect((await ended(one.rig, view.id)).status).toBe('executed');
    const grant = await grantOf(one.rig, request, [{ stage: 0, decision }]);
    expect(await scene.callExecutor(other.rig, grant)).toMatchObject({ status: 'succeeded' });
    expect([one.connector.ran.length, other.connector.ran.length]).toEqual([1, 0]);
  });
});
