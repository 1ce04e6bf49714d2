import { describe, expect, it } from 'vitest';
import { sign } from '../../domain/signing.js';
import { cancelUpdate } from '../../workflows/contract.js';
import { makeKeys } from '../helpers/keys.js';
import { RecordingConnector, succeeded } from '../helpers/fakes.js';
import { eventually } from '../helpers/rig.js';
import { customers, ended, expectUntouched, forgeSignal, grantOf, newId, planOf, refusalInEvidence, Scene } from './attacker.js';

describe('S10: forging in Temporal gains nothing', () => {
  const scene = Scene.forFile();

  const forgeries: Record<string, unknown> = {
    'plain words': 'approved',
    'an object instead of a signature': { verdict: 'approve', person: 'alice' },
    'an unsigned token': `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from('{"decision":{"verdict":"approve"}}').toString('base64url')}.`,
    nothing: null,
    'a megabyte of noise': 'a'.repeat(1_000_000),
  };
  for (const [name, forgery] of Object.entries(forgeries))
    it(`a decide signal with ${name} is recorded as an attempt`, async () => {
      const { rig, connector } = await scene.start();
      const view = await rig.submit(rig.request(customers));
      await forgeSignal(rig, view.id, forgery);
      await refusalInEvidence(rig, view.id, 'decision-invalid');
      expect((await expectUntouched(rig, connector, view.id)).status).toBe('pending');
    });

  it('a decision signed by a key of another deployment, or by another role, is refused and recorded', async () => {
    const { rig, connector } = await scene.start();
    const view = await rig.submit(rig.request(customers));
    const foreign = await makeKeys();
    expect(await rig.handle(view.id).executeUpdate('decide', { args: [{ decision: await rig.decision(view, {}, foreign) }] })).toMatchObject({
      accepted: false,
      code: 'decision-invalid',
    });
    for (const role of ['policy', 'executor'] as const) {
      const disguised = { ...rig.keys.signing[role], role: 'decision' as const };
      const keys = { ...rig.keys, signing: { ...rig.keys.signing, decision: disguised } };
      expect(await rig.handle(view.id).executeUpdate('decide', { args: [{ decision: await rig.decision(view, {}, keys) }] })).toMatchObject({
        accepted: false,
        code: 'decision-invalid',
      });
    }
    await refusalInEvidence(rig, view.id, 'decision-invalid');
    await expectUntouched(rig, connector, view.id);
  });

  it('a decision of another action, replayed here, is refused and recorded', async () => {
    const { rig, connector } = await scene.start();
    const [one, other] = [await rig.submit(rig.request(customers)), await rig.submit(rig.request(customers))];
    const decision = await rig.decision(one);
    expect(await rig.handle(other.id).executeUpdate('decide', { args: [{ decision }] })).toMatchObject({
      accepted: false,
      code: 'decision-invalid',
      detail: expect.stringContaining('another action'),
    });
    await refusalInEvidence(rig, other.id, 'decision-invalid');
    await expectUntouched(rig, connector, other.id);
  });

  it('a cancellation signed as a decision, and a decision sent as a cancellation, are refused', async () => {
    const { rig, connector } = await scene.start();
    const view = await rig.submit(rig.request(customers));
    const seconds = Math.floor(Date.now() / 1000);
    const cancellation = await sign(
      'cancellation',
      rig.keys.signing.decision,
      { actionId: view.id, verdict: 'approve' },
      { issuedAt: seconds, expiresAt: seconds + 300, id: 'x' },
    );
    expect(await rig.handle(view.id).executeUpdate('decide', { args: [{ decision: cancellation }] })).toMatchObject({
      accepted: false,
      code: 'decision-invalid',
    });
    expect(await rig.handle(view.id).executeUpdate('cancel', { args: [{ cancellation: await rig.decision(view) }] })).toMatchObject({
      accepted: false,
      code: 'decision-invalid',
    });
    await expectUntouched(rig, connector, view.id);
  });

  it('a cancellation by somebody who neither asked nor owns is refused and recorded', async () => {
    const { rig } = await scene.start();
    const view = await rig.submit(rig.request(customers));
    expect(await rig.cancel(view.id, { kind: 'agent', id: 'release-bot', name: 'Release bot' })).toMatchObject({
      accepted: false,
      code: 'cancel-not-permitted',
    });
    await refusalInEvidence(rig, view.id, 'cancel-not-permitted');
    expect((await rig.view(view.id)).status).toBe('pending');
  });

  it.each([
    ['kept from an hour ago', -3_600_000, 0],
    ['made for an hour from now', 3_600_000, 0],
    ['signed later than it says', 0, -300],
  ])('a cancellation %s, by the true key and without an end, is refused and recorded', async (_name, statedMs, signedSeconds) => {
    const { rig } = await scene.start();
    const view = await rig.submit(rig.request(customers));
    const cancelledAt = new Date(Date.now() + statedMs).toISOString();
    const content = { cancellationId: newId(), actionId: view.id, by: { kind: 'agent', id: 'invoice-bot', name: 'Invoice bot' }, cancelledAt };
    const issuedAt = Math.floor(Date.parse(cancelledAt) / 1000) + signedSeconds;
    const cancellation = await sign('cancellation', rig.keys.signing.decision, content, {
      issuedAt,
      expiresAt: issuedAt + 864_000,
      id: content.cancellationId,
    });
    expect(await rig.handle(view.id).executeUpdate(cancelUpdate, { args: [{ cancellation }] })).toMatchObject({ accepted: false, code: 'decision-invalid' });
    await refusalInEvidence(rig, view.id, 'decision-invalid');
    expect((await rig.view(view.id)).status).toBe('pending');
  });

  it('the executor refuses a grant without approvals, with a made-up plan, or with a plan the attacker signed', async () => {
    const { rig, connector } = await scene.start();
    const request = rig.request(customers);
    const view = await rig.submit(request);
    const foreign = await makeKeys();
    const seconds = Math.floor(Date.now() / 1000);
    const real = JSON.parse(Buffer.from((await planOf(rig, view.id)).split('.')[1] ?? '', 'base64url').toString()) as { plan: Record<string, unknown> };
    const allowing = { ...real.plan, outcome: 'allow', stages: [] };
    const times = { issuedAt: seconds, expiresAt: seconds + 3600, id: 'forged' };
    const signedRequest = await rig.sealRequest(request);
    const grants = [
      await grantOf(rig, request, []),
      { request, signedRequest, plan: await sign('plan', foreign.signing.policy, allowing, times), approvals: [] },
      { request, signedRequest, plan: await sign('plan', { ...rig.keys.signing.decision, role: 'policy' }, allowing, times), approvals: [] },
      { request, signedRequest, plan: JSON.stringify(allowing), approvals: [] },
      { request, signedRequest, plan: await rig.decision(view), approvals: [] },
      { request, signedRequest, approvals: 'all of them' },
    ];
    for (const grant of grants) expect(await scene.callExecutor(rig, grant)).toMatchObject({ refused: 'grant-invalid' });
    const renamed = {
      request: { ...request, id: newId() },
      signedRequest,
      plan: await planOf(rig, view.id),
      approvals: [{ stage: 0, decision: await rig.decision(view) }],
    };
    expect(await scene.callExecutor(rig, renamed)).toMatchObject({ refused: 'request-unsigned' });
    expect(connector.ran).toEqual([]);
  });

  it('a workflow started by hand with a made-up outcome in its input still asks people', async () => {
    const { rig, connector } = await scene.start();
    const request = rig.request(customers);
    const input = { request, signedRequest: await rig.sealRequest(request), approved: true, status: 'executing', opened: { plan: { outcome: 'allow' } } };
    await rig.client.workflow.start('action', { workflowId: request.id, taskQueue: rig.taskQueue, args: [input] });
    const view = await eventually(async () => {
      const now = await rig.view(request.id);
      return now.status === 'evaluating' ? undefined : now;
    });
    expect(view.status).toBe('pending');
    expect(connector.ran).toEqual([]);
  });

  it('a workflow cancelled from outside while the executor works ends as what the executor reports', async () => {
    const connector = new RecordingConnector(async () => {
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      return succeeded();
    });
    const { rig } = await scene.start({ connector });
    const view = await rig.submit(rig.request(customers));
    await rig.decide(view);
    await eventually(() => connector.ran.length === 1);
    await rig.handle(view.id).cancel();
    expect((await ended(rig, view.id)).status).toBe('executed');
    await rig.handle(view.id).result();
    expect((await rig.evidence.ofAction(view.id)).at(-1)).toMatchObject({ kind: 'closed', body: { status: 'executed' } });
  });

  it('a workflow cancelled from outside while people decide does not run', async () => {
    const { rig, connector } = await scene.start();
    const view = await rig.submit(rig.request(customers));
    await rig.handle(view.id).cancel();
    expect((await ended(rig, view.id)).status).toBe('cancelled');
    await expectUntouched(rig, connector, view.id);
  });
});
