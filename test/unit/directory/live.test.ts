import { Type } from 'typebox';
import { describe, expect, it } from 'vitest';
import { createCache } from '../../../directory/live/cache.js';
import { createJsonClient, type Clockwork } from '../../../directory/live/client.js';
import { createEntraSource } from '../../../directory/live/entra.js';
import { createGoogleSource } from '../../../directory/live/google.js';
import { createOktaSource } from '../../../directory/live/okta.js';
import { answer } from '../../../directory/live/schema.js';
import { createScimSource } from '../../../directory/live/scim.js';

const valid = answer(Type.Object({ ok: Type.Boolean() }));

/** A clock that only waiting moves, and a provider that answers what it is told to. */
function scripted(...answers: readonly (Response | Error)[]) {
  let nowMs = 1_800_000_000_000;
  const waits: number[] = [];
  const asked: string[] = [];
  const left = [...answers];
  const clockwork: Clockwork = {
    now: () => nowMs,
    sleep: async (ms) => {
      waits.push(ms);
      nowMs += ms;
    },
    random: () => 1,
    fetch: async (input) => {
      asked.push(input instanceof Request ? input.url : String(input));
      const next = left.shift() ?? new Error('asked once too often');
      if (next instanceof Error) throw next;
      return next;
    },
  };
  const ask = (ms = 8_000) => ({ deadlineMs: nowMs + ms, signal: AbortSignal.timeout(60_000) });
  return { clockwork, waits, asked, ask };
}
const reply = (status: number, body: unknown, headers: Record<string, string> = {}) => new Response(JSON.stringify(body), { status, headers });
const clientOf = (clockwork: Clockwork) => createJsonClient({ baseUrl: 'https://idp.example', timeoutMs: 1_000, clockwork });

describe('a client of a directory', () => {
  it('waits longer from try to try, and gives up before its deadline', async () => {
    const { clockwork, waits, ask } = scripted(...Array.from({ length: 20 }, () => reply(500, {})));
    await expect(clientOf(clockwork).get('/x', valid, ask(5_000))).rejects.toMatchObject({ kind: 'unreachable' });
    expect(waits).toEqual([150, 300, 600, 1_200, 2_000]);
  });

  it("waits until Okta's limit starts anew", async () => {
    const { clockwork, waits, ask } = scripted(reply(429, {}, { 'x-rate-limit-reset': '1800000003' }), reply(200, { ok: true }));
    expect((await clientOf(clockwork).get('/x', valid, ask()))?.body).toEqual({ ok: true });
    expect(waits.reduce((sum, ms) => sum + ms, 0)).toBe(3_000);
  });

  it('takes a date as the time to wait for', async () => {
    const { clockwork, waits, ask } = scripted(reply(503, {}, { 'retry-after': new Date(1_800_000_002_000).toUTCString() }), reply(200, { ok: true }));
    await clientOf(clockwork).get('/x', valid, ask());
    expect(waits.reduce((sum, ms) => sum + ms, 0)).toBe(2_000);
  });

  it('asks for another token once, not twice', async () => {
    const { clockwork, ask } = scripted(reply(401, {}), reply(401, {}));
    const renewals: boolean[] = [];
    const authorize = async (_ask: unknown, renew: boolean) => {
      renewals.push(renew);
      return 'Bearer x';
    };
    const client = createJsonClient({ baseUrl: 'https://idp.example', timeoutMs: 1_000, clockwork, authorize });
    await expect(client.get('/x', valid, ask())).rejects.toMatchObject({ kind: 'refused' });
    expect(renewals).toEqual([false, true]);
  });

  it('reads no answer that is too large', async () => {
    const { clockwork, ask } = scripted(new Response('x'.repeat(9 * 1024 * 1024)));
    await expect(clientOf(clockwork).get('/x', valid, ask())).rejects.toMatchObject({ kind: 'nonsense' });
  });

  it('sends its credentials to no other host, whatever the next page is said to be', async () => {
    const { clockwork, ask, asked } = scripted(reply(200, [], { link: '<https://evil.example/api/v1/users>; rel="next"' }));
    const source = createOktaSource({ url: 'https://idp.example', authorize: async () => 'SSWS secret', timeoutMs: 1_000, clockwork });
    await expect(source.groupsOf('00u1', ask())).rejects.toMatchObject({ kind: 'nonsense' });
    expect(asked).toHaveLength(1);
  });

  it('does not follow a list that has no end', async () => {
    const same = Array.from({ length: 300 }, () => reply(200, [], { link: '<https://idp.example/api/v1/users/00u1/groups>; rel="next"' }));
    const { clockwork, ask } = scripted(...same);
    const source = createOktaSource({ url: 'https://idp.example', authorize: async () => 'SSWS secret', timeoutMs: 1_000, clockwork });
    await expect(source.groupsOf('00u1', ask())).rejects.toMatchObject({ kind: 'nonsense' });
  });
});

describe('a list that the provider says not to exist', () => {
  const options = (clockwork: Clockwork) => ({ url: 'https://idp.example', authorize: async () => 'Bearer x', timeoutMs: 1_000, clockwork });
  const guid = '00000000-0000-4000-8000-000000000001';
  const missing = {
    okta: { body: { errorCode: 'E0000007' }, make: createOktaSource, more: [[{ id: 'g1' }], { link: '<https://idp.example/next>; rel="next"' }] },
    entra: {
      body: { error: { code: 'Request_ResourceNotFound' } },
      make: createEntraSource,
      more: [{ value: [], '@odata.nextLink': 'https://idp.example/next' }, {}],
    },
    google: {
      body: { error: { errors: [{ reason: 'notFound' }] } },
      make: (all: ReturnType<typeof options>) => createGoogleSource({ ...all, customer: 'my_customer' }),
      more: [{ groups: [], nextPageToken: '2' }, {}],
    },
    scim: {
      body: { status: '404' },
      make: (all: ReturnType<typeof options>) => createScimSource({ ...all, subject: 'id', membership: 'filter' }),
      more: [{ totalResults: 2, Resources: [{ id: 'g1' }] }, {}],
    },
  } as const;

  it.each(Object.entries(missing))('is nonsense, not "in no group", on the first page and on a later one: %s', async (kind, { body, make, more }) => {
    const [first, headers] = more;
    for (const before of [[], [reply(200, first, headers)]]) {
      const probe = kind === 'scim' ? [reply(200, { totalResults: 0 })] : [];
      const { clockwork, ask, asked } = scripted(...probe, ...before, reply(404, body));
      await expect(make(options(clockwork)).groupsOf(guid, ask())).rejects.toMatchObject({ kind: 'nonsense' });
      expect(asked).toHaveLength(probe.length + before.length + 1);
    }
  });

  it.each(Object.entries(missing).filter(([kind]) => kind !== 'scim'))('is nobody where it is the list of a group: %s', async (_kind, { body, make }) => {
    const { clockwork, ask } = scripted(reply(404, body));
    expect(await make(options(clockwork)).membersOf(guid, 10, ask())).toEqual([]);
  });
});

describe('a SCIM server', () => {
  const sourceOf = (clockwork: Clockwork, membership: 'filter' | 'user') =>
    createScimSource({ url: 'https://idp.example', authorize: async () => 'Bearer x', timeoutMs: 1_000, clockwork, subject: 'id', membership });
  const everything = () => reply(200, { totalResults: 1, Resources: [{ id: 'g1' }] });

  it('that ignores filters puts nobody into a group', async () => {
    const { clockwork, ask } = scripted(everything(), everything(), everything());
    const source = sourceOf(clockwork, 'filter');
    for (const asking of [() => source.groupsOf('u1', ask()), () => source.check?.(ask()), () => source.groupsOf('u1', ask())])
      await expect(asking()).rejects.toMatchObject({ kind: 'nonsense', message: expect.stringContaining('ignores filters') as string });
  });

  it('whose filters work is asked for the groups of nobody once', async () => {
    const none = () => reply(200, { totalResults: 0 });
    const { clockwork, ask, asked } = scripted(none(), none(), none());
    const source = sourceOf(clockwork, 'filter');
    expect([await source.groupsOf('u1', ask()), await source.groupsOf('u1', ask())]).toEqual([[], []]);
    expect(asked.map((address) => /eq%20%22(nobody-|u1)/.exec(address)?.[1])).toEqual(['nobody-', 'u1', 'u1']);
  });

  it('that is to list groups with a person has to say that there are none', async () => {
    const { clockwork, ask } = scripted(
      reply(200, { id: 'u1', groups: [] }),
      reply(200, { id: 'u1', groups: null }),
      reply(200, { id: 'u1' }),
      reply(404, { status: '404' }),
    );
    const source = sourceOf(clockwork, 'user');
    expect([await source.groupsOf('u1', ask()), await source.groupsOf('u1', ask())]).toEqual([[], []]);
    for (let count = 0; count < 2; count += 1) await expect(source.groupsOf('u1', ask())).rejects.toMatchObject({ kind: 'nonsense' });
  });
});

describe('the memory of a directory', () => {
  const make = () => {
    let nowMs = 0;
    return { cache: createCache<string>({ ttlMs: 1_000, max: 2, now: () => nowMs }), pass: (ms: number) => void (nowMs += ms) };
  };
  const later = () => {
    let settle: (value: string) => void = () => undefined;
    const answered = new Promise<string>((resolve) => (settle = resolve));
    return { answered, settle };
  };

  it('keeps an answer no longer than it may, counted from the question', async () => {
    const { cache, pass } = make();
    const slow = later();
    const first = cache.get('a', false, () => slow.answered);
    pass(900);
    slow.settle('old');
    expect(await first).toBe('old');
    expect(await cache.get('a', false, async () => 'new')).toBe('old');
    pass(100);
    expect(await cache.get('a', false, async () => 'new')).toBe('new');
  });

  it('asks once for many who wait, but never makes a fresh question wait for an earlier one', async () => {
    const { cache } = make();
    const slow = later();
    const [one, two] = [cache.get('a', false, () => slow.answered), cache.get('a', false, async () => 'never')];
    expect(await cache.get('a', true, async () => 'fresh')).toBe('fresh');
    slow.settle('stale');
    expect([await one, await two]).toEqual(['stale', 'stale']);
    // The earlier answer came later and must not displace the one that was asked for after it.
    expect(cache.peek('a')?.value).toBe('fresh');
  });

  it('does not keep what was asked for before something was forgotten', async () => {
    const { cache } = make();
    const slow = later();
    const one = cache.get('a', false, () => slow.answered);
    cache.deleteWhere(() => true);
    slow.settle('from before');
    await one;
    expect(cache.peek('a')).toBeUndefined();
  });

  it('keeps no failure, and no more answers than it may', async () => {
    const { cache } = make();
    await expect(
      cache.get('a', false, async () => {
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    for (const key of ['a', 'b', 'c']) await cache.get(key, false, async () => key);
    expect(['a', 'b', 'c'].map((key) => cache.peek(key)?.value)).toEqual([undefined, 'b', 'c']);
  });
});
