import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import type { Channel } from '../../activities/ports.js';
import { MemoryChannel, RecordingConnector } from '../helpers/fakes.js';
import { eventually, Rig } from '../helpers/rig.js';

const customers = { action: 'postgres.export', parameters: { columns: ['id', 'name'], limit: 500, format: 'csv' } };

/** A chat service that can also be so slow that nobody waits for it. */
class SlowChannel extends MemoryChannel {
  stuck = false;
  tries = 0;
  override async send(input: Parameters<Channel['send']>[0]) {
    this.tries += 1;
    if (this.stuck) await new Promise((_resolve, reject) => input.signal.addEventListener('abort', () => reject(new Error('given up')), { once: true }));
    return super.send(input);
  }
}

describe('the cards of an action with a preview', () => {
  const teams = new SlowChannel();
  let rig: Rig;
  beforeAll(async () => {
    rig = await Rig.start({ address: inject('temporalAddress'), connectors: [new RecordingConnector(undefined, { previews: true })], channels: [teams] });
  });
  afterAll(() => rig.stop());
  beforeEach(() => {
    teams.down = false;
    teams.stuck = false;
    teams.tries = 0;
    teams.sent.length = 0;
  });

  const scheduled = async (id: string) => {
    const { events } = await rig.handle(id).fetchHistory();
    return (events ?? []).map((event) => event.activityTaskScheduledEventAttributes?.activityType?.name).filter((name) => name !== undefined);
  };

  it('are sent in the task that takes the preview in, which leaves 35 events and 40 KB for all of it', async () => {
    const pending = await rig.submit(rig.request(customers));
    await eventually(async () => (await rig.view(pending.id)).channels.some((channel) => channel.state === 'sent'));
    expect(teams.sent.map(({ to, view }) => [to, view.preview?.facts])).toEqual([
      ['alice', [{ label: 'Rows', value: 'about 500' }]],
      ['bob', [{ label: 'Rows', value: 'about 500' }]],
    ]);
    await rig.decide(pending);
    expect((await rig.handle(pending.id).result()).status).toBe('executed');
    expect(await scheduled(pending.id)).toEqual(['preview', 'execute']);
    const { historyLength, historySize } = await rig.handle(pending.id).describe();
    expect(historyLength).toBeLessThanOrEqual(35);
    expect(historySize).toBeLessThanOrEqual(40_000);
    await eventually(() => teams.updates.some((view) => view.id === pending.id && view.status === 'executed'));
  });

  it('are sent later when the chat service is away at first', async () => {
    teams.down = true;
    const pending = await rig.submit(rig.request(customers));
    await eventually(async () => (await scheduled(pending.id)).includes('notify'));
    expect((await rig.view(pending.id)).channels).toEqual([{ kind: 'teams', state: 'sending' }]);
    teams.down = false;
    await eventually(() => teams.sent.length === 2);
    await rig.cancel(pending.id);
    expect((await rig.handle(pending.id).result()).status).toBe('cancelled');
  });

  it('hold up nobody for long when the chat service does not answer', async () => {
    teams.stuck = true;
    const pending = await rig.submit(rig.request(customers));
    await eventually(() => teams.tries >= 1);
    expect((await rig.decide(pending, { by: 'alice' })).accepted).toBe(true);
    expect((await rig.handle(pending.id).result()).status).toBe('executed');
    expect(teams.sent).toEqual([]);
    expect(await scheduled(pending.id)).toContain('notify');
  });
});
