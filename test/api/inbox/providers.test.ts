import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLogin } from '../../../api/inbox/login.js';
import type { InboxOptions } from '../../../api/inbox/options.js';
import { startEmulator } from '../../helpers/directory/okta.js';

const publicUrl = 'http://127.0.0.1:7780';
const tenant = 'd6d49420-f39b-4df7-a1dc-d59a935871db';
const client = { client_id: 'inbox', client_secret: 'secret', name: 'Inbox', redirect_uris: [`${publicUrl}/inbox/callback`] };
const address = 'ada.abel@acme.example';

type Provider = {
  readonly service: string;
  readonly seed: object;
  readonly issuer: (url: string) => string;
  readonly more: Partial<InboxOptions['login']>;
  readonly subject: RegExp;
  /** Whether its ID tokens say when the person signed in. */
  readonly tellsTime: boolean;
};
const providers: Record<string, Provider> = {
  Okta: {
    service: 'okta',
    seed: { okta: { users: [{ login: address, okta_id: '00uada' }], oauth_clients: [{ ...client, token_endpoint_auth_method: 'client_secret_basic' }] } },
    issuer: (url) => `${url}/oauth2/default`,
    more: {},
    subject: /^00uada$/,
    tellsTime: true,
  },
  'Microsoft Entra ID': {
    service: 'microsoft',
    seed: { microsoft: { users: [{ email: address, name: 'Ada Abel', tenant_id: tenant }], oauth_clients: [{ ...client, tenant_id: tenant }] } },
    issuer: (url) => `${url}/${tenant}/v2.0`,
    more: { subjectClaim: 'oid', claims: { tid: tenant } },
    subject: /^[0-9a-f-]{36}$/,
    tellsTime: false,
  },
  Google: {
    service: 'google',
    seed: { google: { users: [{ email: address, name: 'Ada Abel' }], oauth_clients: [client] } },
    issuer: (url) => url,
    more: { claims: { hd: 'acme.example' } },
    subject: /^\S+$/,
    tellsTime: false,
  },
};

/** Signs in on the provider's page, as somebody with a browser does. Returns the query with which it sends them back. */
async function signIn(at: URL): Promise<string> {
  const page = await fetch(at);
  const form = (await page.text()).split('<form').find((part) => part.includes(address)) ?? '';
  const action = /action="([^"]+)"/.exec(form)?.[1] ?? '';
  const inputs = form.matchAll(/<input[^>]*name="([^"]*)"[^>]*value="([^"]*)"/g);
  const fields = [...inputs].map(([, name = '', value = '']): [string, string] => [name, value.replaceAll('&amp;', '&')]);
  const answer = await fetch(new URL(action, at), { method: 'POST', body: new URLSearchParams(fields), redirect: 'manual' });
  return new URL(answer.headers.get('location') ?? '', publicUrl).search;
}

describe.each(Object.entries(providers))('signing in with %s', (_name, { service, seed, issuer, more, subject, tellsTime }) => {
  let emulator: Awaited<ReturnType<typeof startEmulator>>;
  beforeAll(async () => (emulator = await startEmulator(service, seed)), 240_000);
  afterAll(() => emulator?.close());
  const login = (changed: Partial<InboxOptions['login']> = {}) =>
    createLogin({
      publicUrl,
      environment: 'development',
      login: { issuer: issuer(emulator.url), clientId: client.client_id, clientSecret: client.client_secret, authTime: tellsTime, ...more, ...changed },
    } as InboxOptions);

  it('tells who it is by an id that stays', async () => {
    const one = login();
    const { url, attempt } = await one.start('/inbox', false);
    const who = await one.finish(await signIn(url), attempt);
    expect(who.issuer).toBe(issuer(emulator.url));
    expect(who.subject).toMatch(subject);
    expect(who.subject).not.toContain('@');
  });

  it('is refused for another attempt, and for another organisation', async () => {
    const one = login();
    const { url } = await one.start('/inbox', false);
    const other = await one.start('/inbox', false);
    await expect(one.finish(await signIn(url), other.attempt)).rejects.toMatchObject({ code: 'session-missing' });
    const strict = login({ claims: { hd: 'other.example', tid: 'other' } });
    const third = await strict.start('/inbox', false);
    await expect(strict.finish(await signIn(third.url), third.attempt)).rejects.toMatchObject({ code: 'session-missing' });
  });

  it('proves a decision where the provider says when it was, and none where it does not', async () => {
    const one = login({ stepUp: { mfaAcr: [], maxAgeSeconds: 300 } });
    await expect(one.start('/inbox', false, { nonce: 'n', mfa: true, purpose: {} as never })).rejects.toMatchObject({ code: 'assurance-too-low' });
    const { url, attempt } = await one.start('/inbox', false, { nonce: 'the-digest', mfa: false, purpose: {} as never });
    const finished = one.finish(await signIn(url), attempt);
    if (!tellsTime) return expect(finished).rejects.toMatchObject({ code: 'session-missing' });
    const { authTime, idToken } = await finished;
    expect(authTime).toBeGreaterThan(Date.now() / 1_000 - 300);
    expect(decodeJwt(idToken)['nonce']).toBe('the-digest');
  });
});
