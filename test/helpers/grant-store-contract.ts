import { expect, it } from 'vitest';
import type { GrantStore } from '../../activities/ports.js';
import type { ExecutionOutcome } from '../../domain/connector.js';
import type { Digest } from '../../domain/digest.js';
import type { Grant } from '../../domain/grant.js';

export const digest: Digest = `sha256:${'1'.repeat(64)}`;
export const at = '2026-04-01T00:00:00.000Z';
const succeeded: ExecutionOutcome = { status: 'succeeded', facts: [{ label: 'Rows', value: '1' }], startedAt: at, finishedAt: at };
const failed: ExecutionOutcome = { status: 'failed', code: 'target-refused', detail: 'no', finishedAt: at };
const started = (attempt: number) => ({ state: 'started', attempt, actionDigest: digest, startedAt: at, by: 'executor' });

/**
 * What every store of consumed grants does, wherever it keeps them.
 * @param opener makes a store that is new; what it returns opens that one, again and again
 */
export function grantStoreContract(opener: () => Promise<() => Promise<GrantStore>>): void {
  const fresh = async (): Promise<GrantStore> => (await opener())();

  it('lets a grant begin once, over restarts', async () => {
    const open = await opener();
    const store = await open();
    expect(await store.find('act_a')).toBeUndefined();
    expect(await store.begin({ actionId: 'act_a', actionDigest: digest, at })).toEqual({ first: true, known: started(1) });
    expect(await store.begin({ actionId: 'act_a', actionDigest: digest, at })).toEqual({ first: false, known: started(1) });
    expect(await store.again('act_a')).toEqual(started(2));
    await store.close();

    const reopened = await open();
    expect(await reopened.begin({ actionId: 'act_a', actionDigest: digest, at })).toEqual({ first: false, known: started(2) });
    expect(await reopened.finish('act_a', succeeded)).toEqual(succeeded);
    const done = { ...started(2), state: 'done', outcome: succeeded };
    expect(await reopened.begin({ actionId: 'act_a', actionDigest: digest, at })).toEqual({ first: false, known: done });
    expect(await reopened.find('act_a')).toEqual(done);
    await reopened.close();
  });

  it('keeps the first outcome, and counts no attempt after it', async () => {
    const store = await fresh();
    await store.begin({ actionId: 'act_a', actionDigest: digest, at, by: 'connector' });
    expect(await store.finish('act_a', failed)).toEqual(failed);
    expect(await store.finish('act_a', succeeded)).toEqual(failed);
    expect(await store.again('act_a')).toEqual({ ...started(1), by: 'connector', state: 'done', outcome: failed });
    await store.close();
  });

  it('keeps the grant as it was first presented', async () => {
    const store = await fresh();
    const presented = { request: { id: 'act_a', reason: 'ä "quoted" \\u0000 text' }, plan: 'signed' } as unknown as Grant;
    await store.begin({ actionId: 'act_a', actionDigest: digest, at, presented });
    await store.begin({ actionId: 'act_a', actionDigest: digest, at, presented: { ...presented, plan: 'another' } });
    await store.begin({ actionId: 'act_b', actionDigest: digest, at });
    expect(await store.presented('act_a')).toEqual(presented);
    expect([await store.presented('act_b'), await store.presented('act_none')]).toEqual([undefined, undefined]);
    await store.close();
  });

  it('refuses another digest of the same action, and actions it never saw', async () => {
    const store = await fresh();
    await store.begin({ actionId: 'act_a', actionDigest: digest, at });
    await expect(store.begin({ actionId: 'act_a', actionDigest: `sha256:${'2'.repeat(64)}`, at })).rejects.toMatchObject({ code: 'grant-consumed' });
    await expect(store.again('act_b')).rejects.toMatchObject({ code: 'internal-error' });
    await expect(store.finish('act_b', succeeded)).rejects.toMatchObject({ code: 'internal-error' });
    await store.close();
  });

  it('notes who approved whose actions, and begins nothing that closes a circle', async () => {
    const store = await fresh();
    const since = '2026-03-01T00:00:00.000Z';
    const consent = (person: string, of: string, when = at) => ({ of: [of], by: [{ person, at: when, refuseSince: since }] });
    await store.begin({ actionId: 'act_a', actionDigest: digest, at, consent: consent('alice', 'bob') });
    await store.begin({ actionId: 'act_b', actionDigest: digest, at, consent: consent('alice', 'bob', '2026-03-15T00:00:00+01:00') });
    const fact = { by: 'alice', of: 'bob', at };
    expect(await store.approvalsBy(['alice', 'carol'], since)).toEqual([fact]);
    expect(await store.approvalsBy(['alice'], since, 'carol')).toEqual([]);
    expect(await store.approvalsBy(['alice'], '2026-04-02T00:00:00.000Z')).toEqual([]);
    await expect(store.begin({ actionId: 'act_c', actionDigest: digest, at, consent: consent('bob', 'alice') })).rejects.toMatchObject({
      code: 'approval-circle',
    });
    expect(await store.find('act_c')).toBeUndefined();
    // What began before is not judged again.
    expect(await store.begin({ actionId: 'act_a', actionDigest: digest, at, consent: consent('bob', 'alice') })).toMatchObject({ first: false });
    await store.close();
  });

  it('lets one of two begin that would close a circle together', async () => {
    const open = await opener();
    const [one, two] = [await open(), await open()];
    const consent = (person: string, of: string) => ({ of: [of], by: [{ person, at, refuseSince: '2026-03-01T00:00:00.000Z' }] });
    const both = await Promise.allSettled([
      one.begin({ actionId: 'act_a', actionDigest: digest, at, consent: consent('alice', 'bob') }),
      two.begin({ actionId: 'act_b', actionDigest: digest, at, consent: consent('bob', 'alice') }),
    ]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    await Promise.all([one.close(), two.close()]);
  });

  it('lets exactly one of two stores win each grant', async () => {
    const open = await opener();
    const stores = [await open(), await open()];
    const ids = Array.from({ length: 50 }, (_, index) => `act_${index}`);
    const answers = await Promise.all(
      ids.flatMap((actionId) => stores.map(async (store) => ({ actionId, ...(await store.begin({ actionId, actionDigest: digest, at })) }))),
    );
    const winners = answers.filter(({ first }) => first).map(({ actionId }) => actionId);
    expect(winners.sort()).toEqual([...ids].sort());
    await Promise.all(stores.map((store) => store.close()));
  });
}
