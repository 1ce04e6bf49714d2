import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Connection } from '@temporalio/client';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildApp } from '../../api/app.js';
import { createDecisionSigner } from '../../api/decision-signer.js';
import { createAccessTokenVerifier } from '../../api/identity/verify-access-token.js';
import { inboxPlugin } from '../../api/inbox/plugin.js';
import { temporalAccess } from '../../api/temporal/access.js';
import { createTemporalActions } from '../../api/temporal-actions.js';
import { startIdp, type RunningIdp } from '../../dev/idp-server.js';
import { createFileDirectory } from '../../directory/file.js';
import { actionId } from '../../domain/ids.js';
import { startMemoryTemporal } from '../../scripts/lib/testing.mjs';
import { exportBody } from '../api/http/support/api.js';
import { TestIssuer } from '../api/http/support/issuer.js';
import { Visitor } from '../api/inbox/browserless.js';
import { idpConfig } from '../api/inbox/rig.js';
import { testConverter } from '../helpers/encryption.js';
import { RecordingConnector } from '../helpers/fakes.js';
import { eventually, Rig } from '../helpers/rig.js';
import { freePort } from '../helpers/free-port.js';

// The attacker is a known agent or person with a good token or login of their own, and the id of somebody else's action. The api, the
// inbox, the workflows and Temporal are real; the target's answer before approval is the fact "about 500".
const fact = 'about 500';
let temporal: Awaited<ReturnType<typeof startMemoryTemporal>>;
let rig: Rig;
let connection: Connection;
let issuer: TestIssuer;
let idp: RunningIdp;
let app: FastifyInstance;
let folder: string;
let url: string;
let id: string;
let digest: string;

/** The directory; whoever is named here has left. */
function directoryText(gone: readonly string[] = []): string {
  const accounts = (subject: string) => `[{ issuer: development, subject: ${subject} }, { issuer: "${issuer.url}", subject: ${subject} }]`;
  const person = (name: string, groups: string) =>
    `  - { id: ${name}, name: ${name}, active: ${!gone.includes(name)}, groups: [${groups}], accounts: ${accounts(name)} }\n`;
  const agent = (name: string) => `  - { id: ${name}, name: ${name}, owner: dave, actsFor: [dave, erin], accounts: ${accounts(name)} }\n`;
  return (
    'groups: [{ id: g-data-owners, name: Data owners }, { id: g-security, name: Security }, { id: g-platform, name: Platform }, { id: g-operators, name: Operators }]\n' +
    `people:\n${person('alice', 'g-data-owners')}${person('bob', 'g-data-owners')}${person('carol', 'g-operators')}${person('dave', 'g-platform')}${person('erin', '')}${person('frank', 'g-platform')}` +
    `agents:\n${agent('invoice-bot')}${agent('release-bot')}`
  );
}

beforeAll(async () => {
  temporal = await startMemoryTemporal();
  issuer = await TestIssuer.start();
  folder = await mkdtemp(path.join(os.tmpdir(), 'countersign-s17-'));
  const file = path.join(folder, 'directory.yaml');
  await writeFile(file, directoryText());
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  idp = await startIdp(idpConfig(folder, url), { onError: () => undefined });
  const directory = createFileDirectory(file, idp.issuer);
  const connector = new RecordingConnector(undefined, { previews: true });
  rig = await Rig.start({ address: temporal.address, connectors: [connector], directory: () => directory, executorPolicy: { directory: () => directory } });
  connection = await Connection.connect({ address: temporal.address });
  const actions = createTemporalActions({
    access: temporalAccess(connection, 'default', testConverter('refuse')),
    connectors: [connector.definition],
    directory,
    signer: createDecisionSigner(rig.keys.signing.decision),
    trusted: rig.keys.trusted,
    pendingPerSubject: 100,
    taskQueue: rig.taskQueue,
  });
  const operators = ['g-operators'];
  const config = {
    environment: 'development',
    api: { host: '127.0.0.1', port, publicUrl: url, sessionSecretEnv: 'X', limits: { requestsPerMinute: 100_000 } },
    identity: { issuers: [issuer.config()], login: { issuer: idp.issuer, clientId: 'countersign-inbox' }, operators },
  };
  const inbox = inboxPlugin({
    actions,
    directory,
    publicUrl: url,
    sessionSecret: 'a session secret of the tests, long enough',
    login: { issuer: idp.issuer, clientId: 'countersign-inbox', stepUp: { mfaAcr: ['mfa'], maxAgeSeconds: 300 } },
    operators,
    environment: 'development',
  });
  app = await buildApp({
    config: config as never,
    version: 'test',
    actions,
    directory,
    connectors: [connector.definition],
    verifier: createAccessTokenVerifier([issuer.config()], { allowLoopbackHttp: true }),
    publicKeys: () => [],
    readiness: [],
    extensions: [async (scope) => void (await scope.register(inbox))],
  });
  await app.listen({ host: '127.0.0.1', port });

  const answer = await call('POST', '/v1/actions', await issuer.agent(), { ...exportBody, on_behalf_of: 'erin' }, { 'idempotency-key': randomUUID() });
  expect(answer.status).toBe(202);
  ({ id, digest } = JSON.parse(answer.text) as { id: string; digest: string });
  await eventually(async () => (await rig.view(id)).preview !== undefined);
});
afterAll(async () => {
  await app?.close();
  await idp?.close();
  await connection?.close();
  await rig?.stop();
  await issuer?.stop();
  await temporal?.stop();
  await rm(folder, { recursive: true, force: true });
});

type Answer = { readonly status: number; readonly text: string };
async function call(method: string, target: string, token?: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(`${url}${target}`, {
    method,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, text: await response.text() };
}

/** Every way to ask for one action. */
function ways(of: string, token: string): readonly (() => Promise<Answer>)[] {
  return [
    () => call('GET', `/v1/actions/${of}`, token),
    () => call('GET', `/v1/actions/${of}?wait=1`, token),
    () => call('GET', `/v1/actions/${of}/events`, token),
    () => call('GET', `/v1/actions/${of}/events`, token, undefined, { 'last-event-id': '1' }),
    () => call('POST', `/v1/actions/${of}/cancel`, token),
  ];
}
const decideOn = (of: string, token: string) => call('POST', `/v1/actions/${of}/decisions`, token, { verdict: 'approve', digest });
// The id of the request is all in which two refusals may differ.
const told = ({ status, text }: Answer) => `${status} ${text.replace(/urn:uuid:[0-9a-f-]+/, '')}`;
const made = () => actionId('nobody', 'nothing', randomUUID());

describe('S17: only the entitled look', () => {
  it('a stranger cannot tell an action from an id that nobody has, whichever way they ask', async () => {
    const strangers = [await issuer.agent('release-bot'), await issuer.person('frank')];
    for (const token of strangers) {
      const real = await Promise.all(ways(id, token).map(async (ask) => told(await ask())));
      const unreal = await Promise.all(ways(made(), token).map(async (ask) => told(await ask())));
      expect(real).toEqual(unreal);
      for (const answer of real) expect(answer).toMatch(/^404 .*"code":"not-found"/);
    }
    const frank = strangers[1] as string;
    expect(told(await decideOn(id, frank))).toBe(told(await decideOn(made(), frank)));
    const bot = strangers[0] as string;
    expect(told(await decideOn(id, bot))).toBe(told(await decideOn(made(), bot)));
    const view = await rig.view(id);
    expect([view.status, view.decisions.filter((one) => one.accepted)]).toEqual(['pending', []]);
  });

  it('no list of a stranger has it, whatever they filter by', async () => {
    const all = ['', '?status=pending', '?requester=invoice-bot', '?approver=alice', '?action=postgres.export', '?resource=Table:crm/public.customers'];
    const listed = async (token: string) => (await Promise.all(all.map((query) => call('GET', `/v1/actions${query}`, token)))).map(({ text }) => text);
    await eventually(async () => (await listed(await issuer.person('alice'))).every((text) => text.includes(id)));
    for (const token of [await issuer.agent('release-bot'), await issuer.person('frank')])
      for (const text of await listed(token)) expect(JSON.parse(text)).toEqual({ items: [] });
  });

  it('ids that are guessed, cut, or written otherwise lead nowhere', async () => {
    const token = await issuer.person('frank');
    const guesses = (of: string) => [of.toUpperCase(), of.slice(0, -1), `${of}a`, `${of}%20`, `${of}%00`, `..%2f${of}`, `${of}%2f..%2f${of}`];
    const answers = async (of: string) => {
      const all = guesses(of).flatMap((guess) => ways(guess, token));
      return Promise.all(all.map(async (ask) => told(await ask())));
    };
    const real = await answers(id);
    expect(real).toEqual(await answers(made()));
    for (const answer of real) expect(answer).toMatch(/^40[04] /);
  });

  it('without a token there is nothing, connectors included; and they tell no place of the inside', async () => {
    for (const target of [`/v1/actions/${id}`, `/v1/actions/${id}/events`, '/v1/actions', '/v1/connectors'])
      expect((await call('GET', target)).status).toBe(401);
    expect((await call('GET', '/v1/connectors', await issuer.agent('stranger'))).status).toBe(403);
    const { text } = await call('GET', '/v1/connectors', await issuer.person('frank'));
    expect(text).not.toMatch(/taskQueue|task_queue|url|secret/i);
  });

  it('those who asked see the action, and nothing of what the target said before approval', async () => {
    const alice = await call('GET', `/v1/actions/${id}`, await issuer.person('alice'));
    expect(alice.text).toContain(fact);
    expect((await call('GET', `/v1/actions/${id}`, await issuer.person('carol'))).text).toContain(fact);
    for (const token of [await issuer.agent(), await issuer.person('dave'), await issuer.person('erin')]) {
      const answer = await call('GET', `/v1/actions/${id}`, token);
      expect(answer.status).toBe(200);
      expect(answer.text).toContain(digest);
      expect(answer.text).not.toContain(fact);
      expect(answer.text).not.toContain('preview');
    }
  });

  it('the pages of the inbox hold to the same', async () => {
    const pages = async (who: string) => {
      const visitor = new Visitor(url);
      await visitor.signIn(who);
      const read = async (target: string) => {
        const answer = await visitor.ask(target);
        return { status: answer.status, page: await answer.text() };
      };
      return {
        action: await read(`/inbox/actions/${id}`),
        other: await read(`/inbox/actions/${made()}`),
        live: await read(`/inbox/actions/${id}/live`),
        history: await read('/inbox/history'),
      };
    };
    // For an approver this stream would stay open, so it is asked for by strangers only.
    const frank = await pages('frank');
    expect([frank.action.status, frank.live.status]).toEqual([404, 404]);
    expect(frank.action.page).toBe(frank.other.page);
    expect(frank.history.page).not.toContain(id);
    for (const [who, seen] of [
      ['alice', true],
      ['erin', false],
      ['dave', false],
    ] as const) {
      const visitor = new Visitor(url);
      await visitor.signIn(who);
      const page = await (await visitor.ask(`/inbox/actions/${id}`)).text();
      expect(page).toContain('crm/public.customers');
      expect(page.includes(fact)).toBe(seen);
    }
    const nobody = await fetch(`${url}/inbox/actions/${id}`, { redirect: 'manual' });
    expect(nobody.status).toBe(303);
  });

  it('who has left sees nothing any more, with a token or a session that has not ended', async () => {
    const token = await issuer.person('bob');
    const visitor = new Visitor(url);
    await visitor.signIn('bob');
    expect((await call('GET', `/v1/actions/${id}`, token)).status).toBe(200);
    expect((await visitor.ask(`/inbox/actions/${id}`)).status).toBe(200);
    await writeFile(path.join(folder, 'directory.yaml'), directoryText(['bob']));
    try {
      for (const ask of [...ways(id, token), () => decideOn(id, token), () => call('GET', '/v1/actions', token)]) {
        const answer = await ask();
        expect([answer.status, answer.text]).toEqual([403, expect.stringContaining('principal-unknown')]);
      }
      const page = await visitor.ask(`/inbox/actions/${id}`);
      expect(page.status).not.toBe(200);
      expect(await page.text()).not.toContain('crm/public.customers');
    } finally {
      await writeFile(path.join(folder, 'directory.yaml'), directoryText());
    }
  });
});
