import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { CountersignError } from '../../domain/errors.js';
import { decideSignal, decideUpdate } from '../../workflows/contract.js';
import { MemoryChannel, RecordingConnector } from '../helpers/fakes.js';
import { policiesWith } from '../helpers/policies.js';
import { eventually, Rig } from '../helpers/rig.js';

const routes = `
  one:
    stages: [{ name: One, approvers: { groups: [g-data-owners] }, expires_in: 1h, channels: [teams, inbox] }]
  both:
    stages: [{ name: Both, approvers: { people: [alice, bob, carol] }, quorum: 2, expires_in: 1h, channels: [teams, inbox] }]
  stages:
    stages:
      - { name: First, approvers: { groups: [g-data-owners] }, expires_in: 1h, channels: [teams, inbox] }
      - { name: Second, approvers: { groups: [g-security] }, expires_in: 1h, channels: [teams, inbox] }
  slow:
    stages:
      - name: Slow
        approvers: { people: [bob] }
        remind_after: [1s]
        escalate: [{ after: 2s, approvers: { groups: [g-security] } }]
        expires_in: 1h
        channels: [teams, inbox]
  brief:
    stages: [{ name: Brief, approvers: { people: [bob] }, expires_in: 1s, channels: [teams, inbox] }]
`;

describe('people deciding', () => {
  const connector = new RecordingConnector();
  const teams = new MemoryChannel();
  let rig: Rig;
  let listing: 'up' | 'away' = 'up';
  beforeAll(async () => {
    rig = await Rig.start({
      address: inject('temporalAddress'),
      policies: policiesWith(routes),
      connectors: [connector],
      channels: [teams],
      directory: (directory) => ({
        ...directory,
        members: async (...of) => {
          if (listing === 'away') throw new CountersignError('directory-unavailable');
          return directory.members(...of);
        },
      }),
    });
  });
  afterAll(() => rig.stop());

  const submit = (table: string) => rig.submit(rig.request({ action: 'postgres.export', resource: { type: 'Table', id: `crm/public.${table}` } }));
  const ran = (id: string) => connector.ran.filter((request) => request.id === id).length;

  it('ends with one rejection, and says who', async () => {
    const view = await submit('both');
    expect((await rig.decide(view, { by: 'bob' })).accepted).toBe(true);
    expect((await rig.decide(view, { by: 'alice', verdict: 'reject', comment: 'Too much data.' })).accepted).toBe(true);
    expect((await rig.handle(view.id).result()).status).toBe('rejected');
    expect(ran(view.id)).toBe(0);
    const final = await rig.view(view.id);
    expect(final.decisions.map(({ decision }) => [decision?.person.id, decision?.verdict])).toEqual([
      ['bob', 'approve'],
      ['alice', 'reject'],
    ]);
  });

  it('needs two different people for a quorum of two, and shows how far it is', async () => {
    const view = await submit('both');
    await rig.decide(view, { by: 'alice' });
    const again = await rig.decide(view, { by: 'alice' });
    expect(again).toMatchObject({ accepted: false, code: 'decided-already' });
    const half = await rig.view(view.id);
    expect(half.status).toBe('pending');
    expect(half.stage?.approvals.map((person) => person.id)).toEqual(['alice']);
    expect(half.stage?.approvers.map((person) => person.id)).toEqual(['bob', 'carol']);
    await rig.decide(view, { by: 'carol' });
    expect((await rig.handle(view.id).result()).status).toBe('executed');
    expect(ran(view.id)).toBe(1);
  });

  it('goes through its stages in order, and nobody counts in two of them', async () => {
    const view = await submit('stages');
    expect(await rig.decide(view, { by: 'carol' })).toMatchObject({ accepted: false, code: 'approver-not-eligible' });
    await rig.decide(view, { by: 'alice' });
    expect((await rig.view(view.id)).stage).toMatchObject({ index: 1, name: 'Second' });
    expect(await rig.decide(view, { by: 'alice' })).toMatchObject({ accepted: false, code: 'decided-already' });
    await rig.decide(view, { by: 'carol' });
    expect((await rig.handle(view.id).result()).status).toBe('executed');
  });

  it('asks the people of a stage once the directory, which was away when the stage began, answers again', async () => {
    const view = await submit('stages');
    listing = 'away';
    try {
      await rig.decide(view, { by: 'alice' });
      expect((await rig.view(view.id)).stage).toMatchObject({ index: 1, approvers: [] });
    } finally {
      listing = 'up';
    }
    const asked = await eventually(async () => {
      const { stage } = await rig.view(view.id);
      return stage?.approvers.length === 0 ? undefined : stage?.approvers.map((person) => person.id);
    }, 60_000);
    expect(asked).toContain('carol');
    await eventually(() => teams.sent.some((sent) => sent.view.id === view.id && sent.to === 'carol' && sent.notice === 'pending'));
    await rig.decide(view, { by: 'carol' });
    expect((await rig.handle(view.id).result()).status).toBe('executed');
  });

  it('reminds, escalates to more people, and then takes their decision', async () => {
    const view = await submit('slow');
    expect(await rig.decide(view, { by: 'carol' })).toMatchObject({ accepted: false, code: 'approver-not-eligible' });
    await eventually(async () => (await rig.view(view.id)).stage?.escalationLevel === 1);
    const sent = await eventually(() => {
      const notices = teams.sent.filter((card) => card.view.id === view.id).map((card) => `${card.notice} ${card.to}`);
      return notices.includes('escalated carol') && notices;
    });
    expect(sent).toEqual(expect.arrayContaining(['pending bob', 'reminder bob', 'escalated bob', 'escalated alice', 'escalated carol']));
    expect((await rig.decide(view, { by: 'carol' })).accepted).toBe(true);
    expect((await rig.handle(view.id).result()).status).toBe('executed');
  });

  it('expires in silence, which is not a rejection, and refuses what comes later', async () => {
    const view = await submit('brief');
    expect((await rig.handle(view.id).result()).status).toBe('expired');
    const final = await rig.view(view.id);
    expect(final.decisions).toEqual([]);
    expect(final.story.map((event) => event.kind)).toContain('expired');
    await expect(rig.decide(view, { by: 'bob' })).rejects.toThrow(/already completed|not found/i);
    expect(ran(view.id)).toBe(0);
  });

  it('takes the decide signal like the update', async () => {
    const view = await submit('one');
    await rig.handle(view.id).signal(decideSignal, { decision: await rig.decision(view, { by: 'bob' }) });
    expect((await rig.handle(view.id).result()).status).toBe('executed');
  });

  it('answers the same decision sent twice with one effect', async () => {
    const view = await submit('both');
    const decision = await rig.decision(view, { by: 'bob' });
    const send = (updateId: string) => rig.handle(view.id).executeUpdate(decideUpdate, { args: [{ decision }], updateId });
    expect((await send('a')).accepted).toBe(true);
    expect((await send('a')).accepted).toBe(true);
    expect(await send('b')).toMatchObject({ accepted: false, code: 'decision-replayed' });
    expect((await rig.view(view.id)).stage?.approvals.length).toBe(1);
    await rig.cancel(view.id);
  });

  it('lets the requester cancel, and nobody else', async () => {
    const view = await submit('one');
    expect(await rig.cancel(view.id, { kind: 'person', id: 'alice', name: 'Alice' })).toMatchObject({ accepted: false, code: 'cancel-not-permitted' });
    expect((await rig.cancel(view.id)).accepted).toBe(true);
    expect((await rig.handle(view.id).result()).status).toBe('cancelled');
    expect(ran(view.id)).toBe(0);
  });

  it('ends as cancelled, sealed, when an operator cancels the workflow', async () => {
    const view = await submit('one');
    await rig.handle(view.id).cancel();
    expect((await rig.handle(view.id).result()).status).toBe('cancelled');
    expect((await rig.evidence.ofAction(view.id)).at(-1)).toMatchObject({ kind: 'closed', body: { status: 'cancelled' } });
  });

  it('ends in one state when approval, rejection and cancellation arrive at once', async () => {
    for (let round = 0; round < 8; round += 1) {
      const view = await submit('one');
      await Promise.allSettled([rig.decide(view, { by: 'alice' }), rig.decide(view, { by: 'bob', verdict: 'reject' }), rig.cancel(view.id)]);
      const { status } = await rig.handle(view.id).result();
      expect(['executed', 'rejected', 'cancelled']).toContain(status);
      const closed = (await rig.evidence.ofAction(view.id)).filter((entry) => entry.kind === 'closed');
      expect(closed.length).toBe(1);
      expect(closed[0]?.body).toMatchObject({ status });
      if (status !== 'executed' && status !== 'cancelled') expect(ran(view.id)).toBe(0);
      expect(ran(view.id)).toBeLessThanOrEqual(1);
    }
  });

  it('is decided and ends well while the chat service is away all its life, and mends the cards afterwards', async () => {
    const view = await submit('one');
    await eventually(() => teams.sent.some((card) => card.view.id === view.id));
    teams.down = true;
    try {
      const silent = await submit('one');
      await rig.decide(silent, { by: 'alice' });
      expect((await rig.handle(silent.id).result()).status).toBe('executed');
      await rig.decide(view, { by: 'alice' });
      expect((await rig.handle(view.id).result()).status).toBe('executed');
    } finally {
      teams.down = false;
    }
    await eventually(() => teams.updates.some((card) => card.id === view.id && card.status === 'executed'));
  });
});
