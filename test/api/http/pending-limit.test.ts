import { describe, expect, it } from 'vitest';
import { PendingLimit } from '../../../api/temporal/pending-limit.js';

const admitted = async (all: readonly Promise<unknown>[]) => (await Promise.allSettled(all)).filter(({ status }) => status === 'fulfilled').length;
const burst = (limit: PendingLimit, size = 600) => Array.from({ length: size }, () => limit.admit('bot'));
const later = <T>(value: T) => new Promise<T>((resolve) => setImmediate(() => resolve(value)));

describe('a burst that comes faster than visibility counts', () => {
  it('600 at once are 100 that get in, though visibility never sees one of them', async () => {
    const limit = new PendingLimit(100, () => later(0));
    expect(await admitted(burst(limit))).toBe(100);
  });
  it('what waited before counts on top', async () => {
    const limit = new PendingLimit(100, () => later(60));
    expect(await admitted(burst(limit))).toBe(40);
  });
  it('waves one after the other get no further, nor does another process go unseen', async () => {
    let visible = 0;
    const limit = new PendingLimit(100, () => later(visible));
    let got = 0;
    for (let wave = 0; wave < 10; wave += 1) got += await admitted(burst(limit, 60));
    expect(got).toBe(100);
    visible = 100;
    expect(await admitted(new Array(3).fill(0).map(() => new PendingLimit(100, () => later(visible)).admit('bot')))).toBe(0);
  });
  it('after visibility caught up it says how many wait', async () => {
    let [now, visible] = [0, 0];
    const limit = new PendingLimit(
      100,
      () => later(visible),
      () => now,
    );
    expect(await admitted(burst(limit))).toBe(100);
    [now, visible] = [6_000, 99];
    expect(await admitted(burst(limit))).toBe(1);
    [now, visible] = [12_000, 10];
    expect(await admitted(burst(limit))).toBe(90);
  });
});

it('what does not wait for people gives its place back', async () => {
  const limit = new PendingLimit(2, () => later(0));
  for (let count = 0; count < 50; count += 1) (await limit.admit('bot')).release();
  await limit.admit('bot');
  await limit.admit('bot');
  await expect(limit.admit('bot')).rejects.toThrow('too-many-pending');
});
it('one subject takes nothing from another, and a count that fails admits nobody', async () => {
  const limit = new PendingLimit(1, (id) => (id === 'broken' ? Promise.reject(new Error('away')) : later(0)));
  await limit.admit('bot');
  await expect(limit.admit('broken')).rejects.toThrow('away');
  await expect(limit.admit('broken')).rejects.toThrow('away');
  await limit.admit('other');
});
