import { proxyActivities } from '@temporalio/workflow';

/** Calls the activity of the example on its queue, as anybody who can write to Temporal could. */
export async function callRollout(taskQueue: string, argument: unknown): Promise<unknown> {
  const { rolloutRelease } = proxyActivities<{ rolloutRelease(argument: unknown): Promise<unknown> }>({
    taskQueue,
    startToCloseTimeout: '20 seconds',
    scheduleToCloseTimeout: '40 seconds',
    retry: { maximumAttempts: 1 },
  });
  return rolloutRelease(argument);
}
