import { proxyActivities, proxyLocalActivities, workflowInfo, type ActivityOptions } from '@temporalio/workflow';
import type { ExecutorActivities, WorkerActivities } from '../activities/types.js';
import { executorTaskQueue } from './contract.js';

// Local: they take milliseconds, and each then costs one event instead of three. The bound on attempts, about five
// seconds in all, keeps a broken store from holding the answer to a caller.
export const local = proxyLocalActivities<WorkerActivities>({
  startToCloseTimeout: '10 seconds',
  retry: { initialInterval: '100 milliseconds', maximumInterval: '2 seconds', maximumAttempts: 7 },
});

const sealRetry = { initialInterval: '200 milliseconds', maximumInterval: '1 minute' } as const;

/** Sealing must succeed in the end, however long the store is away. */
export const sealing = proxyLocalActivities<WorkerActivities>({ startToCloseTimeout: '10 seconds', retry: sealRetry, summary: 'Seal the evidence' });

/**
 * Sealing as a step of its own. What ends an action must be in Temporal's history before the seal says so: the task that
 * completes a workflow is done over, without the updates it had taken, when another one arrives in that moment.
 */
export const sealingApart = proxyActivities<WorkerActivities>({ startToCloseTimeout: '10 seconds', retry: sealRetry, summary: 'Seal the evidence' });

/**
 * One try to send cards within the workflow task, which saves six events and a task where nobody waits for its answer. A service that
 * does not answer holds up whatever else reaches the action until this is over, and is then left to {@link delivery}.
 */
export const deliveryAtOnce = proxyLocalActivities<Pick<WorkerActivities, 'notify'>>({
  startToCloseTimeout: '2 seconds',
  scheduleToCloseTimeout: '2 seconds',
  retry: { maximumAttempts: 1 },
  summary: 'Send cards',
});

/** Talks to chat services, which may be away for hours: retried until `untilMs` from now. `summary` is what operators read. */
export function delivery(untilMs: number, summary: string): Pick<WorkerActivities, 'notify' | 'updateCards'> {
  return proxyActivities<WorkerActivities>({
    startToCloseTimeout: '30 seconds',
    scheduleToCloseTimeout: Math.max(1_000, untilMs),
    summary,
    retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '20 seconds' },
  });
}

/** The executor, on its own queue. The heartbeat notices within seconds that one has died. */
export function executor(options: ActivityOptions): ExecutorActivities {
  return proxyActivities<ExecutorActivities>({
    taskQueue: executorTaskQueue(workflowInfo().taskQueue),
    heartbeatTimeout: '15 seconds',
    cancellationType: 'WAIT_CANCELLATION_COMPLETED',
    ...options,
  });
}
