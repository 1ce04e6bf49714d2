import { describe, expect, it } from 'vitest';
import type { action } from '../../workflows/action.js';
import { makeKeys, sealRequest } from '../helpers/keys.js';
import { RecordingConnector } from '../helpers/fakes.js';
import { customers, Scene } from './attacker.js';

// The attacker holds Temporal: they can start any workflow with any input, and read what others were started with.
describe('S10: a workflow started past the api', () => {
  const scene = Scene.forFile();
  const publicTable = { action: 'postgres.export', resource: { type: 'Table', id: 'crm/public.products' } };

  it('runs nothing in the name of another requester, even what policy would allow at once', async () => {
    const connector = new RecordingConnector();
    const { rig } = await scene.start({ connector });
    const honest = rig.request(publicTable);
    const foreign = await makeKeys();
    const forgeries: Record<string, string> = {
      'no signature': '',
      'a signature of another deployment': await sealRequest(honest, foreign.signing.decision),
      'a signature by the policy key': await sealRequest(honest, { ...rig.keys.signing.policy, role: 'decision' }),
      'the signature of another request': await rig.sealRequest(rig.request(publicTable)),
    };
    for (const [name, signedRequest] of Object.entries(forgeries)) {
      const request = rig.request(publicTable);
      const handle = await rig.client.workflow.start<typeof action>('action', {
        workflowId: request.id,
        taskQueue: rig.taskQueue,
        args: [{ request, signedRequest }],
      });
      expect((await handle.result()).status, name).toBe('denied');
      expect((await rig.view(request.id)).denial?.code, name).toBe('request-unsigned');
      const [opened] = await rig.evidence.ofAction(request.id);
      expect(opened, name).toMatchObject({ kind: 'opened', body: { result: { plan: { outcome: 'deny', denial: { code: 'request-unsigned' } } } } });
    }
    expect(connector.ran).toEqual([]);
  });

  it('gains no plan from a clock set back to before the request, so that escalations would come at once', async () => {
    const { rig } = await scene.start();
    const request = rig.request(customers);
    const input = { request, signedRequest: await rig.sealRequest(request), runId: 'attacker', nowMs: Date.now() - 3 * 3_600_000 };
    expect(await scene.callWorkerAs(rig, request.id, 'open', input)).toMatchObject({ plan: { outcome: 'deny', denial: { code: 'request-unsigned' } } });
  });

  it('gains nothing from the signature of an action that is over', async () => {
    const connector = new RecordingConnector();
    const { rig } = await scene.start({ connector });
    const request = rig.request(publicTable);
    await rig.submit(request);
    await rig.handle(request.id).result();
    const handle = await rig.client.workflow.start<typeof action>('action', {
      workflowId: `${request.id}-again`,
      taskQueue: rig.taskQueue,
      args: [{ request, signedRequest: await rig.sealRequest(request) }],
    });
    await expect(handle.result()).rejects.toMatchObject({ cause: { type: 'request-unsigned' } });
    // Nor does it say a word in the evidence of that action.
    expect((await rig.evidence.ofAction(request.id)).map((entry) => entry.kind)).toEqual(['opened', 'closed']);
    expect(connector.ran.length).toBe(1);
  });
});
