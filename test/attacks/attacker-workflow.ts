import { condition, defineQuery, proxyActivities, setHandler } from '@temporalio/workflow';

/** Calls any activity on any task queue directly, without any workflow of ours. */
export async function direct(input: { readonly taskQueue: string; readonly activity: string; readonly input: unknown }): Promise<unknown> {
  const activities = proxyActivities<Record<string, (input: unknown) => Promise<unknown>>>({
    taskQueue: input.taskQueue,
    startToCloseTimeout: '30 seconds',
    retry: { maximumAttempts: 2 },
  });
  return activities[input.activity]?.(input.input);
}

/** Answers like an action, whatever it is told to answer. */
export async function showing(view: unknown): Promise<void> {
  setHandler(defineQuery('view'), () => view);
  await condition(() => false);
}
