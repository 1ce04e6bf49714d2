import { randomUUID } from 'node:crypto';
import { Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { Actions, SubmitBody, Viewer } from '../../api/actions.js';
import { createDecisionSigner } from '../../api/decision-signer.js';
import { temporalAccess } from '../../api/temporal/access.js';
import { createTemporalActions } from '../../api/temporal-actions.js';
import { listActions, countPending } from '../../api/temporal/visibility.js';
import { createFileDirectory } from '../../directory/file.js';
import type { Directory, DirectoryPerson } from '../../directory/port.js';
import type { Decision } from '../../domain/decision.js';
import { digestText } from '../../domain/digest.js';
import type { Principal } from '../../domain/principal.js';
import { isFinal, type ActionView } from '../../domain/view.js';
import { fileURLToPath } from 'node:url';
import { testConverter } from '../helpers/encryption.js';
import { RecordingConnector } from '../helpers/fakes.js';
import { developmentIssuer, eventually, invoiceBot, Rig } from '../helpers/rig.js';

const directoryFile = fileURLToPath(new URL('../../policies/directory.yaml', import.meta.url));
const agent: Viewer = { principal: invoiceBot, operator: false };
const releaseBot: Principal = { kind: 'agent', id: 'release-bot', name: 'Release bot', owner: 'dave', issuer: developmentIssuer, subject: 'release-bot' };
const person = (id: string, operator = false): Viewer => ({ principal: { kind: 'person', id, name: id, issuer: developmentIssuer, subject: id }, operator });

let rig: Rig;
let connection: Connection;
let actions: Actions;
let directory: Directory;
let connector: RecordingConnector;

function makeActions(overrides: Partial<Parameters<typeof createTemporalActions>[0]> = {}): Actions {
  return createTemporalActions({
    access: temporalAccess(connection, 'default', testConverter('refuse')),
    connectors: [connector.definition],
    directory,
    signer: createDecisionSigner(rig.keys.signing.decision),
    trusted: rig.keys.trusted,
    pendingPerSubject: 1_000,
    taskQueue: rig.taskQueue,
    ...overrides,
  });
}

beforeAll(async () => {
  connector = new RecordingConnector();
  // Agents of their own for tests that count.
  const withMore = (known: Directory): Directory => ({
    ...known,
    agent: async (id) => (id.startsWith('agent-') ? { id, name: 'Counted bot', active: true, owner: 'dave', accounts: [] } : known.agent(id)),
  });
  rig = await Rig.start({ address: inject('temporalAddress'), connectors: [connector], directory: withMore });
  connection = await Connection.connect({ address: inject('temporalAddress') });
  directory = createFileDirectory(directoryFile, developmentIssuer);
  actions = makeActions();
});
afterAll(async () => {
  await connection?.close();
  await rig?.stop();
});

// Five thousand rows need one approval by a data owner under the sample policies.
const review: SubmitBody = {
  action: 'postgres.export',
  resource: { type: 'Table', id: 'crm/public.customers' },
  parameters: { columns: ['id', 'email'], limit: 500 },
  reason: 'Payment reminders for overdue invoices.',
};
const submit = (body: SubmitBody = review, key: string = randomUUID(), principal = invoiceBot) => actions.submit(principal, body, key);

async function human(id: string): Promise<DirectoryPerson> {
  const found = await directory.person(id);
  if (found === undefined) throw new TypeError(`no ${id}`);
  return found;
}

async function decide(view: ActionView, by: string, verdict: 'approve' | 'reject' = 'approve', digest: string = view.digest) {
  return actions.decide({ actionId: view.id, person: await human(by), channel: 'api', assurance: 'login', verdict, digest });
}

const code = (call: Promise<unknown>) =>
  call.then(
    () => 'accepted',
    (error: unknown) => (error as { code?: string }).code ?? String(error),
  );

describe('submitting', () => {
  it('gives the verdict, and the same action for the same key and body, also when they come at once', async () => {
    const key = randomUUID();
    const all = await Promise.all(Array.from({ length: 5 }, () => submit(review, key)));
    expect(new Set(all.map(({ view }) => view.id)).size).toBe(1);
    expect(all[0]?.view.status).toBe('pending');
    expect((await submit(review, key)).repeated).toBe(true);
  });
  it('refuses another body under the same key, while it is pending and after it is final', async () => {
    const key = randomUUID();
    const { view } = await submit(review, key);
    expect(await code(submit({ ...review, reason: 'Another.' }, key))).toBe('idempotency-conflict');
    await actions.cancel(view.id, invoiceBot, undefined);
    await rig.handle(view.id).result();
    expect(await code(submit({ ...review, reason: 'Another.' }, key))).toBe('idempotency-conflict');
    expect((await submit(review, key)).view).toMatchObject({ id: view.id, status: 'cancelled' });
  });
  it('keeps the keys of two subjects apart', async () => {
    const key = randomUUID();
    const [mine, theirs] = [await submit(review, key), await submit(review, key, releaseBot)];
    expect(mine.view.id).not.toBe(theirs.view.id);
  });
  it('refuses beyond the pending limit, yet still answers for an action that is there', async () => {
    const subject: Principal = { ...invoiceBot, id: `agent-${randomUUID()}`, subject: randomUUID() };
    const limited = makeActions({ pendingPerSubject: 2 });
    await limited.submit(subject, review, 'a');
    await limited.submit(subject, review, 'b');
    const access = temporalAccess(connection, 'default');
    await eventually(async () => (await countPending(access, subject.id)) === 2);
    expect(await code(limited.submit(subject, review, 'c'))).toBe('too-many-pending');
    expect((await limited.submit(subject, review, 'a')).view.status).toBe('pending');
  });
  it('tells Temporal UI what it is about without a parameter or a word of the requester', async () => {
    const { view } = await submit({ ...review, reason: 'SECRET-REASON' });
    const description = await rig.handle(view.id).describe();
    const summary = await description.staticSummary();
    expect(summary).toBe('postgres.export on crm/public.customers for Invoice bot');
    expect(`${summary}${await description.staticDetails()}`).not.toMatch(/SECRET-REASON|500|email/);
  });
});

describe('deciding', () => {
  it('an approval leads to exactly one execution, which a waiting caller sees', async () => {
    const before = connector.ran.length;
    const { view } = await submit();
    const waiting = actions.wait(view.id, agent, 20_000);
    expect(await decide(view, 'alice')).toMatchObject({ accepted: true });
    expect((await waiting).status).toBe('executed');
    expect(connector.ran.length).toBe(before + 1);
  });
  it.each([
    ['the owner of the agent', 'dave', 'approver-is-requester'],
    ['somebody whom the route does not name', 'carol', 'approver-not-eligible'],
  ])('is refused and recorded, and changes nothing: %s', async (_name, by, expected) => {
    const { view } = await submit();
    expect(await decide(view, by)).toMatchObject({ accepted: false, code: expected });
    const after = await actions.view(view.id, agent);
    expect(after.status).toBe('pending');
    expect(after.decisions.some((record) => !record.accepted && record.refusal?.code === expected)).toBe(true);
  });
  it('on another digest than that of the signed request and plan is refused and recorded, and good for no plan', async () => {
    const { view } = await submit();
    const signer = createDecisionSigner(rig.keys.signing.decision);
    const signed: Decision[] = [];
    const forged: string[] = [];
    const watched = makeActions({
      signer: { ...signer, signDecision: async (decision) => (signed.push(decision), signer.signDecision(decision)) },
      onForged: ({ reason }) => forged.push(reason),
    });
    const command = { actionId: view.id, channel: 'api', assurance: 'login', verdict: 'approve' } as const;
    const stale = [{ digest: digestText('x'), planDigest: digestText('y') }, { digest: digestText('x') }, { digest: view.digest, planDigest: digestText('x') }];
    for (const shown of stale)
      expect(await watched.decide({ ...command, person: await human('alice'), ...shown })).toMatchObject({
        accepted: false,
        code: 'decision-digest-mismatch',
        view: { status: 'pending' },
      });
    // None names a plan together with the digest that it has under this plan.
    expect(signed.map(({ actionDigest, planDigest }) => [actionDigest, planDigest])).toEqual([
      [digestText('x'), view.planDigest],
      [digestText('x'), view.planDigest],
      [view.digest, digestText('x')],
    ]);
    const refused = (await rig.evidence.ofAction(view.id)).filter((entry) => JSON.stringify(entry.body).includes('decision-digest-mismatch'));
    expect(refused.map((entry) => entry.kind)).toEqual(['refused', 'refused', 'refused']);
    // Whoever may not see the action has nothing signed on what it does not say.
    expect(await watched.decide({ ...command, person: await human('carol'), digest: digestText('x') })).toMatchObject({ accepted: false });
    expect(signed.length).toBe(3);
    // A click that came late is no sign of an attack.
    expect(forged).toEqual([]);
  });
  it('on what was just shown asks Temporal nothing beforehand, and on anything else it does', async () => {
    const access = temporalAccess(connection, 'default', testConverter('refuse'));
    let asked = 0;
    const getHandle = access.reader.getHandle.bind(access.reader);
    access.reader.getHandle = (...args: Parameters<typeof getHandle>) => ((asked += 1), getHandle(...args));
    const counted = makeActions({ access });
    const { view } = await counted.submit(invoiceBot, review, randomUUID());
    const command = { actionId: view.id, person: await human('dave'), channel: 'api', assurance: 'login', verdict: 'approve' } as const;
    expect(await counted.decide({ ...command, digest: view.digest })).toMatchObject({ accepted: false, code: 'approver-is-requester' });
    expect(asked).toBe(0);
    expect(await counted.decide({ ...command, digest: digestText('x') })).toMatchObject({ code: 'decision-digest-mismatch' });
    expect(asked).toBe(1);
    // Another process of the api has shown nothing yet.
    const other = makeActions({ access });
    expect(await other.decide({ ...command, digest: view.digest })).toMatchObject({ accepted: false });
    expect(asked).toBe(2);
  });
  it('on a final action is refused, before and after its workflow has closed', async () => {
    const { view } = await submit();
    await decide(view, 'alice', 'reject');
    expect(await decide(view, 'bob')).toMatchObject({ accepted: false, code: 'decision-on-final' });
    await rig.handle(view.id).result();
    expect(await decide(view, 'bob')).toMatchObject({ accepted: false, code: 'decision-on-final', view: { status: 'rejected' } });
  });
  it('on an action that does not exist is not-found', async () => {
    const { view } = await submit();
    expect(await code(decide({ ...view, id: `act_${'a'.repeat(32)}` }, 'alice'))).toBe('not-found');
  });
});

describe('cancelling', () => {
  it('is for the requester and for the owner of the agent', async () => {
    const [first, second] = [(await submit()).view, (await submit()).view];
    expect(await actions.cancel(first.id, invoiceBot, 'not needed')).toMatchObject({ accepted: true, view: { status: 'cancelled' } });
    expect(await actions.cancel(second.id, person('dave').principal, undefined)).toMatchObject({ accepted: true });
  });
  it('is not for approvers, and does not exist for others', async () => {
    const { view } = await submit();
    expect(await code(actions.cancel(view.id, person('alice').principal, undefined))).toBe('cancel-not-permitted');
    expect(await code(actions.cancel(view.id, releaseBot, undefined))).toBe('not-found');
  });
});

describe('looking', () => {
  it('is for those concerned: requester, owner, approver, decider, operator', async () => {
    const { view } = await submit();
    const may = (viewer: Viewer) => code(actions.view(view.id, viewer));
    expect(await may(agent)).toBe('accepted');
    expect(await may(person('dave'))).toBe('accepted');
    expect(await may(person('alice'))).toBe('accepted');
    expect(await may(person('carol', true))).toBe('accepted');
    expect(await may(person('carol'))).toBe('not-found');
    expect(await may({ principal: releaseBot, operator: true })).toBe('not-found');
    await decide(view, 'alice', 'reject');
    expect(await may(person('alice'))).toBe('accepted');
    // Whoever was asked may see how it ended, and the owner finds what the agent asked for in the list.
    expect(await may(person('bob'))).toBe('accepted');
    await eventually(async () => {
      const { rows } = await actions.list({ limit: 100 }, person('dave'));
      return rows.some((row) => row.id === view.id && row.status === 'rejected');
    });
    await eventually(async () => {
      const { rows } = await actions.list({ limit: 100, status: ['rejected'] }, person('bob'));
      return rows.some((row) => row.id === view.id);
    });
  });
  it('follows an action through one poll for many watchers, until it is final', async () => {
    const { view } = await submit();
    const signal = AbortSignal.timeout(30_000);
    const follow = async () => {
      const statuses: string[] = [];
      for await (const seen of actions.watch(view.id, agent, signal)) statuses.push(seen.status);
      return statuses;
    };
    const watching = Array.from({ length: 20 }, follow);
    await decide(view, 'alice');
    for (const statuses of await Promise.all(watching)) expect(statuses.at(-1)).toBe('executed');
  });
  it('stops waiting when the time is over or the caller has gone', async () => {
    const { view } = await submit();
    expect((await actions.wait(view.id, agent, 300)).status).toBe('pending');
    expect((await actions.wait(view.id, agent, 60_000, AbortSignal.timeout(300))).status).toBe('pending');
  });
  it('tells a workflow that was terminated as an error, never as pending', async () => {
    const { view } = await submit();
    await rig.handle(view.id).terminate('test');
    const after = await actions.view(view.id, agent);
    expect(after.status).toBe('error');
    expect(isFinal(after.status)).toBe(true);
    await eventually(async () =>
      (await actions.list({ limit: 50, requester: 'invoice-bot', status: ['pending'] }, agent)).rows.every((row) => row.id !== view.id),
    );
  });
});

describe('listing', () => {
  it('pages without gap or repetition, and only what the viewer may see', async () => {
    const subject: Principal = { ...invoiceBot, id: `agent-${randomUUID()}`, subject: randomUUID() };
    const ids: string[] = [];
    for (let index = 0; index < 5; index += 1) ids.push((await actions.submit(subject, review, String(index))).view.id);
    const viewer: Viewer = { principal: subject, operator: false };
    await eventually(async () => (await actions.list({ limit: 50 }, viewer)).rows.filter((row) => row.status === 'pending').length === 5);
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await actions.list({ limit: 2, status: ['pending'], ...(cursor === undefined ? {} : { cursor }) }, viewer);
      seen.push(...page.rows.map((row) => row.id));
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    expect([...seen].sort()).toEqual([...ids].sort());
    const row = (await actions.list({ limit: 1, status: ['pending'] }, viewer)).rows[0];
    expect(row).toMatchObject({
      action: 'postgres.export',
      resource: 'Table:crm/public.customers',
      requester: subject.id,
      approvers: expect.arrayContaining(['alice']) as unknown,
    });
    expect((await actions.list({ limit: 50, requester: subject.id }, person('alice'))).rows.length).toBe(5);
    expect((await actions.list({ limit: 50, requester: subject.id }, agent)).rows).toEqual([]);
    expect((await actions.list({ limit: 50, requester: subject.id }, person('carol'))).rows).toEqual([]);
    expect((await actions.list({ limit: 50, requester: subject.id }, person('carol', true))).rows.length).toBe(5);
  });
  it('refuses a cursor of another list', async () => {
    await submit();
    await submit();
    const page = await eventually(async () => (await actions.list({ limit: 1 }, agent)).nextCursor);
    expect(await code(actions.list({ limit: 1, cursor: page, status: ['denied'] }, agent))).toBe('request-malformed');
    expect(await code(actions.list({ limit: 1, cursor: 'AAAA' }, agent))).toBe('request-malformed');
  });
  it.each([["'"], ["' OR 1=1 OR CountersignAction = '"], ["'' OR CountersignAction = 'postgres.export"], ['%'], ['`'], [';--'], ["') OR ('1'='1"]])(
    'takes a filter as a value, whatever it holds: %s',
    async (value) => {
      const access = temporalAccess(connection, 'default');
      expect((await listActions(access, { limit: 5, action: value, resource: value }, person('carol', true), [])).rows).toEqual([]);
    },
  );
  it.each([['\\'], ["\\' OR CountersignAction = 'postgres.export"], ['"'], ['a\nb']])(
    'refuses a filter that the list language cannot hold: %j',
    async (value) => {
      const access = temporalAccess(connection, 'default');
      expect(await code(listActions(access, { limit: 5, resource: value }, person('carol', true), []))).toBe('request-malformed');
    },
  );
  it('finds a resource by a name full of quotes', async () => {
    const id = `crm/o'brien''ü ${randomUUID()}`;
    const { view } = await submit({ ...review, resource: { type: 'Table', id } });
    await eventually(async () => (await actions.list({ limit: 5, resource: `Table:${id}` }, agent)).rows.some((row) => row.id === view.id));
  });
});

describe('an engine that does not answer', () => {
  it('is temporal-unavailable, and soon', async () => {
    const dead = Connection.lazy({ address: '127.0.0.1:1', connectTimeout: '500ms' });
    const away = makeActions({ access: temporalAccess(dead, 'default') });
    expect(await code(away.view(`act_${'a'.repeat(32)}`, agent))).toBe('temporal-unavailable');
    expect(await code(away.submit(invoiceBot, review, 'x'))).toBe('temporal-unavailable');
    await dead.close();
  });
});
