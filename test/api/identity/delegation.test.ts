import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLogin } from '../../../api/inbox/login.js';
import { exportBody, TestApi } from '../http/support/api.js';
import { TestIssuer } from '../http/support/issuer.js';

let api: TestApi;
beforeAll(async () => {
  api = await TestApi.start();
});
afterAll(() => api.stop());

/** A token about alice with which invoice-bot acts, unless told otherwise. */
const delegated = (act: unknown = { sub: 'invoice-bot' }, claims: Record<string, unknown> = {}) => api.issuer.person('alice', { act, ...claims });
let number = 0;
const submit = (token: string, body: object = {}) =>
  api.call('POST', '/v1/actions', { token, body: { ...exportBody, ...body }, headers: { 'idempotency-key': `d-${(number += 1)}` } });

describe('a token with which an agent acts for a person', () => {
  it('asks as the agent, on behalf of the person', async () => {
    expect((await submit(await delegated())).status).toBe(202);
    expect(api.actions.submitted.at(-1)).toMatchObject({
      principal: { kind: 'agent', id: 'invoice-bot', owner: 'dave', subject: 'invoice-bot' },
      delegation: { onBehalfOf: 'alice', via: [] },
    });
  });
  it('keeps who held it before, agents with their owners', async () => {
    await submit(await delegated({ sub: 'invoice-bot', act: { sub: 'release-bot', act: { sub: 'bob' } } }));
    expect(api.actions.submitted.at(-1)?.delegation).toMatchObject({
      onBehalfOf: 'alice',
      via: [
        { kind: 'agent', id: 'release-bot', owner: 'dave' },
        { kind: 'person', id: 'bob' },
      ],
    });
  });
  it('is an agent’s also where its claim says so, or names the issuer again', async () => {
    await submit(await delegated({ sub: 'invoice-bot', iss: api.issuer.url }, { countersign_kind: 'agent' }));
    expect(api.actions.submitted.at(-1)?.delegation).toMatchObject({ onBehalfOf: 'alice' });
  });
  it('decides nothing, though the person may and the client too', async () => {
    const { id, digest } = api.actions.add();
    const own = await api.call('POST', `/v1/actions/${id}/decisions`, { token: await api.issuer.person('alice'), body: { verdict: 'approve', digest } });
    expect(own.status).toBe(200);
    const before = api.actions.decided.length;
    for (const token of [await delegated(), await delegated({ sub: 'invoice-bot' }, { countersign_kind: 'agent' })]) {
      const reply = await api.call('POST', `/v1/actions/${id}/decisions`, { token, body: { verdict: 'approve', digest } });
      expect([reply.status, reply.body.code]).toEqual([403, 'approver-not-human']);
    }
    expect(api.actions.decided.length).toBe(before);
  });
  it('sees what the agent sees, and nothing by the groups of the person', async () => {
    const others = api.actions.add({ requester: { kind: 'agent', id: 'release-bot', name: 'Release bot' } });
    const carol = await api.issuer.person('carol', { act: { sub: 'invoice-bot' } });
    expect((await api.call('GET', `/v1/actions/${others.id}`, { token: await api.issuer.person('carol') })).status).toBe(200);
    expect((await api.call('GET', `/v1/actions/${others.id}`, { token: carol })).status).toBe(404);
    expect((await api.call('GET', `/v1/actions/${api.actions.add().id}`, { token: carol })).status).toBe(200);
  });
});

describe('a delegation is refused', () => {
  const deep = (levels: number): object => (levels === 1 ? { sub: 'invoice-bot' } : { sub: 'invoice-bot', act: deep(levels - 1) });
  it('four who acted are read, five are not', async () => {
    expect((await submit(await delegated(deep(4)))).status).toBe(202);
    expect((await submit(await delegated(deep(5)))).body.code).toBe('token-invalid');
  });
  it.each<[string, unknown]>([
    ['without an object', 'invoice-bot'],
    ['by nobody', {}],
    ['that is nothing', null],
    ['by a list', [{ sub: 'invoice-bot' }]],
    ['by a number', { sub: 7 }],
    ['by a name with control characters', { sub: 'invoice-bot\n' }],
    ['by an account of another issuer', { sub: 'invoice-bot', iss: 'https://elsewhere.example' }],
    ['with an earlier actor that cannot be read', { sub: 'invoice-bot', act: 'release-bot' }],
    ['with an earlier actor that is nothing', { sub: 'invoice-bot', act: null }],
  ])('%s', async (_name, act) => {
    const before = api.actions.submitted.length;
    const reply = await submit(await delegated(act));
    expect([reply.status, reply.body.code]).toEqual([401, 'token-invalid']);
    expect(api.actions.submitted.length).toBe(before);
  });
  it.each<[string, string, unknown]>([
    ['by somebody unknown', 'alice', { sub: 'stranger' }],
    ['by a person', 'alice', { sub: 'bob' }],
    ['by an unknown actor before', 'alice', { sub: 'invoice-bot', act: { sub: 'stranger' } }],
    ['of an agent', 'release-bot', { sub: 'invoice-bot' }],
    ['of somebody unknown', 'stranger', { sub: 'invoice-bot' }],
  ])('%s', async (_name, subject, act) => {
    const reply = await submit(await api.issuer.person(subject, { act }));
    expect([reply.status, reply.body.code]).toEqual([403, 'principal-unknown']);
  });
});

describe('signing in with an ID token with which somebody else acts', () => {
  const redirect = { publicUrl: 'http://127.0.0.1:9' };
  let provider: TestIssuer;
  let tokens: Server;
  let idToken = '';
  beforeAll(async () => {
    provider = await TestIssuer.start();
    tokens = createServer((_request, response) => {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ access_token: 'opaque', token_type: 'bearer', id_token: idToken }));
    });
    await new Promise<void>((resolve) => tokens.listen(0, '127.0.0.1', resolve));
    provider.discovery = {
      issuer: provider.url,
      jwks_uri: `${provider.url}/jwks`,
      authorization_endpoint: `${provider.url}/authorize`,
      token_endpoint: `http://127.0.0.1:${(tokens.address() as AddressInfo).port}/token`,
      id_token_signing_alg_values_supported: ['ES256'],
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
    };
  });
  afterAll(async () => {
    tokens.close();
    await provider.stop();
  });

  async function signIn(claims: object): Promise<unknown> {
    const login = createLogin({ ...redirect, login: { issuer: provider.url, clientId: 'inbox' }, environment: 'development' } as never);
    const { attempt } = await login.start('/inbox', false);
    idToken = await provider.token(
      { aud: 'inbox', sub: 'alice', nonce: attempt.nonce, auth_time: Math.floor(Date.now() / 1_000), ...claims },
      { typ: 'JWT', alg: 'ES256', drop: ['client_id', 'countersign_kind'] },
    );
    return login.finish(`?code=c&state=${attempt.state}`, attempt).catch((error: unknown) => error);
  }

  it('signs in the person herself', async () => expect(await signIn({})).toMatchObject({ subject: 'alice' }));
  it('but not whoever acts for her', async () => expect(await signIn({ act: { sub: 'invoice-bot' } })).toMatchObject({ code: 'session-missing' }));
});
