import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { executedExport, pendingExport } from './fixtures.js';
import { hidden, Visitor } from './browserless.js';
import { people, startRig, type Rig } from './rig.js';

let rig: Rig;
beforeAll(async () => {
  rig = await startRig([pendingExport(), executedExport()]);
});
afterAll(() => rig.close());

describe('signing in', () => {
  it('goes to the provider with code, PKCE, state and nonce, and comes back to the page asked for', async () => {
    const visitor = new Visitor(rig.url);
    const first = await visitor.follow('/inbox/actions/act_exportpending');
    const sent = new URL(first.trail[1] ?? '');
    expect(sent.origin).toBe(rig.issuer);
    expect(Object.fromEntries(sent.searchParams)).toMatchObject({ response_type: 'code', code_challenge_method: 'S256', client_id: 'countersign-inbox' });
    for (const name of ['state', 'nonce', 'code_challenge']) expect(sent.searchParams.get(name)?.length).toBeGreaterThan(20);
    const { response, url, page } = await new Visitor(rig.url).signIn('alice-at-idp', '/inbox/actions/act_exportpending');
    expect(response.status).toBe(200);
    expect(url.href).toBe(`${rig.url}/inbox/actions/act_exportpending`);
    expect(page).toContain('Alice Almeida');
  });

  it('keeps the session in one opaque HttpOnly cookie that names nobody', async () => {
    const visitor = new Visitor(rig.url);
    const provider = await visitor.follow('/inbox');
    let target = provider.url.href;
    let form: Record<string, string> | undefined = { person: 'alice-at-idp' };
    while (!new URL(target).pathname.startsWith('/inbox/callback')) {
      const answer: Response = await visitor.ask(target, form === undefined ? {} : { form });
      form = undefined;
      target = new URL(answer.headers.get('location') ?? '', target).href;
    }
    const callback = await visitor.ask(target);
    const cookie = callback.headers.getSetCookie().find((line) => line.startsWith('countersign_session='));
    expect(cookie).toMatch(/; Path=\/; Max-Age=3600; HttpOnly; SameSite=Lax$/);
    const header = JSON.parse(Buffer.from(cookie?.split('=')[1]?.split('.')[0] ?? '', 'base64url').toString()) as unknown;
    expect(header).toEqual({ alg: 'dir', enc: 'A256GCM' });
    // The code and the state are spent: the same callback signs nobody in again.
    const again = await visitor.ask(target);
    expect(again.status).toBe(401);
  });

  it('refuses a callback that was started in another browser, or with another state or issuer', async () => {
    const victim = new Visitor(rig.url);
    expect((await victim.ask('/inbox/callback?code=abc&state=def')).status).toBe(401);
    await victim.ask('/inbox/login');
    const forged = await victim.ask(`/inbox/callback?code=abc&state=def&iss=${encodeURIComponent(rig.issuer)}`);
    expect(forged.status).toBe(401);
    expect(await forged.text()).toContain('session-missing');
    expect(victim.cookies.has('countersign_session')).toBe(false);
    const other = await victim.follow('/inbox/login');
    const state = new URL(other.trail[0] ?? '').searchParams.get('state') ?? '';
    expect((await victim.ask(`/inbox/callback?code=abc&state=${state}&iss=https%3A%2F%2Fevil.example`)).status).toBe(401);
  });

  it.each([
    'https://evil.example/',
    '//evil.example',
    '/\\evil.example',
    '/inbox/../evil',
    '/inbox@evil.example',
    '/inboxes',
    'javascript:alert(1)',
    '/inbox/actions/x\nSet-Cookie: a=b',
    '/inbox/logout',
  ])('does not end on %j', async (target) => {
    const { url } = await new Visitor(rig.url).signIn('bob', `/inbox/login?return_to=${encodeURIComponent(target)}`);
    expect(url.href).toBe(`${rig.url}/inbox`);
  });

  it('lets nobody in whom the directory does not list as active', async () => {
    const visitor = new Visitor(rig.url);
    const { response, page } = await visitor.signIn('frank');
    expect(response.status).toBe(403);
    expect(page).toContain('You are signed out');
    expect(visitor.cookies.has('countersign_session')).toBe(false);
  });
});

describe('a session', () => {
  it('ends when the directory stops vouching for the person', async () => {
    const visitor = new Visitor(rig.url);
    await visitor.signIn('bob');
    await rig.setPeople(people.replace('id: bob, ', 'id: bob, active: false, '));
    const page = await visitor.ask('/inbox');
    await rig.setPeople(people);
    expect(page.status).toBe(403);
    expect(visitor.cookies.has('countersign_session')).toBe(false);
  });

  it('closes while the directory cannot be read', async () => {
    const visitor = new Visitor(rig.url);
    await visitor.signIn('bob');
    await rig.setPeople('people: nobody knows\n');
    const page = await visitor.ask('/inbox');
    await rig.setPeople(people);
    expect(page.status).toBe(503);
    expect(await page.text()).toContain('directory-unavailable');
  });

  it('is worth nothing once tampered with, doubled, or used as another kind of cookie', async () => {
    const visitor = new Visitor(rig.url);
    await visitor.signIn('alice-at-idp');
    const sealed = visitor.cookies.get('countersign_session') ?? '';
    expect((await visitor.ask('/inbox/live')).status).toBe(200);
    for (const at of [10, 45, sealed.length - 30, sealed.length - 3]) {
      const letter = sealed[at] === 'A' ? 'B' : 'A';
      const forged = await visitor.ask('/inbox/live', { headers: { cookie: `countersign_session=${sealed.slice(0, at)}${letter}${sealed.slice(at + 1)}` } });
      expect(forged.status).toBe(401);
    }
    expect((await visitor.ask('/inbox/live', { headers: { cookie: `countersign_session=${sealed}; countersign_session=${sealed}` } })).status).toBe(401);
    const stranger = new Visitor(rig.url);
    await stranger.ask('/inbox/login');
    const login = stranger.cookies.get('countersign_login') ?? '';
    expect((await stranger.ask('/inbox/live', { headers: { cookie: `countersign_session=${login}` } })).status).toBe(401);
  });

  it('ends after an hour of silence, and after eight hours whatever happens', async () => {
    const minute = 60_000;
    const visitor = new Visitor(rig.url);
    await visitor.signIn('alice-at-idp');
    try {
      for (let at = 0; at < 470; at += 47) {
        rig.clock.offsetMs = at * minute;
        expect((await visitor.ask('/inbox')).status).toBe(200);
        // What a script polls does not keep a session alive.
        expect((await visitor.ask('/inbox/live')).headers.getSetCookie()).toEqual([]);
      }
      rig.clock.offsetMs = 481 * minute;
      expect((await visitor.ask('/inbox/live')).status).toBe(401);
      const silent = new Visitor(rig.url);
      rig.clock.offsetMs = 0;
      await silent.signIn('alice-at-idp');
      rig.clock.offsetMs = 61 * minute;
      expect((await silent.ask('/inbox/live')).status).toBe(401);
    } finally {
      rig.clock.offsetMs = 0;
    }
  });

  it('ends with the sign-out, for copies of its cookie too', async () => {
    const visitor = new Visitor(rig.url);
    const { page } = await visitor.signIn('alice-at-idp');
    const copy = visitor.cookies.get('countersign_session') ?? '';
    const foreign = await visitor.ask('/inbox/logout', { form: { csrf: 'guess' }, headers: { origin: rig.url } });
    expect(foreign.status).toBe(403);
    const out = await visitor.follow('/inbox/logout', { form: { csrf: hidden(page, 'csrf') }, headers: { origin: rig.url } });
    expect(out.url.pathname).toBe('/inbox/signed-out');
    expect(out.response.status).toBe(200);
    expect((await visitor.ask('/inbox/live', { headers: { cookie: `countersign_session=${copy}` } })).status).toBe(401);
  });

  it('is not begun by the next link after a sign-out, though the provider still knows the person', async () => {
    const visitor = new Visitor(rig.url);
    const { page } = await visitor.signIn('alice-at-idp');
    const prompt = async () => new URL((await visitor.ask('/inbox/login')).headers.get('location') ?? '').searchParams.get('prompt');
    expect(await prompt()).toBeNull();
    await visitor.follow('/inbox/logout', { form: { csrf: hidden(page, 'csrf') }, headers: { origin: rig.url } });
    expect(await prompt()).toBe('login');
    await visitor.signIn('bob', '/inbox/login');
    expect(await prompt()).toBeNull();
  });

  it('is made anew by each sign-in', async () => {
    const visitor = new Visitor(rig.url);
    const first = await visitor.signIn('alice-at-idp');
    const copy = visitor.cookies.get('countersign_session') ?? '';
    const second = await visitor.signIn('bob', '/inbox/login?switch=1');
    expect(hidden(second.page, 'csrf')).not.toBe(hidden(first.page, 'csrf'));
    expect(second.page).toContain('Bob Baumann');
    expect((await visitor.ask('/inbox/live', { headers: { cookie: `countersign_session=${copy}` } })).status).toBe(401);
  });
});

it('a person who floods the inbox is stopped, from another session too, and can still sign out', async () => {
  const busy = await startRig([], { requestsPerMinute: 8 });
  try {
    const [first, second] = [new Visitor(busy.url), new Visitor(busy.url)];
    const { page } = await first.signIn('alice-at-idp');
    await second.signIn('alice-at-idp');
    const answers = await Promise.all(Array.from({ length: 10 }, () => first.ask('/inbox')));
    expect(answers.some(({ status }) => status === 429)).toBe(true);
    const refused = await second.ask('/inbox/history');
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    const bob = new Visitor(busy.url);
    expect((await bob.signIn('bob')).response.status).toBe(200);
    const out = await first.ask('/inbox/logout', { form: { csrf: hidden(page, 'csrf') }, headers: { origin: busy.url, 'sec-fetch-site': 'same-origin' } });
    expect(out.headers.get('location')).toBe('/inbox/signed-out');
  } finally {
    await busy.close();
  }
});
