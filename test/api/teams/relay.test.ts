import Fastify from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTeamsChannel } from '../../../activities/adapters/channels/teams.js';
import { teamsPlugin } from '../../../api/teams/plugin.js';
import { startTeamsRelay, type TeamsRelay } from '../../../dev/teams-relay.js';
import type { JsonObject } from '../../../domain/json.js';
import { samplePeople, sampleTenant } from '../../helpers/bot-connector/index.js';
import { FakeActions, fakeDirectory } from './rig.js';

const { alice } = samplePeople;
const person = (id: 'alice' | 'bob') => ({ id, name: id, teams: { tenantId: sampleTenant, aadObjectId: samplePeople[id].aadObjectId } });
const appId = '7d5c8f2e-1111-4222-8333-444455556666';

describe('the relay between a local Teams and the bot', () => {
  const actions = new FakeActions();
  // What a local Teams is to the relay: an unsigned Connector that records what it is sent.
  const teams = Fastify();
  const received: { readonly url: string; readonly body: JsonObject }[] = [];
  const bot = Fastify();
  let relay: TeamsRelay;
  let config: Parameters<typeof startTeamsRelay>[0]['config'];
  let options: Parameters<typeof startTeamsRelay>[0];

  beforeEach(async () => {
    teams.all<{ Body: JsonObject }>('/_connector/*', async (request) => {
      received.push({ url: request.url, body: request.body });
      return { id: `id-${received.length}` };
    });
    const connectorUrl = `${await teams.listen({ host: '127.0.0.1', port: 0 })}/_connector`;
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    config = {
      appId,
      tenantId: sampleTenant,
      appPassword: 'local',
      serviceUrl: url,
      tokenIssuer: 'https://api.botframework.com',
      openIdMetadataUrl: `${url}/v1/.well-known/openidconfiguration`,
      loginAuthority: url,
    };
    await bot.register(teamsPlugin, { config, actions: actions.asActions(), directory: fakeDirectory(), publicUrl: 'http://127.0.0.1:7780', log: bot.log });
    const botUrl = `${await bot.listen({ host: '127.0.0.1', port: 0 })}/v1/teams/messages`;
    options = { config, environment: 'development', botUrl, connectorUrl, port, aadObjectId: alice.aadObjectId };
    relay = await startTeamsRelay(options);
  });
  afterEach(async () => {
    await relay.close();
    await bot.close();
    await teams.close();
  });

  it('brings a card to the one person there, signs their click, and lets nobody else in', async () => {
    const channel = createTeamsChannel({ config, publicUrl: 'http://127.0.0.1:7780' });
    const handles = await channel.send({
      view: actions.view,
      to: { kind: 'teams' },
      recipients: [person('alice'), person('bob')],
      notice: 'pending',
      dedupeKey: 'k',
      signal: new AbortController().signal,
    });
    expect(handles.map((handle) => handle.recipient)).toEqual(['alice']);
    expect(received.map((one) => one.url)).toEqual(['/_connector/v3/conversations', '/_connector/v3/conversations/id-1/activities']);

    const data = { actionId: actions.view.id, digest: actions.view.digest, verb: 'approve', comment: 'yes' };
    const click = {
      type: 'invoke',
      name: 'adaptiveCard/action',
      id: 'click-1',
      channelId: 'msteams',
      serviceUrl: 'http://localhost/_connector',
      from: { id: 'user-id-0', aadObjectId: alice.aadObjectId },
      recipient: { id: `28:${appId}` },
      conversation: { id: 'id-1' },
      value: { action: { type: 'Action.Execute', verb: 'approve', data }, trigger: 'manual' },
    };
    const post = (headers: Record<string, string>) =>
      fetch(`${relay.url}/api/messages`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(click) });
    // A web page that the developer happens to have open.
    expect((await post({ origin: 'https://evil.example' })).status).toBe(403);
    expect((await post({ 'sec-fetch-site': 'cross-site' })).status).toBe(403);
    expect((await post({ 'content-type': 'text/plain' })).status).toBe(415);
    expect(actions.commands).toEqual([]);
    const answered = await post({});
    expect([answered.status, await answered.text()]).toMatchObject([200, expect.stringContaining('application/vnd.microsoft.card.adaptive')]);
    expect(actions.commands).toMatchObject([{ person: { id: 'alice' }, verdict: 'approve', comment: 'yes' }]);

    // Only the bot, with a token for its password, may write into the local Teams.
    expect((await fetch(`${relay.url}/v3/conversations`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' })).status).toBe(401);
    await expect(startTeamsRelay({ ...options, environment: 'production', port: 0 })).rejects.toMatchObject({ code: 'config-invalid' });
  });
});

async function freePort(): Promise<number> {
  const probe = Fastify();
  const url = await probe.listen({ host: '127.0.0.1', port: 0 });
  await probe.close();
  return Number(new URL(url).port);
}
