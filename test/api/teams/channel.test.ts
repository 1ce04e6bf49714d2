import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { noLocalTeams } from '../../../config/teams-token.js';
import { createTeamsChannel } from '../../../activities/adapters/channels/teams.js';
import type { CardHandle, Channel, Recipient } from '../../../activities/ports.js';
import { samplePeople, startBotConnector, type BotConnector } from '../../helpers/bot-connector/index.js';
import { endedView, sampleView } from '../../helpers/card-views.js';

let connector: BotConnector;
let channel: Channel;
let skipped: { recipient: string; reason: string }[];
const publicUrl = 'https://countersign.example';
beforeEach(async () => {
  connector = await startBotConnector();
  skipped = [];
  channel = createTeamsChannel({ config: connector.config, publicUrl, timeoutMs: 1_000, maxThrottleMs: 2_000, onSkipped: (one) => skipped.push(one) });
});
afterEach(() => connector.close());

const recipient = (id: 'alice' | 'bob' | 'carol'): Recipient => ({
  id,
  name: samplePeople[id].name,
  teams: { tenantId: connector.config.tenantId, aadObjectId: samplePeople[id].aadObjectId },
});
const send = (people: readonly Recipient[], change: Partial<Parameters<Channel['send']>[0]> = {}) =>
  channel.send({
    view: sampleView(),
    to: { kind: 'teams' },
    recipients: people,
    notice: 'pending',
    dedupeKey: 'k',
    signal: new AbortController().signal,
    ...change,
  });
const update = (handles: readonly CardHandle[]) => channel.update({ view: endedView('rejected'), handles, signal: new AbortController().signal });
const unavailable = { code: 'channel-unavailable' };

describe('send', () => {
  it('gives a personal card to each recipient, with handles of plain JSON', async () => {
    const handles = await send([recipient('alice'), recipient('bob')]);
    expect(handles.map((handle) => handle.recipient).sort()).toEqual(['alice', 'bob']);
    expect(JSON.parse(JSON.stringify(handles))).toEqual(handles);
    expect(connector.messagesOf(samplePeople.alice)).toHaveLength(1);
    expect(JSON.stringify(handles)).not.toContain('reason');
  });

  it('gives one card to a channel and finds its message again', async () => {
    const to = { kind: 'teams', channelId: '19:general@thread.tacv2' } as const;
    const handles = await send([recipient('alice')], { to });
    expect(handles).toHaveLength(1);
    await update(handles);
    const [message] = connector.messages();
    expect(message).toMatchObject({ kind: 'channel', recipient: to.channelId });
    expect(message?.versions[0]?.['refresh']).toMatchObject({ userIds: [`8:orgid:${samplePeople.alice.aadObjectId}`] });
    expect(JSON.stringify(message?.versions[1])).toContain('REJECTED');
  });

  it('says on the card why it comes again', async () => {
    await send([recipient('alice')], { notice: 'reminder' });
    expect(JSON.stringify(connector.messages()[0]?.versions)).toContain('Reminder');
  });

  it('does not send a second time to those who have it when a part failed', async () => {
    connector.faults.fail = { times: 1, status: 502 };
    await expect(send([recipient('alice'), recipient('bob')])).rejects.toMatchObject(unavailable);
    const handles = await send([recipient('alice'), recipient('bob')]);
    expect(handles).toHaveLength(2);
    for (const person of [samplePeople.alice, samplePeople.bob]) expect(connector.messagesOf(person)).toHaveLength(1);
  });

  it('waits as long as Retry-After says, and gives up when that is too long', async () => {
    connector.faults.throttle = { times: 2, retryAfterSeconds: 0 };
    expect(await send([recipient('alice')])).toHaveLength(1);
    connector.faults.throttle = { times: 1, retryAfterSeconds: 60 };
    await expect(send([recipient('bob')], { dedupeKey: 'other' })).rejects.toMatchObject(unavailable);
  });

  it('skips who cannot be written to, and fails when nobody is left', async () => {
    connector.faults.blocked = [samplePeople.bob.aadObjectId];
    const foreign: Recipient = { id: 'eve', name: 'Eve', teams: { tenantId: 'another', aadObjectId: samplePeople.alice.aadObjectId } };
    const handles = await send([recipient('alice'), recipient('bob'), foreign, { id: 'mallory', name: 'Mallory' }]);
    expect(handles.map((handle) => handle.recipient)).toEqual(['alice']);
    expect(skipped.map((one) => one.recipient).sort()).toEqual(['bob', 'eve', 'mallory']);
    await expect(send([foreign], { dedupeKey: 'other' })).rejects.toMatchObject(unavailable);
  });

  it.each<[string, () => void]>([
    ['cut off', () => (connector.faults.down = true)],
    ['failing', () => (connector.faults.fail = { times: 99, status: 500 })],
    ['too slow', () => (connector.faults.slowMs = 3_000)],
  ])('is unavailable while Teams is %s', async (_name, fault) => {
    fault();
    await expect(send([recipient('alice')])).rejects.toMatchObject(unavailable);
  });

  it('is unavailable with a wrong password, and the error holds no secret', async () => {
    const wrong = createTeamsChannel({ config: { ...connector.config, appPassword: 'not-the-password' }, publicUrl });
    const failure = await wrong
      .send({
        view: sampleView(),
        to: { kind: 'teams' },
        recipients: [recipient('alice')],
        notice: 'pending',
        dedupeKey: 'k',
        signal: new AbortController().signal,
      })
      .catch((error: unknown) => error);
    expect(failure).toMatchObject(unavailable);
    expect(String(failure) + String((failure as Error).cause)).not.toContain('not-the-password');
    expect(connector.messages()).toEqual([]);
  });

  it('says that nobody has opened the local Teams, where nothing answers on loopback', async () => {
    const nowhere = createTeamsChannel({ config: { ...connector.config, loginAuthority: 'http://127.0.0.1:9' }, publicUrl });
    const signal = new AbortController().signal;
    const sending = nowhere.send({ view: sampleView(), to: { kind: 'teams' }, recipients: [recipient('alice')], notice: 'pending', dedupeKey: 'n', signal });
    await expect(sending).rejects.toMatchObject({ ...unavailable, detail: noLocalTeams });
  });

  it('stops when it is aborted', async () => {
    connector.faults.throttle = { times: 99, retryAfterSeconds: 1 };
    const controller = new AbortController();
    const sending = send([recipient('alice')], { signal: controller.signal });
    setTimeout(() => controller.abort(new Error('enough')), 50);
    await expect(sending).rejects.toThrow('enough');
  });

  it('goes on with a new token when a key was withdrawn', async () => {
    await send([recipient('alice')]);
    await connector.authority.rotate({ forget: true });
    expect(await send([recipient('bob')], { dedupeKey: 'other' })).toHaveLength(1);
  });
});

describe('update', () => {
  it('is no error for a card that is gone', async () => {
    const handles = await send([recipient('alice'), recipient('bob')]);
    connector.remove(connector.messagesOf(samplePeople.alice)[0]!);
    await update(handles);
    expect(JSON.stringify(connector.messagesOf(samplePeople.bob)[0]?.versions.at(-1))).toContain('REJECTED');
  });

  it('brings the other cards up to date before it fails for one', async () => {
    const handles = await send([recipient('alice'), recipient('bob'), recipient('carol')]);
    connector.faults.fail = { times: 1, status: 503 };
    await expect(update(handles)).rejects.toMatchObject(unavailable);
    expect(connector.messages().filter((message) => message.versions.length === 2)).toHaveLength(2);
  });

  it('never takes the token where a handle says', async () => {
    const [handle] = await send([recipient('alice')]);
    const evil = await startBotConnector();
    try {
      await update([{ ...handle!, ref: { ...handle!.ref, serviceUrl: evil.url } }]);
      expect(evil.calls).toEqual([]);
    } finally {
      await evil.close();
    }
  });
});
