import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { scenarios } from '../../../scripts/lib/testing.mjs';
import type { JsonObject } from '../../../domain/json.js';
import { cardSeenBy, samplePeople, startBotConnector, type BotConnector, type StoredMessage, type TeamsPerson } from '../../helpers/bot-connector/index.js';
import { TestSystem, until } from '../../helpers/processes.js';
import { hidden, Visitor } from '../../api/inbox/browserless.js';
import { schemaErrors } from '../../unit/cards/card-schema.js';
import { Callers } from '../faults/support/actions.js';
import { evidenceOf, uglyLines } from '../faults/support/records.js';

const { alice, bob, dave } = samplePeople;
const secretName = 'COUNTERSIGN_TEAMS_PASSWORD';
let connector: BotConnector;
let system: TestSystem;
let callers: Callers;

beforeAll(async () => {
  connector = await startBotConnector();
  const { appPassword, ...teams } = connector.config;
  const env = { [secretName]: appPassword };
  system = await TestSystem.start({
    edit: (yaml) => stringify({ ...(parse(yaml) as object), teams: { ...teams, appPasswordEnv: secretName } }),
    extraEnv: { worker: env, api: env },
  });
  connector.setBotUrl(`${system.publicUrl}/v1/teams/messages`);
  callers = new Callers(system);
});
afterEach(() => {
  connector.faults.down = false;
});
afterAll(async () => {
  await system?.stop();
  await connector?.close();
});

const cardsOf = (person: TeamsPerson, actionId: string): readonly StoredMessage[] =>
  connector.messagesOf(person).filter((message) => JSON.stringify(message.versions[0]).includes(actionId));
const seenBy = (person: TeamsPerson, actionId: string): JsonObject | undefined => {
  const message = cardsOf(person, actionId)[0];
  return message === undefined ? undefined : cardSeenBy(message, person.aadObjectId);
};
const buttons = (card: JsonObject | undefined): readonly string[] =>
  ((card?.['actions'] ?? []) as { type: string; title: string }[]).filter(({ type }) => type === 'Action.Execute').map(({ title }) => title);
const isFinalCard = (card: JsonObject | undefined, headline: string): boolean =>
  card !== undefined && JSON.stringify(card).includes(headline) && buttons(card).length === 0;

/** Submits the sample export and waits until alice and bob have its card. */
async function submitWithCards(): ReturnType<Callers['submit']> {
  const action = await callers.submit(scenarios.approval.body);
  await until(() => [alice, bob].every((person) => cardsOf(person, action.id).length === 1), 60_000, 'alice and bob have a card');
  return action;
}

/** Signs in and presses Approve, as a browser would. */
async function approveInInbox(subject: string, actionId: string): Promise<void> {
  const visitor = new Visitor(system.publicUrl);
  const where = `/inbox/actions/${actionId}`;
  const { page } = await visitor.signIn(subject, where);
  const form = { csrf: hidden(page, 'csrf'), digest: hidden(page, 'digest'), verdict: 'approve' };
  const answer = await visitor.ask(`${where}/decide`, { form, headers: { origin: system.publicUrl, 'sec-fetch-site': 'same-origin' } });
  expect([answer.status, answer.headers.get('location')]).toEqual([303, where]);
}

const bothFinal = (actionId: string, headline: string) =>
  until(() => [alice, bob].every((person) => isFinalCard(seenBy(person, actionId), headline)), 90_000, `both cards say ${headline}`);

describe('a decision in Teams', () => {
  it('refuses the owner of the agent, takes the approval of a data owner with its comment, and ends on every card', async () => {
    const action = await submitWithCards();
    for (const person of [alice, bob]) {
      const card = seenBy(person, action.id);
      expect(schemaErrors(card as JsonObject)).toEqual([]);
      expect(buttons(card).length).toBe(2);
      expect(JSON.stringify(card)).toContain(scenarios.approval.body.reason);
    }
    expect(cardsOf(dave, action.id)).toEqual([]);

    const refused = await connector.click(dave, cardsOf(alice, action.id)[0] as StoredMessage, 'approve', 'I own it.');
    expect(refused.kind).toBe('message');
    expect(refused.text).toMatch(/^Nothing was changed\. .+\(approver-is-requester\)$/);
    const still = await callers.shown(action.id);
    expect([still.status, still.digest]).toEqual(['pending', action.digest]);
    expect(still.decisions.map((decision) => [decision.person?.id, decision.accepted, decision.refusal?.code])).toEqual([
      ['dave', false, 'approver-is-requester'],
    ]);
    expect(buttons(seenBy(alice, action.id)).length).toBe(2);

    const stale = connector.clickActivity(alice, cardsOf(alice, action.id)[0] as StoredMessage, 'approve');
    const approved = await connector.click(bob, cardsOf(bob, action.id)[0] as StoredMessage, 'approve', 'Agreed with finance.');
    expect(approved.kind).toBe('card');
    const ended = await callers.ended(action.id);
    expect(ended.status).toBe('executed');
    expect(ended.decisions.at(-1)).toMatchObject({ accepted: true, person: { id: 'bob' }, channel: 'teams', comment: 'Agreed with finance.' });
    const rows = (await readFile(path.join(system.config.exports, `${action.id}.csv`), 'utf8')).trim().split('\r\n');
    expect(rows[0]).toBe('id,name,email,phone');
    expect(rows.length).toBe(501);
    await bothFinal(action.id, 'EXECUTED');
    expect(JSON.stringify(seenBy(alice, action.id))).toContain('Agreed with finance.');

    const late = await connector.deliver(stale);
    expect(JSON.stringify(late.body)).toContain('Your click changed nothing');
    expect(evidenceOf(system, action.id).filter((kind) => kind === 'decided').length).toBe(1);
    expect((await callers.shown(action.id)).status).toBe('executed');
  });
});

describe('Teams is away', () => {
  it('for the whole life of an action, which is decided elsewhere and ends well', async () => {
    connector.faults.down = true;
    const before = connector.calls.length;
    const action = await callers.submit(scenarios.approval.body);
    await until(() => connector.calls.length > before, 60_000, 'a card is tried');
    expect((await callers.shown(action.id)).channels).toMatchObject([{ kind: 'teams', state: expect.stringMatching(/sending|failing/) as string }]);
    await approveInInbox('alice', action.id);
    const ended = await callers.ended(action.id);
    expect(ended.status).toBe('executed');
    expect(ended.decisions).toMatchObject([{ accepted: true, person: { id: 'alice' }, channel: 'inbox' }]);
    expect(evidenceOf(system, action.id)).toEqual(['opened', 'decided', 'released', 'closed']);

    connector.faults.down = false;
    // By the time that a later action has its cards, one for the old action would have come too.
    const later = await submitWithCards();
    expect(cardsOf(alice, action.id)).toEqual([]);
    expect((await callers.decide('alice', later, 'reject', 'Not now.')).status).toBe(200);
    await bothFinal(later.id, 'REJECTED');
  });

  it('while it is decided: the card that was sent before tells the end when Teams is back', async () => {
    const action = await submitWithCards();
    connector.faults.down = true;
    expect((await callers.decide('bob', action)).status).toBe(200);
    expect((await callers.ended(action.id)).status).toBe('executed');
    expect(buttons(seenBy(alice, action.id)).length).toBe(2);
    connector.faults.down = false;
    await bothFinal(action.id, 'EXECUTED');
  });

  it('for a while: the card comes when it is back, and the decision is made on it', async () => {
    connector.faults.down = true;
    const before = connector.calls.length;
    const action = await callers.submit(scenarios.approval.body);
    await until(() => connector.calls.length > before, 60_000, 'a card is tried');
    connector.faults.down = false;
    await until(() => [alice, bob].every((person) => cardsOf(person, action.id).length === 1), 90_000, 'alice and bob have a card');
    expect((await connector.click(alice, cardsOf(alice, action.id)[0] as StoredMessage, 'reject', 'Too many rows.')).kind).toBe('card');
    expect((await callers.ended(action.id)).status).toBe('rejected');
    await bothFinal(action.id, 'REJECTED');
  });

  it('or its worker dies between the decision and the card: the card still tells the end', async () => {
    const action = await submitWithCards();
    connector.faults.down = true;
    expect((await callers.decide('bob', action)).status).toBe(200);
    expect((await callers.ended(action.id)).status).toBe('executed');
    await system.restart('worker');
    connector.faults.down = false;
    await bothFinal(action.id, 'EXECUTED');
  });

  it('and no log holds a stack trace, an unhandled rejection or a secret', async () => {
    expect(await uglyLines(system, [connector.config.appPassword])).toEqual([]);
  });
});
