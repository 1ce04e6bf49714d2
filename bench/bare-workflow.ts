import { allHandlersFinished, condition, defineUpdate, proxyActivities, proxyLocalActivities, setHandler, workflowInfo } from '@temporalio/workflow';
import type { BareActivities, BareDecision, BareInput } from './bare-types.js';

const local = proxyLocalActivities<Pick<BareActivities, 'evaluate'>>({ startToCloseTimeout: '10 seconds' });
const remote = proxyActivities<Pick<BareActivities, 'notify'>>({ startToCloseTimeout: '30 seconds' });

/**
 * The least that the same steps cost on Temporal: one local activity for the verdict, one activity that notifies, one
 * decision by update, one activity on another task queue. No signature, evidence, timer or search attribute.
 */
export async function bare({ request }: BareInput): Promise<string> {
  // eslint-disable-next-line prefer-const -- the handler must exist before the first step
  let verdict: string | undefined;
  let decision: BareDecision | undefined;
  setHandler(defineUpdate<string, []>('verdict'), async () => {
    await condition(() => verdict !== undefined);
    return verdict ?? '';
  });
  setHandler(defineUpdate<string, [BareDecision]>('decide'), (input) => {
    decision = input;
    return 'accepted';
  });
  verdict = await local.evaluate({ request });
  await remote.notify({ request });
  await condition(() => decision !== undefined);
  const executor = proxyActivities<Pick<BareActivities, 'execute'>>({
    taskQueue: `${workflowInfo().taskQueue}-executor`,
    startToCloseTimeout: '1 minute',
    heartbeatTimeout: '15 seconds',
  });
  const result = await executor.execute({ request });
  await condition(allHandlersFinished);
  return result;
}
