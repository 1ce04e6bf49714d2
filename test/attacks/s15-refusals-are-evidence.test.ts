import { describe, expect, it } from 'vitest';
import { decideUpdate } from '../../workflows/contract.js';
import { customers, forgeSignal, planOf, Scene } from './attacker.js';
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

  it('refusals and judgements of a true decision, made up past the workflow, cannot keep it from being recorded', async () => {
    const { rig } = await scene.start();
    const request = rig.request(customers);
    const view = await rig.submit(request);
    const decision = await rig.decision(view);
    const input = { request, signedRequest: await rig.sealRequest(request), signedDecision: decision, signedPlan: await planOf(rig, view.id) };
    const rest = { approvals: [], level: 0, counted: [], usedDecisionIds: [], completes: false, nowMs: Date.now() };
    const outcomes = [];
    for (let n = 1; n <= 45; n += 1) {
      const forged = { ...input, ...rest, stage: n % 2 === 0 ? 0 : 100 + n, round: 1_000 + n, attempt: n };
      const outcome = await scene.callWorkerAs<object>(rig, view.id, 'judge', forged).catch((error: unknown) => (error as { readonly type?: string }).type);
      outcomes.push(typeof outcome === 'object' ? 'judged' : outcome);
    }
    expect(new Set(outcomes)).toEqual(new Set(['judged', 'rate-limited']));
    const entries = (await rig.evidence.ofAction(view.id)).filter((entry) => entry.key.startsWith('decision:'));
    expect(entries.length).toBeLessThanOrEqual(21);
    const late = await rig.submit(rig.request(customers));
    const honest = await rig.decision(late);
    const of = { ...input, request: rig.request({ ...customers, id: late.id }), signedDecision: honest, ...rest, round: 1 };
    for (let n = 1; n <= 25; n += 1)
      await scene.callWorkerAs(rig, late.id, 'judge', { ...of, stage: n, attempt: n, closed: { code: `x${n}`, detail: '' } }).catch(() => undefined);
    expect(await rig.handle(late.id).executeUpdate(decideUpdate, { args: [{ decision: honest, by: 'alice' }] })).toMatchObject({ accepted: true });
    expect((await rig.handle(late.id).result()).status).toBe('executed');
  });
});
