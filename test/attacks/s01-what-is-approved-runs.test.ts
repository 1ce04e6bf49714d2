import { describe, expect, it } from 'vitest';
import { loadPolicies } from '../../policy/bundle.js';
import { policiesWith } from '../helpers/policies.js';
import { allCustomers, customers, ended, grantOf, refusalInEvidence, Scene } from './attacker.js';

describe('S1: what is approved is what runs', () => {
  const scene = Scene.forFile();

  it('parameters edited after approval: the executor runs nothing, whoever hands it the grant', async () => {
    const { rig, connector } = await scene.start();
    const request = rig.request(customers);
    const view = await rig.submit(request);
    const decision = await rig.decision(view);
    const grant = await grantOf(rig, request, [{ stage: 0, decision }]);
    const edits = [
      { ...request, parameters: { ...request.parameters, limit: 1_000_000 } },
      { ...request, parameters: { ...request.parameters, columns: ['id', 'card_number'] } },
      { ...request, resource: { type: 'Table', id: 'crm/public.salaries' } },
      { ...request, reason: 'Something else' },
      { ...request, onBehalfOf: 'carol' },
    ];
    for (const edited of edits) {
      expect(await scene.callExecutor(rig, { ...grant, request: edited })).toEqual({
        refused: 'request-unsigned',
        message: 'The executor refused the grant: request: signed for another request.',
      });
    }
    expect(connector.ran).toEqual([]);
  });

  it('connector schema swapped after approval: refused as another definition', async () => {
    const { rig, connector } = await scene.start();
    const request = rig.request(customers);
    const view = await rig.submit(request);
    const swapped = { ...request, connector: { ...request.connector, digest: 'sha256:00' as const } };
    const denied = await rig.submit({ ...swapped, id: rig.request(customers).id });
    expect(denied).toMatchObject({ status: 'denied', denial: { code: 'connector-mismatch' } });
    const grant = await grantOf(rig, swapped, [{ stage: 0, decision: await rig.decision(view) }]);
    expect(await scene.callExecutor(rig, grant)).toMatchObject({ refused: 'grant-invalid' });
    expect(connector.ran).toEqual([]);
  });

  it('a decision on the digest of another version of the card is refused and recorded', async () => {
    const { rig, connector } = await scene.start();
    const view = await rig.submit(rig.request(customers));
    for (const stale of [{ actionDigest: 'sha256:ff' as const }, { planDigest: 'sha256:ff' as const }])
      expect(await rig.decide(view, stale)).toMatchObject({ accepted: false, code: 'decision-digest-mismatch' });
    await refusalInEvidence(rig, view.id, 'decision-digest-mismatch');
    expect((await rig.view(view.id)).status).toBe('pending');
    expect(connector.ran).toEqual([]);
  });

  it('policy that forbids it between approval and execution: denied, nothing runs', async () => {
    const { rig, connector } = await scene.start();
    const view = await rig.submit(rig.request(customers));
    rig.bundle.current = loadPolicies(policiesWith('  other:\n    stages: [{ name: One, approvers: { groups: [g-security] }, expires_in: 1h }]\n'));
    await rig.decide(view);
    expect(await ended(rig, view.id)).toMatchObject({ status: 'denied', denial: { code: 'policy-no-match' } });
    expect(connector.ran).toEqual([]);
    expect((await rig.evidence.ofAction(view.id)).map((entry) => entry.kind)).toEqual(['opened', 'decided', 'replanned', 'closed']);
  });

  it('policy that asks for more between approval and execution: the approval is void, the old digest refused', async () => {
    const { rig, connector } = await scene.start();
    const view = await rig.submit(rig.request(customers));
    rig.bundle.current = loadPolicies(
      policiesWith('  customers:\n    stages: [{ name: Security, approvers: { groups: [g-security] }, quorum: 2, expires_in: 1h }]\n'),
    );
    const after = await rig.decide(view, { by: 'bob' });
    expect(after.view).toMatchObject({ status: 'pending', round: 2, stage: { name: 'Security', quorum: 2, approvals: [] } });
    expect(await rig.decide(view, { by: 'carol' })).toMatchObject({ accepted: false, code: 'decision-digest-mismatch' });
    expect((await rig.decide(after.view, { by: 'carol' })).view.status).toBe('pending');
    expect((await rig.decide(after.view, { by: 'alice' })).view.status).toBe('executing');
    expect((await ended(rig, view.id)).status).toBe('executed');
    expect(connector.ran.length).toBe(1);
  });

  it('an approval of the small export does not carry the large one', async () => {
    const { rig, connector } = await scene.start();
    const small = rig.request(customers);
    const large = rig.request(allCustomers);
    const [smallView] = [await rig.submit(small), await rig.submit(large)];
    const decision = await rig.decision(smallView);
    expect(await scene.callExecutor(rig, await grantOf(rig, large, [{ stage: 0, decision }]))).toMatchObject({
      refused: 'grant-invalid',
      message: expect.stringContaining('of another action'),
    });
    expect(connector.ran).toEqual([]);
  });
});
