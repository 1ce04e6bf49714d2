import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { MemoryChannel, RecordingConnector } from '../helpers/fakes.js';
import { eventually, Rig } from '../helpers/rig.js';

const customers = { action: 'postgres.export', parameters: { columns: ['id', 'name'], limit: 500, format: 'csv' } };

describe('the life of an action', () => {
  const connector = new RecordingConnector();
  const teams = new MemoryChannel();
  let rig: Rig;
  beforeAll(async () => {
    rig = await Rig.start({ address: inject('temporalAddress'), connectors: [connector], channels: [teams] });
  });
  afterAll(() => rig.stop());

  it('halts until the data owner approves, then runs exactly what was asked', async () => {
    const request = rig.request(customers);
    const pending = await rig.submit(request);
    expect(pending.status).toBe('pending');
    expect(pending.policies).toEqual(['customer-data-asks-its-owner']);
    expect(pending.stage?.approvers.map((person) => person.id)).toEqual(['alice', 'bob']);
    expect(connector.ran.filter((ran) => ran.id === request.id)).toEqual([]);

    const reply = await rig.decide(pending, { by: 'alice', comment: 'Fine for March.' });
    expect(reply.accepted).toBe(true);
    expect(await rig.handle(request.id).result()).toMatchObject({ status: 'executed' });
    expect(connector.ran.filter((ran) => ran.id === request.id)).toEqual([request]);

    const kinds = (await rig.evidence.ofAction(request.id)).map((entry) => entry.kind);
    expect(kinds).toEqual(['opened', 'decided', 'released', 'closed']);
    expect((await rig.view(request.id)).story.map((event) => event.kind)).toEqual(
      expect.arrayContaining(['submitted', 'evaluated', 'approved', 'executing', 'executed']),
    );
  });

  it('runs what policy allows at once, and denies what it forbids', async () => {
    const allowed = await rig.submit(rig.request({ action: 'postgres.export', resource: { type: 'Table', id: 'crm/public.products' } }));
    expect(allowed.status).toBe('executing');
    expect((await rig.handle(allowed.id).result()).status).toBe('executed');
    const denied = await rig.submit(rig.request({ action: 'postgres.export', parameters: { columns: ['card_number'], limit: 5 } }));
    expect(denied).toMatchObject({ status: 'denied', denial: { code: 'denied-by-policy' }, policies: ['card-numbers-never-leave'] });
    const unmatched = await rig.submit(rig.request({ action: 'postgres.export', resource: { type: 'Table', id: 'crm/public.salaries' } }));
    expect(unmatched).toMatchObject({ status: 'denied', denial: { code: 'policy-no-match' } });
  });

  it('keeps short what the SDK records of each promise, which costs more than all else in workflow code', async () => {
    const pending = await rig.submit(rig.request(customers));
    const stacks = await rig.handle(pending.id).query<string>('__stack_trace');
    const frames = stacks.split('\n\n').map((stack) => stack.split('\n').filter((line) => line.trim().startsWith('at ')).length);
    expect(Math.max(...frames)).toBeGreaterThan(0);
    expect(Math.max(...frames)).toBeLessThanOrEqual(4);
    await rig.cancel(pending.id);
  });

  it('takes at most 35 events and 40 KB for an approved action with a card', async () => {
    const pending = await rig.submit(rig.request(customers));
    await eventually(async () => (await rig.view(pending.id)).channels.some((channel) => channel.state === 'sent'));
    await rig.decide(pending);
    await rig.handle(pending.id).result();
    const { historyLength, historySize } = await rig.handle(pending.id).describe();
    expect(historyLength).toBeLessThanOrEqual(35);
    expect(historySize).toBeLessThanOrEqual(40_000);
    // Every step and timer says in the history what it is for.
    const { events } = await rig.handle(pending.id).fetchHistory();
    const steps = (events ?? []).filter((event) => event.activityTaskScheduledEventAttributes ?? event.timerStartedEventAttributes);
    expect(steps.length).toBeGreaterThanOrEqual(3);
    expect(steps.filter((event) => (event.userMetadata?.summary?.data?.length ?? 0) === 0)).toEqual([]);
  });
});
