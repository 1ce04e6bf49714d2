import { proxyActivities } from '@temporalio/workflow';

/** Calls the executor directly, without any workflow of ours. */
export async function direct(input: { readonly executorQueue: string; readonly grant: unknown }): Promise<unknown> {
  const { execute } = proxyActivities<{ execute(input: { readonly grant: unknown }): Promise<unknown> }>({
    taskQueue: input.executorQueue,
    startToCloseTimeout: '30 seconds',
    retry: { maximumAttempts: 2 },
  });
  return execute({ grant: input.grant });
}
