import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import type { ConnectorDefinition, ExecutionOutcome } from '../../domain/connector.js';
import { httpRequest } from '../../domain/connectors/index.js';
import { reportAudience, reportType } from '../../domain/report.js';
import { executorTaskQueue } from '../../workflows/contract.js';
import { attacker } from './attacker-worker.js';
import { grantOf, idOf, releaseOf, Scene } from './attacker.js';

const { privateKey, publicKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
const { x = '' } = await exportJWK(publicKey);
const definition: ConnectorDefinition = {
  ...httpRequest,
  name: 'release.rollout',
  resourceTypes: ['Service'],
  idempotent: false,
  previews: false,
  external: { taskQueue: 'acme', activity: 'rollout', reportKey: { kty: 'OKP', crv: 'Ed25519', x } },
  parameters: {
    type: 'object',
    additionalProperties: false,
    properties: { version: { type: 'string', 'x-display': true, 'x-policy': true }, percent: { type: 'integer', 'x-display': true, 'x-policy': true } },
  },
};

// The attacker holds Temporal and the encryption key, and tells the executor how a connector outside it ended, before that connector does.
describe('S11: a false settlement', () => {
  const scene = Scene.forFile();

  it('is not believed of a connector that signs its reports, and the true one still counts', async () => {
    const { rig } = await scene.start({ external: [definition] });
    const request = rig.request({ action: 'release.rollout', resource: { type: 'Service', id: 'acme/shop' }, parameters: { version: '1.4.2', percent: 20 } });
    const view = await rig.submit(request);
    expect(view.status).toBe('pending');
    const decision = await rig.decision(view, { by: 'carol', groups: ['g-security'] });
    const grant = { ...(await grantOf(rig, request, [{ stage: 0, decision }])), release: await releaseOf(rig, view, [idOf(decision)]) };
    const call = <T>(activity: string, input: unknown) => attacker<T>(scene.temporal.address, { taskQueue: executorTaskQueue(rig.taskQueue), activity, input });

    expect(await call('authorize', { grant, taskQueue: 'acme' })).toMatchObject({ ok: true });
    const at = new Date().toISOString();
    const done: ExecutionOutcome = { status: 'succeeded', facts: [], startedAt: at, finishedAt: at };
    const failed: ExecutionOutcome = { status: 'failed', code: 'target-refused', detail: 'no', finishedAt: at };
    for (const outcome of [done, failed, { ...done, report: 'a.b.c' }])
      expect(await call('settle', { actionId: view.id, outcome })).toMatchObject({ status: 'unknown' });
    expect((await rig.grants.find(view.id))?.state).toBe('started');

    const report = await new SignJWT({ actionId: view.id, actionDigest: view.digest, outcome: done })
      .setProtectedHeader({ alg: 'EdDSA', typ: reportType })
      .setIssuer('acme')
      .setAudience(reportAudience)
      .setJti(`permit_${view.id}`)
      .sign(privateKey);
    expect(await call('settle', { actionId: view.id, outcome: { report } })).toMatchObject(done);
    expect(await rig.grants.find(view.id)).toMatchObject({ state: 'done', outcome: { status: 'succeeded' } });
  });
});
