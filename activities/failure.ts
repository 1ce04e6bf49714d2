import { ApplicationFailure } from '@temporalio/common';
import { CountersignError, type ErrorCode } from '../domain/errors.js';

// What may go away by itself; everything else fails the same way again.
const passing: ReadonlySet<ErrorCode> = new Set([
  'channel-unavailable',
  'evidence-unavailable',
  'directory-unavailable',
  'grants-unavailable',
  'policy-unavailable',
  'target-unavailable',
  'temporal-unavailable',
]);

/** Wraps an activity so that our errors cross the border with their code as type. Unrecognised errors are rethrown as they are. */
export function guarded<A extends readonly unknown[], R>(activity: (...args: A) => Promise<R>): (...args: A) => Promise<R> {
  return async (...args) => {
    try {
      return await activity(...args);
    } catch (error) {
      if (error instanceof CountersignError)
        throw ApplicationFailure.create({ message: error.detail, type: error.code, nonRetryable: !passing.has(error.code) });
      throw error;
    }
  };
}
