import { describe, expect, it } from 'vitest';
import type { Judgement, WorkerActivities } from '../../activities/types.js';
import type { ActionRequest } from '../../domain/request.js';
import type { ActionView } from '../../domain/view.js';
import type { Rig } from '../helpers/rig.js';
import { policiesWith } from '../helpers/policies.js';
import { customers, ended, grantOf, idOf, planOf, releaseOf, Scene } from './attacker.js';

// Any one of three may approve, so that enough approvals can exist beside a rejection.
const routes = policiesWith('  customers:\n    stages: [{ name: One, approvers: { people: [alice, bob, carol] }, expires_in: 1h }]\n');

describe('S10: approvals are executed only once the worker has released them', () => {
  const scene = Scene.forFile();

  /** What an attacker hands to the worker's own `judge`, past every workflow. */
  async function judgeInput(rig: Rig, request: ActionRequest, signedDecision: string) {
    return {
      request,
      signedRequest: await rig.sealRequest(request),
      signedDecision,
      signedPlan: await planOf(rig, request.id),
      approvals: [],
      stage: 0,
      level: 0,
      counted: [],
      usedDecisionIds: [],
      round: 1,
      completes: true,
      attempt: 99,
      nowMs: Date.now(),
    };
  }

  const judgeDirectly = (rig: Rig, input: Awaited<ReturnType<typeof judgeInput>>) => scene.callWorkerAs<Judgement>(rig, input.request.id, 'judge', input);

  it('an approval that nobody judged is refused, whatever release is presented with it', async () => {
    const { rig, connector } = await scene.start();
    const request = rig.request(customers);
    const view = await rig.submit(request);
    const other = await rig.submit(rig.request(customers));
    const decision = await rig.decision(view);
    const grant = await grantOf(rig, request, [{ stage: 0, decision }]);
    const forged: Record<string, unknown> = {
      'there is none': undefined,
      'not a compact JWS': null,
      'the signature does not hold': await releaseOf(rig, view, [idOf(decision)], { ...rig.keys.signing.decision, role: 'policy' }),
      'signed for another purpose': grant.plan,
      'of another action': await releaseOf(rig, other, [idOf(decision)]),
      'under another plan': await releaseOf(rig, { ...view, planDigest: other.planDigest }, [idOf(decision)]),
      'of another digest': await releaseOf(rig, { ...view, digest: other.digest }, [idOf(decision)]),
      'for other approvals than these': await releaseOf(rig, view, []),
    };
    for (const [check, release] of Object.entries(forged))
      expect(await scene.callExecutor(rig, { ...grant, ...(release === undefined ? {} : { release }) }), check).toEqual({
        refused: 'grant-invalid',
        message: `The executor refused the grant: release: ${check}.`,
      });
    expect(connector.ran).toEqual([]);
  });

  it('a rejection that counts cannot be kept back: no release is given beside it, and none of the workflow carries over', async () => {
    const { rig, connector } = await scene.start({ policies: routes });
    const request = rig.request(customers);
    const view = await rig.submit(request);
    const approval = await rig.decision(view, { by: 'alice' });
    await rig.decide(view, { by: 'bob', verdict: 'reject' });
    await rig.handle(view.id).result();
    // The workflow is over; the attacker asks the worker itself, and then presents the approval without a release.
    const judged = await judgeDirectly(rig, await judgeInput(rig, request, approval));
    expect(judged).toMatchObject({ record: { accepted: false, refusal: { code: 'decision-on-final' } } });
    expect(await scene.callExecutor(rig, await grantOf(rig, request, [{ stage: 0, decision: approval }]))).toMatchObject({
      message: 'The executor refused the grant: release: there is none.',
    });
    expect(connector.ran).toEqual([]);
  });

  it.each(['rejected', 'cancelled'] as const)('evidence that says %s withholds the release, though the workflow never heard of it', async (how) => {
    const { rig, connector } = await scene.start({ policies: routes });
    const request = rig.request(customers);
    const view = await rig.submit(request);
    const approval = await rig.decision(view, { by: 'alice' });
    // The attacker keeps from the workflow what the worker has judged: it is as if its task had been thrown away.
    if (how === 'rejected') {
      const rejection = await judgeInput(rig, request, await rig.decision(view, { by: 'bob', verdict: 'reject' }));
      expect(await judgeDirectly(rig, rejection)).toMatchObject({ record: { accepted: true } });
    } else await evidenceOfCancellation(rig, view);
    expect(await judgeDirectly(rig, await judgeInput(rig, request, approval))).toMatchObject({
      record: { accepted: true },
      again: { verdict: 'withheld', status: how },
    });
    // The workflow, when it gets the approval, ends as evidence says and not as the approval would.
    await rig.handle(view.id).executeUpdate('decide', { args: [{ decision: approval }] });
    expect((await ended(rig, view.id)).status).toBe(how);
    expect((await rig.evidence.ofAction(view.id)).some((entry) => entry.kind === 'released')).toBe(false);
    expect(connector.ran).toEqual([]);
  });

  it('a release is given for judged approvals alone: none that were made up or judged under another plan', async () => {
    const { rig } = await scene.start({
      policies: policiesWith('  customers:\n    stages: [{ name: Two, approvers: { people: [alice, bob, carol] }, quorum: 2, expires_in: 1h }]\n'),
    });
    const request = rig.request(customers);
    const view = await rig.submit(request);
    const [first, last] = [await rig.decision(view, { by: 'alice' }), await rig.decision(view, { by: 'bob' })];
    const input = await judgeInput(rig, request, last);
    expect(await judgeDirectly(rig, input)).toMatchObject({ again: { verdict: 'withheld', refusal: { detail: expect.stringContaining('1 of 2 approvals') } } });
    expect(await judgeDirectly(rig, { ...input, approvals: [{ stage: 0, decision: first }] as never })).toMatchObject({
      again: { verdict: 'withheld', refusal: { detail: 'An approval is among them that was never judged.' } },
    });
    const plan = await planOf(rig, (await rig.submit(rig.request(customers))).id);
    const stranger = await rig.decision(view, { by: 'carol' });
    expect(await judgeDirectly(rig, { ...input, signedDecision: stranger, signedPlan: plan })).toMatchObject({
      record: { accepted: false, refusal: { code: 'decision-invalid', detail: 'The plan it was made under could not be verified.' } },
    });
    expect((await rig.evidence.ofAction(view.id)).some((entry) => entry.kind === 'released')).toBe(false);
  });

  it('after the release a rejection comes too late, and the same approvals give the same release again', async () => {
    const { rig } = await scene.start({ policies: routes });
    const request = rig.request(customers);
    const view = await rig.submit(request);
    const approval = await judgeInput(rig, request, await rig.decision(view, { by: 'alice' }));
    const once = await judgeDirectly(rig, approval);
    expect(once.again?.verdict).toBe('released');
    expect((await judgeDirectly(rig, approval)).again).toEqual(once.again);
    expect(await rig.decide(view, { by: 'bob', verdict: 'reject' })).toMatchObject({ accepted: false, code: 'decision-on-final' });
    expect((await rig.cancel(view.id)).accepted).toBe(true);
    expect((await ended(rig, view.id)).status).toBe('cancelled');
  });

  it('no activity writes to the evidence of an action from a workflow that is not its own', async () => {
    const { rig } = await scene.start({ policies: routes });
    const request = rig.request(customers);
    const view = await rig.submit(request);
    const before = await rig.evidence.ofAction(view.id);
    const signedRequest = await rig.sealRequest(request);
    const calls: [keyof WorkerActivities, object][] = [
      ['open', { request, signedRequest, runId: 'another', nowMs: Date.now() }],
      ['judge', await judgeInput(rig, request, await rig.decision(view))],
      ['judgeCancellation', { request, signedCancellation: await rig.cancellation(view.id), excluded: [], attempt: 1, nowMs: Date.now() }],
      ['close', { actionId: view.id, key: 'x', kind: 'released', atMs: Date.now(), status: 'executed', handles: [] }],
    ];
    for (const [activity, input] of calls) expect(await scene.callWorker(rig, activity, input), activity).toMatchObject({ refused: 'payload-unreadable' });
    expect(await rig.evidence.ofAction(view.id)).toEqual(before);
    // What only looks like a release, wherever it came from, makes no rejection late; and a closing entry is never called anything else.
    const at = new Date().toISOString();
    const others = await releaseOf(rig, await rig.submit(rig.request(customers)), []);
    const unsigned = await releaseOf(rig, view, [], { ...rig.keys.signing.decision, role: 'policy' });
    for (const [n, release] of [undefined, 'x', others, unsigned].entries())
      await rig.evidence.append({ actionId: view.id, key: `x${n}`, kind: 'released', at, body: release === undefined ? { status: 'x' } : { release } });
    expect(await rig.decide(view, { by: 'bob', verdict: 'reject' })).toMatchObject({ accepted: true });
    expect((await ended(rig, view.id)).status).toBe('rejected');
    const other = await rig.submit(rig.request(customers));
    await scene.callWorkerAs(rig, other.id, 'close', { actionId: other.id, key: 'x', kind: 'released', atMs: Date.now(), status: 'executed', handles: [] });
    expect((await rig.evidence.ofAction(other.id)).at(-1)).toMatchObject({ key: 'closed', kind: 'closed' });
  });

  /** Has the worker judge the requester's cancellation without any workflow hearing of it. */
  async function evidenceOfCancellation(rig: Rig, view: ActionView): Promise<void> {
    const other = await rig.cancellation(view.id);
    expect(
      await scene.callWorkerAs(rig, view.id, 'judgeCancellation', {
        request: { ...rig.request(customers), id: view.id },
        signedCancellation: other,
        excluded: [],
        attempt: 99,
        nowMs: Date.now(),
      }),
    ).toMatchObject({ accepted: true });
  }
});
