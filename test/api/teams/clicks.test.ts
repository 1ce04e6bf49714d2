import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CountersignError } from '../../../domain/errors.js';
import type { JsonObject } from '../../../domain/json.js';
import { cardSeenBy, samplePeople, type StoredMessage } from '../../helpers/bot-connector/index.js';
import { schemaErrors } from '../../unit/cards/card-schema.js';
import { sampleView } from '../../helpers/card-views.js';
import { startRig, type Rig } from './rig.js';

const { alice, bob, carol, dave, stranger } = samplePeople;
const buttons = (card: JsonObject | undefined) => ((card?.['actions'] ?? []) as { title: string }[]).map((action) => action.title);
let rig: Rig;
beforeEach(async () => {
  rig = await startRig();
  await rig.card(['alice', 'bob', 'dave']);
});
afterEach(() => rig.close());
const cardOf = (person: (typeof samplePeople)[keyof typeof samplePeople]): StoredMessage => rig.connector.messagesOf(person)[0]!;

describe('decisions', () => {
  it('counts the person whom the token vouches for, with comment, and brings every card up to date', async () => {
    const first = await rig.connector.click(alice, cardOf(alice), 'approve', '  Looks right.  ');
    expect(first.kind).toBe('card');
    expect(rig.actions.commands).toMatchObject([
      { person: { id: 'alice' }, channel: 'teams', assurance: 'chat', verdict: 'approve', digest: sampleView().digest, comment: 'Looks right.' },
    ]);
    expect(JSON.stringify(cardSeenBy(cardOf(bob), bob.aadObjectId))).toContain('1 of 2: Alice Almeida');

    const second = await rig.connector.click(bob, cardOf(bob), 'approve');
    expect(buttons(second.card)).toEqual([]);
    for (const person of [alice, bob, dave]) {
      const seen = cardSeenBy(cardOf(person), person.aadObjectId);
      expect(buttons(seen)).toEqual([]);
      expect(JSON.stringify(seen)).toContain('EXECUTED');
      for (const version of cardOf(person).versions) expect(schemaErrors(version)).toEqual([]);
    }
  });

  it('a rejection ends it, and a later click of those who may still see it is told so with the final card', async () => {
    const old = cardOf(dave);
    const stale = rig.connector.clickActivity(dave, old, 'approve');
    await rig.connector.click(alice, cardOf(alice), 'reject', 'No phone numbers.');
    const { body } = await rig.connector.deliver(stale);
    expect(body['type']).toBe('application/vnd.microsoft.card.adaptive');
    expect(JSON.stringify(body['value'])).toContain('Your click changed nothing');
    expect(buttons(body['value'] as JsonObject)).toEqual([]);
    expect(rig.actions.view.status).toBe('rejected');
  });

  it('a decision on a card that is out of date is refused, and the fresh card takes its place', async () => {
    const digest = `sha256:${'d'.repeat(64)}` as const;
    const stale = rig.connector.clickActivity(alice, cardOf(alice), 'approve');
    rig.actions.view = { ...rig.actions.view, digest };
    const { body } = await rig.connector.deliver(stale);
    const card = body['value'] as JsonObject;
    expect(JSON.stringify(card)).toContain('Your click changed nothing');
    expect(JSON.stringify(card['actions'])).toContain(digest);
    expect(rig.actions.view.decisions).toEqual([]);
  });
});

describe('refusals are for the one who clicked, and change nothing', () => {
  const refused = async (click: Promise<{ kind: string; text?: string }>, code: string) => {
    const before = JSON.stringify([rig.actions.view, rig.connector.messages()]);
    const result = await click;
    expect(result.kind).toBe('message');
    expect(result.text).toContain(`(${code})`);
    expect(JSON.stringify([rig.actions.view, rig.connector.messages()])).toBe(before);
  };
  it('the owner of the agent', () => refused(rig.connector.click(dave, cardOf(dave), 'approve'), 'approver-is-requester'));
  it('somebody the directory does not know, though the name is known', () =>
    refused(rig.connector.click(stranger, cardOf(alice), 'approve'), 'principal-unknown'));
  it('somebody who is not active', () => refused(rig.connector.click(carol, cardOf(alice), 'approve'), 'principal-unknown'));
  it('a bot', () =>
    refused(
      rig.connector.click(alice, cardOf(alice), 'approve', undefined, { activity: { from: { id: '28:other-bot', aadObjectId: alice.aadObjectId } } }),
      'approver-not-human',
    ));
  it('nobody in particular', () =>
    refused(rig.connector.click(alice, cardOf(alice), 'approve', undefined, { activity: { from: { id: '29:x' } } }), 'approver-not-human'));
  it('the directory is down', async () => {
    rig.directory.down = true;
    await refused(rig.connector.click(alice, cardOf(alice), 'approve'), 'directory-unavailable');
  });
  it('the workflow engine is down', async () => {
    rig.actions.fails = new CountersignError('temporal-unavailable');
    await refused(rig.connector.click(alice, cardOf(alice), 'approve'), 'temporal-unavailable');
  });
  it('an unforeseen failure says nothing of its cause', async () => {
    rig.actions.fails = new Error('secret of the inside');
    const { text } = await rig.connector.click(alice, cardOf(alice), 'approve');
    expect(text).toContain('Something failed inside Countersign');
    expect(text).not.toContain('secret of the inside');
  });
  it('approving an action that asks for more than a chat', async () => {
    const stale = rig.connector.clickActivity(alice, cardOf(alice), 'approve');
    rig.actions.view = { ...rig.actions.view, stage: { ...rig.actions.view.stage!, assurance: 'mfa' } };
    expect((await rig.connector.deliver(stale)).body['value']).toContain('(assurance-too-low)');
    expect(rig.actions.commands).toEqual([]);
  });
  it('approving what did not fit on the card', async () => {
    const stale = rig.connector.clickActivity(alice, cardOf(alice), 'approve');
    rig.actions.view = { ...rig.actions.view, reason: 'x'.repeat(10_000) };
    expect((await rig.connector.deliver(stale)).body['value']).toContain('Open it in the inbox');
    expect(rig.actions.commands).toEqual([]);
  });
  it('a late answer says that it is late', async () => {
    const slow = await startRig({ answerWithinMs: 50 });
    try {
      await slow.card(['alice']);
      slow.actions.slowMs = 300;
      expect((await slow.connector.click(alice, slow.connector.messagesOf(alice)[0]!, 'approve')).text).toContain('No answer yet');
    } finally {
      await slow.close();
    }
  });
});

describe('what a card carries is not believed', () => {
  it.each<[string, JsonObject]>([
    ['a person', { person: 'alice' }],
    ['an approver', { approver: 'bob' }],
    ['another verb than the button', { verb: 'reject' }],
    ['a digest that is none', { digest: 'sha256:zz' }],
    ['an id that is none', { actionId: '../../x' }],
    ['a comment that is too long', { comment: 'x'.repeat(1001) }],
  ])('%s in the data: request-malformed', async (_name, data) => {
    const answer = await rig.connector.click(alice, cardOf(alice), 'approve', undefined, { data });
    expect(answer).toMatchObject({ status: 400, body: { code: 'request-malformed' } });
    expect(rig.actions.commands).toEqual([]);
  });

  it('a verb that we do not offer', async () => {
    const activity = rig.connector.clickActivity(alice, cardOf(alice), 'approve', undefined, { data: { verb: 'approve-all' } });
    expect(await rig.connector.deliver(activity)).toMatchObject({ status: 400, body: { code: 'request-malformed' } });
  });
});

describe('an oracle for what became of an action', () => {
  it('a click by somebody who may not see it, not any more or never, gets one constant answer and no card', async () => {
    const [first, second] = [0, 1].map(() => rig.connector.clickActivity(bob, cardOf(bob), 'approve'));
    await rig.connector.click(alice, cardOf(alice), 'reject', 'SECRET-COMMENT');
    const late = (await rig.connector.deliver(first!)).body;
    expect(late['type']).toBe('application/vnd.microsoft.activity.message');
    expect(late['value']).toContain('(not-found)');
    expect(rig.actions.commands).toHaveLength(2);
    rig.actions.fails = new CountersignError('not-found');
    expect((await rig.connector.deliver(second!)).body).toEqual(late);
  });
});

describe('reading a target by asking', () => {
  it('the card that the owner of the agent refreshes is without the preview, the one of an approver has it', async () => {
    const [owner, approver] = [await rig.connector.refresh(dave, cardOf(dave)), await rig.connector.refresh(alice, cardOf(alice))];
    expect(JSON.stringify(approver.card)).toContain('of about 61');
    expect(owner.kind).toBe('card');
    expect(JSON.stringify(owner.card)).not.toMatch(/of about 61|Personal data/);
    const stale = rig.connector.clickActivity(dave, cardOf(dave), 'approve');
    await rig.connector.click(alice, cardOf(alice), 'reject');
    const late = (await rig.connector.deliver(stale)).body;
    expect(late['type']).toBe('application/vnd.microsoft.card.adaptive');
    expect(JSON.stringify(late)).not.toMatch(/of about 61|Personal data/);
  });
});

describe('reading never decides', () => {
  it('a refresh gives the present card to the one who asks, again and again', async () => {
    for (let at = 0; at < 3; at += 1) {
      const result = await rig.connector.refresh(alice, cardOf(alice));
      expect(buttons(result.card)).toEqual(['Approve', 'Reject', 'Open in inbox']);
    }
    expect(rig.actions.commands).toEqual([]);
    expect(rig.connector.calls.filter((call) => call.startsWith('PUT'))).toEqual([]);
  });

  it('an automatic invoke never decides, whatever verb it carries', async () => {
    const result = await rig.connector.click(alice, cardOf(alice), 'approve', undefined, { trigger: 'automatic' });
    expect(result.kind).toBe('card');
    expect(rig.actions.commands).toEqual([]);
  });

  it('a delivery that arrives again decides nothing more', async () => {
    const activity = rig.connector.clickActivity(alice, cardOf(alice), 'approve');
    await rig.connector.deliver(activity);
    const again = await rig.connector.deliver(activity);
    expect(again.body['value']).toContain('had arrived before');
    expect(rig.actions.commands).toHaveLength(1);
  });

  it('an invoke of another kind is answered and does nothing', async () => {
    const activity = { ...rig.connector.clickActivity(alice, cardOf(alice), 'approve'), name: 'task/fetch' };
    expect(await rig.connector.deliver(activity)).toMatchObject({ status: 200, body: { statusCode: 400 } });
    expect(rig.actions.commands).toEqual([]);
  });
});

describe('people who write to the bot', () => {
  it('get a short text and decide nothing', async () => {
    expect(await rig.connector.install(carol)).toBe(200);
    expect(await rig.connector.say(alice, 'approve')).toBe(200);
    const texts = (person: typeof alice | typeof carol) => rig.connector.messagesOf(person).map((message) => message.text);
    expect(texts(carol)[0]).toContain('This is Countersign');
    expect(texts(alice).at(-1)).toContain('Writing to this bot decides nothing');
    expect(rig.actions.commands).toEqual([]);
  });

  it('an answer that cannot be sent is no reason to deliver again', async () => {
    rig.connector.faults.fail = { times: 10, status: 403 };
    expect(await rig.connector.say(alice, 'hello')).toBe(200);
  });
});
