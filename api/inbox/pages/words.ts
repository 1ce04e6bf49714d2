import { assertNever } from '../../../domain/errors.js';
import type { Assurance } from '../../../domain/principal.js';
import type { ActionStatus, ActionView } from '../../../domain/view.js';

/** How a status looks. */
export type Tone = 'wait' | 'busy' | 'good' | 'bad' | 'off' | 'warn';

/** A status in words. */
export function statusWords(status: ActionStatus): { readonly label: string; readonly tone: Tone } {
  switch (status) {
    case 'evaluating':
      return { label: 'Evaluating', tone: 'busy' };
    case 'pending':
      return { label: 'Waiting', tone: 'wait' };
    case 'executing':
      return { label: 'Running', tone: 'busy' };
    case 'executed':
      return { label: 'Executed', tone: 'good' };
    case 'failed':
      return { label: 'Failed', tone: 'bad' };
    case 'unknown':
      return { label: 'Unclear', tone: 'warn' };
    case 'denied':
      return { label: 'Denied by policy', tone: 'bad' };
    case 'rejected':
      return { label: 'Rejected', tone: 'bad' };
    case 'expired':
      return { label: 'Expired', tone: 'off' };
    case 'cancelled':
      return { label: 'Cancelled', tone: 'off' };
    case 'error':
      return { label: 'Error', tone: 'bad' };
    default:
      return assertNever(status);
  }
}

/** How a final action ended, in one sentence. */
export function endWords(view: ActionView): string {
  switch (view.status) {
    case 'executed':
      return 'It was approved where that was needed, and ran.';
    case 'failed':
      return 'It was approved, but running it failed.';
    case 'unknown':
      return 'It is unclear whether it took effect. A person must check; it is not run again.';
    case 'denied':
      return 'Policy denied it. Nothing was run.';
    case 'rejected':
      return 'It was rejected. Nothing was run.';
    case 'expired':
      return 'Nobody decided in time. That is not a rejection; nothing was run.';
    case 'cancelled':
      return 'It was cancelled.';
    case 'error':
      return 'It ended with an error; see the story.';
    case 'executing':
      return 'It was approved and is running now.';
    case 'evaluating':
      return 'Policy is being evaluated.';
    case 'pending':
      return 'It waits for people.';
    default:
      return assertNever(view.status);
  }
}

/** What an assurance asks of a person. */
export function assuranceWords(assurance: Assurance): string {
  switch (assurance) {
    case 'chat':
      return "the word of Countersign's api";
    case 'login':
      return 'a sign-in';
    case 'mfa':
      return 'a sign-in with a second factor';
    case 'passkey':
      return 'a passkey';
    default:
      return assertNever(assurance);
  }
}

/** Risk in words; the number stands beside it. */
export function riskWords(score: number): { readonly label: string; readonly tone: Tone } {
  if (score >= 70) return { label: 'High risk', tone: 'bad' };
  if (score >= 40) return { label: 'Medium risk', tone: 'warn' };
  return { label: 'Low risk', tone: 'off' };
}
