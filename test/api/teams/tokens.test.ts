import { generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { samplePeople, type Tamper } from '../../helpers/bot-connector/index.js';
import { startRig, type Rig } from './rig.js';

const now = () => Math.floor(Date.now() / 1000);
let rig: Rig;
let foreignKey: Awaited<ReturnType<typeof generateKeyPair>>['privateKey'];
beforeAll(async () => {
  foreignKey = (await generateKeyPair('RS256')).privateKey;
  rig = await startRig();
  await rig.card(['alice']);
});
afterAll(() => rig.close());

const message = () => rig.connector.messagesOf(samplePeople.alice)[0]!;
async function deliver(tamper: Tamper) {
  return rig.connector.deliver(rig.connector.clickActivity(samplePeople.alice, message(), 'approve', undefined, tamper), tamper);
}

describe('a token that does not vouch for the activity decides nothing', () => {
  const cases: [string, number, string, () => Promise<Tamper> | Tamper][] = [
    ['no token', 401, 'token-missing', () => ({ authorization: null })],
    ['another scheme', 401, 'token-invalid', () => ({ authorization: 'Basic YTpi' })],
    ['no token behind the scheme', 401, 'token-invalid', () => ({ authorization: 'Bearer nonsense' })],
    ['unsigned', 401, 'token-invalid', () => ({ authorization: `Bearer ${unsigned()}` })],
    ['signed with the public key as a shared secret', 401, 'token-invalid', async () => ({ authorization: `Bearer ${await shared()}` })],
    ['another key under the right id', 401, 'token-invalid', () => ({ claims: { key: foreignKey } })],
    ['an unknown key id', 401, 'token-invalid', () => ({ claims: { kid: 'unknown' } })],
    ['another audience', 401, 'token-invalid', () => ({ claims: { audience: 'another-bot' } })],
    ['another issuer', 401, 'token-invalid', () => ({ claims: { issuer: 'https://evil.example' } })],
    ['expired beyond the tolerance', 401, 'token-expired', () => ({ claims: { issuedAt: now() - 7200, expiresAt: now() - 301 } })],
    ['not yet valid', 401, 'token-invalid', () => ({ claims: { issuedAt: now() + 3600 } })],
    ['no serviceurl claim', 401, 'token-invalid', () => ({ claims: { serviceUrl: null } })],
    ['another serviceurl', 401, 'token-invalid', () => ({ claims: { serviceUrl: 'https://evil.example' } })],
    ['an activity with another serviceUrl', 401, 'token-invalid', () => ({ activity: { serviceUrl: 'https://evil.example' } })],
    ['an activity without serviceUrl', 400, 'request-malformed', () => ({ activity: { serviceUrl: null } })],
    ['another channel', 403, 'not-permitted', () => ({ activity: { channelId: 'directline' } })],
    ['another tenant in channelData', 403, 'not-permitted', () => ({ activity: { channelData: { tenant: { id: 'ffffffff-f39b-4df7-a1dc-d59a935871db' } } } })],
    ['another tenant in the conversation', 403, 'not-permitted', () => ({ activity: { conversation: { id: message().conversationId, tenantId: 'another' } } })],
    ['no tenant at all', 403, 'not-permitted', () => ({ activity: { conversation: { id: message().conversationId }, channelData: {} } })],
  ];
  it.each(cases)('%s: %d %s', async (_name, status, code, tamper) => {
    const answer = await deliver(await tamper());
    expect(answer).toMatchObject({ status, body: { code, status } });
    expect(rig.actions.commands).toEqual([]);
  });

  it('tells the log why, and never the token', async () => {
    const authorization = `Bearer ${await rig.connector.authority.channelToken({ audience: 'another-bot' })}`;
    rig.log.length = 0;
    await deliver({ authorization });
    const lines = rig.log.join('');
    expect(lines).toContain('claim aud');
    expect(lines).not.toContain(authorization.slice(-40));
  });

  function unsigned(): string {
    return new UnsecuredJWT({ serviceurl: rig.connector.url })
      .setIssuer('https://api.botframework.com')
      .setAudience(rig.connector.config.appId)
      .setExpirationTime('1h')
      .encode();
  }
  function shared(): Promise<string> {
    const secret = new TextEncoder().encode('the public key, which everybody knows, used as a secret');
    const jwt = new SignJWT({ serviceurl: rig.connector.url }).setProtectedHeader({ alg: 'HS256', kid: 'local-1' }).setIssuer('https://api.botframework.com');
    return jwt.setAudience(rig.connector.config.appId).setExpirationTime('1h').sign(secret);
  }
});

describe('keys', () => {
  it('accepts a token within the tolerance, and follows a rotation', async () => {
    const fresh = await startRig();
    try {
      await fresh.card(['alice']);
      const card = fresh.connector.messagesOf(samplePeople.alice)[0]!;
      expect(
        await fresh.connector.click(samplePeople.alice, card, 'refresh', undefined, { claims: { issuedAt: now() - 3600, expiresAt: now() - 200 } }),
      ).toMatchObject({ kind: 'card' });
      await fresh.connector.authority.rotate({ forget: true });
      expect(await fresh.connector.click(samplePeople.alice, card, 'approve')).toMatchObject({ status: 200, kind: 'card' });
    } finally {
      await fresh.close();
    }
  });

  it('refuses a key that is not endorsed for Teams', async () => {
    const fresh = await startRig();
    try {
      await fresh.card(['alice']);
      await fresh.connector.authority.rotate({ endorsements: ['webchat'] });
      const answer = await fresh.connector.click(samplePeople.alice, fresh.connector.messagesOf(samplePeople.alice)[0]!, 'approve');
      expect(answer).toMatchObject({ status: 401, body: { code: 'token-invalid' } });
      expect(fresh.actions.commands).toEqual([]);
    } finally {
      await fresh.close();
    }
  });

  it('does not fetch keys for every token with an unknown key id', async () => {
    const fresh = await startRig({ keyCooldownMs: 60_000 });
    try {
      await fresh.card(['alice']);
      const card = fresh.connector.messagesOf(samplePeople.alice)[0]!;
      await fresh.connector.click(samplePeople.alice, card, 'refresh');
      const before = fresh.connector.authority.keyFetches();
      for (let at = 0; at < 5; at += 1) await fresh.connector.click(samplePeople.alice, card, 'approve', undefined, { claims: { kid: `no-${at}` } });
      expect(fresh.connector.authority.keyFetches()).toBe(before);
    } finally {
      await fresh.close();
    }
  });

  it('answers 503 while keys cannot be fetched, and decides nothing', async () => {
    const fresh = await startRig({ config: { ...rig.connector.config, openIdMetadataUrl: 'http://127.0.0.1:9/none' } });
    try {
      const answer = await fresh.connector.deliver({ type: 'message' });
      expect(answer).toMatchObject({ status: 503, body: { code: 'channel-unavailable' } });
    } finally {
      await fresh.close();
    }
  });
});

describe('limits', () => {
  it('does not read a body before the token is verified, nor one that is too large', async () => {
    const url = `${rig.app.listeningOrigin}/v1/teams/messages`;
    const body = JSON.stringify({ text: 'x'.repeat(300_000) });
    const post = async (headers: Record<string, string>, content: string) => (await fetch(url, { method: 'POST', headers, body: content })).status;
    expect(await post({ 'content-type': 'application/json' }, '{not json')).toBe(401);
    const authorization = `Bearer ${await rig.connector.authority.channelToken()}`;
    expect(await post({ 'content-type': 'application/json', authorization }, body)).toBe(413);
    expect(await post({ 'content-type': 'text/plain', authorization }, 'x')).toBe(415);
    expect(await post({ 'content-type': 'application/json', authorization }, '{not json')).toBe(400);
  });

  it('limits what one person may send', async () => {
    const fresh = await startRig({ requestsPerMinute: { person: 3 } });
    try {
      const statuses: number[] = [];
      for (let at = 0; at < 5; at += 1) statuses.push(await fresh.connector.say(samplePeople.alice, 'hello'));
      expect(statuses).toEqual([200, 200, 200, 429, 429]);
      expect(await fresh.connector.say(samplePeople.bob, 'hello')).toBe(200);
    } finally {
      await fresh.close();
    }
  });
});
