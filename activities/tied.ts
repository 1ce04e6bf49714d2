import { activityInfo, log } from '@temporalio/activity';
import { CountersignError } from '../domain/errors.js';

/**
 * Wraps an activity that writes evidence so that only the workflow of an action writes to the evidence of that action: whoever
 * reaches the task queue can schedule any activity, with any input, from a workflow of their own. Throws `payload-unreadable`.
 */
export function tied<I, R>(activity: (input: I) => Promise<R>, actionIdOf: (input: I) => string): (input: I) => Promise<R> {
  return async (input) => {
    const { activityType, workflowExecution } = activityInfo();
    if (actionIdOf(input) !== workflowExecution?.workflowId) {
      log.error('evidence was not written: somebody writes to the engine', { code: 'payload-unreadable', activityType });
      throw new CountersignError('payload-unreadable', 'A workflow may write to the evidence of its own action only.');
    }
    return activity(input);
  };
}
