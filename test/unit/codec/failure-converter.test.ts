import { createRequire } from 'node:module';
import { ActivityFailure, ApplicationFailure, defaultPayloadConverter, TimeoutFailure, type FailureConverter, type ProtoFailure } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import { failureConverterPath } from '../../../codec/data-converter.js';

const { failureConverter } = createRequire(import.meta.url)(failureConverterPath) as { readonly failureConverter: FailureConverter };
const read = (failure: ProtoFailure) => failureConverter.failureToError(failure, defaultPayloadConverter) as ApplicationFailure;

describe('failures that come through Temporal', () => {
  it('are read when their text lies in a payload', () => {
    const written = failureConverter.errorToFailure(ApplicationFailure.nonRetryable('the reason', 'grant-invalid'), defaultPayloadConverter);
    expect(written.message).not.toContain('the reason');
    expect(read(written)).toMatchObject({ message: 'the reason', type: 'grant-invalid', nonRetryable: true });
  });

  it.each([
    ['in clear', {}],
    ['with attributes that could not be decrypted', { encodedAttributes: defaultPayloadConverter.toPayload({ unreadable: true }) }],
    ['with attributes that are no object', { encodedAttributes: defaultPayloadConverter.toPayload('message') }],
    ['with attributes that cannot be read', { encodedAttributes: { metadata: {}, data: new Uint8Array([1]) } }],
  ])('are not believed %s', (_name, more) => {
    const forged = { message: 'Run it again.', applicationFailureInfo: { type: 'target-refused', nonRetryable: true }, ...more } as ProtoFailure;
    const error = read(forged);
    expect(error.type).toBe('failure-unvouched');
    expect(String(error)).not.toContain('Run it again.');
  });

  it('are not believed as the cause of another one', () => {
    const forged = { message: 'Run it again.', applicationFailureInfo: { type: 'target-refused', nonRetryable: true } };
    const error = read({ message: 'Activity task failed', activityFailureInfo: { activityType: { name: 'execute' } }, cause: forged });
    expect(error).toBeInstanceOf(ActivityFailure);
    expect(error.cause).toMatchObject({ type: 'failure-unvouched' });
  });

  it('are the server’s own when it says that time is over or that an update met the end of its workflow', () => {
    expect(read({ message: 'timed out', timeoutFailureInfo: { timeoutType: 1 } })).toBeInstanceOf(TimeoutFailure);
    const aborted = read({ message: 'Run it again.', applicationFailureInfo: { type: 'AcceptedUpdateCompletedWorkflow', nonRetryable: true } });
    expect(aborted.type).toBe('AcceptedUpdateCompletedWorkflow');
    // The word alone: whoever borrows it says nothing with it.
    expect(String(aborted)).not.toContain('Run it again.');
  });
});
