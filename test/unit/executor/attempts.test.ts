import { Context } from '@temporalio/activity';
import { ActivityCancellationDetails } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { describe, expect, it } from 'vitest';
import { OneAtATime, requireWanted, stopSignal } from '../../../activities/executor/attempts.js';

type Why = NonNullable<ConstructorParameters<typeof ActivityCancellationDetails>[0]>;

/** Runs `look` inside an activity that was stopped for this reason. */
async function stopped<T>(why: Why, look: () => T): Promise<T> {
  const environment = new MockActivityEnvironment();
  return environment.run(async () => {
    environment.cancel('CANCELLED', new ActivityCancellationDetails(why));
    await Context.current().cancelled.catch(() => undefined);
    return look();
  });
}

const givenUp: readonly Why[] = [{ notFound: true }, { timedOut: true }, { workerShutdown: true }, { paused: true }, { reset: true }];

describe('an attempt that is stopped', () => {
  it('breaks off a step that may run twice, whatever the reason', async () => {
    for (const why of [...givenUp, { cancelRequested: true }]) expect(await stopped(why, () => stopSignal(true).aborted)).toBe(true);
  });

  it('breaks off a step that may not run twice only if somebody asked for it or the process ends', async () => {
    for (const why of [{ notFound: true }, { timedOut: true }, { paused: true }, { reset: true }])
      expect(await stopped(why, () => stopSignal(false).aborted)).toBe(false);
    for (const why of [{ cancelRequested: true }, { workerShutdown: true }]) expect(await stopped(why, () => stopSignal(false).aborted)).toBe(true);
  });

  it('hears of a reason that comes later', async () => {
    const environment = new MockActivityEnvironment();
    const aborted = await environment.run(async () => {
      const signal = stopSignal(false);
      const before = signal.aborted;
      environment.cancel('CANCELLED', new ActivityCancellationDetails({ cancelRequested: true }));
      return [before, signal.aborted];
    });
    expect(aborted).toEqual([false, true]);
  });

  it('is no cancellation of the action unless a person asked for one', async () => {
    for (const why of givenUp) await expect(stopped(why, requireWanted)).rejects.toMatchObject({ type: 'attempt-given-up', nonRetryable: false });
    await expect(stopped({ cancelRequested: true }, requireWanted)).resolves.toBeUndefined();
  });
});

describe('attempts on one action in one process', () => {
  it('run one after the other, also when one fails; another action does not wait', async () => {
    const turns = new OneAtATime();
    const log: string[] = [];
    const ends: (() => void)[] = [];
    const attempt =
      (name: string, fails = false) =>
      async () => {
        log.push(`${name} begins`);
        await new Promise<void>((resolve) => ends.push(resolve));
        log.push(`${name} ends`);
        if (fails) throw new Error(name);
        return name;
      };
    const first = turns.run('act_a', attempt('first', true));
    const second = turns.run('act_a', attempt('second'));
    const third = turns.run('act_a', attempt('third'));
    const other = turns.run('act_b', attempt('other'));
    await Promise.resolve();
    expect(log).toEqual(['first begins', 'other begins']);
    ends[0]?.();
    await expect(first).rejects.toThrow('first');
    ends[1]?.();
    expect(await other).toBe('other');
    while (ends.length < 3) await Promise.resolve();
    ends[2]?.();
    expect(await second).toBe('second');
    while (ends.length < 4) await Promise.resolve();
    ends[3]?.();
    expect(await third).toBe('third');
    expect(log.filter((line) => !line.startsWith('other'))).toEqual([
      'first begins',
      'first ends',
      'second begins',
      'second ends',
      'third begins',
      'third ends',
    ]);
  });
});
