import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { RecordingConnector } from '../helpers/fakes.js';
import { policiesWith } from '../helpers/policies.js';
import { eventually, Rig } from '../helpers/rig.js';

const routes = `
  everybody:
    stages: [{ name: Everybody, approvers: { groups: [g-data-owners, g-security] }, quorum: all, expires_in: 1h }]
  rejections:
    stages: [{ name: Board, approvers: { people: [alice, bob, carol] }, reject_quorum: 2, expires_in: 1h }]
  replaced:
    stages:
      - { name: Replaced, approvers: { people: [alice] }, escalate: [{ after: 1s, mode: replace, approvers: { people: [carol] } }], expires_in: 1h }
  soon:
    expires_in: 2s
    stages: [{ name: Soon, approvers: { people: [alice] }, expires_in: 1h }]
`;

describe('forms of consent', () => {
  const connector = new RecordingConnector();
  let rig: Rig;
  beforeAll(async () => {
    rig = await Rig.start({ address: inject('temporalAddress'), policies: policiesWith(routes), connectors: [connector] });
  });
  afterAll(() => rig.stop());
  const ask = (route: string) => rig.submit(rig.request({ action: 'postgres.export', resource: { type: 'Table', id: `crm/public.${route}` } }));
  const ends = (id: string, status: string) => eventually(async () => ((await rig.view(id)).status === status ? rig.view(id) : undefined));

  it('all of: it runs when the last of them has approved, and not before', async () => {
    const view = await ask('everybody');
    expect(view.stage).toMatchObject({ quorum: 3, approvers: [{ id: 'alice' }, { id: 'bob' }, { id: 'carol' }] });
    for (const by of ['carol', 'alice']) expect(await rig.decide(view, { by })).toMatchObject({ accepted: true, view: { status: 'pending' } });
    expect(connector.ran).toEqual([]);
    expect(await rig.decide(view, { by: 'bob' })).toMatchObject({ accepted: true });
    await ends(view.id, 'executed');
  });

  it('one rejection of two does not end it, and who rejected cannot approve', async () => {
    const view = await ask('rejections');
    expect(await rig.decide(view, { by: 'alice', verdict: 'reject' })).toMatchObject({ accepted: true, view: { status: 'pending' } });
    expect((await rig.view(view.id)).stage?.approvers.map(({ id }) => id)).toEqual(['bob', 'carol']);
    for (const verdict of ['approve', 'reject'] as const)
      expect(await rig.decide(view, { by: 'alice', verdict, decisionId: `again-${verdict}` })).toMatchObject({ accepted: false, code: 'decided-already' });
    expect(await rig.decide(view, { by: 'bob' })).toMatchObject({ accepted: true });
    await ends(view.id, 'executed');
  });

  it('two rejections end it', async () => {
    const view = await ask('rejections');
    for (const by of ['alice', 'carol']) expect(await rig.decide(view, { by, verdict: 'reject' })).toMatchObject({ accepted: true });
    expect((await ends(view.id, 'rejected')).story.filter(({ kind }) => kind === 'rejected').map(({ text }) => text)).toEqual([
      'alice rejected: 1 of the 2 that end it.',
      'carol rejected: 2 of the 2 that end it.',
    ]);
  });

  it('whom an escalation replaced decides no more, and the one in their place does', async () => {
    const view = await ask('replaced');
    expect(view.stage?.approvers.map(({ id }) => id)).toEqual(['alice']);
    const now = await eventually(async () => {
      const shown = await rig.view(view.id);
      return shown.stage?.escalationLevel === 1 && shown.stage.approvers[0]?.id === 'carol' ? shown : undefined;
    });
    expect(now.stage?.approvers.map(({ id }) => id)).toEqual(['carol']);
    expect(await rig.decide(view, { by: 'alice' })).toMatchObject({ accepted: false, code: 'approver-not-eligible' });
    expect(await rig.decide(view, { by: 'carol' })).toMatchObject({ accepted: true });
    await ends(view.id, 'executed');
  });

  it('the deadline of a route ends it while its stage would still wait', async () => {
    const view = await ask('soon');
    expect(Date.parse(view.deadlineAt ?? '')).toBeLessThan(Date.parse(view.requestedAt) + 3_600_000);
    const over = await ends(view.id, 'expired');
    expect(over.decisions).toEqual([]);
  });
});
