import type { FastifyReply } from 'fastify';
import { CountersignError, isErrorCode, type ErrorCode } from '../../domain/errors.js';
import { isFinal, type ActionView } from '../../domain/view.js';
import type { Viewer } from '../actions.js';
import { ActionProblem } from '../plugins/errors.js';
import { toWire } from '../schemas/action.js';

/** The Idempotency-Key of a request. Throws `idempotency-key-missing` unless it is 1 to 128 visible ASCII characters. */
export function idempotencyKey(value: string | readonly string[] | undefined): string {
  // Node joins repeated headers with ", ", whose space the pattern refuses.
  if (typeof value !== 'string' || !/^[\x21-\x7e]{1,128}$/.test(value)) throw new CountersignError('idempotency-key-missing');
  return value;
}

/** Seconds that `Prefer: wait=N` asks for, at most 60; undefined when it does not ask. */
export function preferredWait(value: string | readonly string[] | undefined): number | undefined {
  const text = Array.isArray(value) ? value.join(',') : (value as string | undefined);
  const match = /(?:^|[,;])\s*wait\s*=\s*"?(\d{1,6})"?\s*(?=$|[,;])/i.exec((text ?? '').slice(0, 1_000));
  return match === null ? undefined : Math.min(60, Number(match[1]));
}

/** How an action that will not be executed is told, so that a caller who looks at the status alone stops. */
function stop(view: ActionView): { readonly code: ErrorCode; readonly detail: string } | undefined {
  switch (view.status) {
    case 'denied':
      return view.denial ?? { code: 'denied-by-policy', detail: 'Policy denies this action.' };
    case 'rejected':
      return { code: 'action-rejected', detail: 'A person rejected this action.' };
    case 'expired':
      return { code: 'action-expired', detail: 'Nobody approved this action in time.' };
    case 'cancelled':
      return { code: 'action-cancelled', detail: 'This action was cancelled.' };
    case 'failed': {
      const code = view.outcome?.status === 'failed' ? view.outcome.code : undefined;
      return { code: isErrorCode(code) ? code : 'target-refused', detail: 'This action was approved but failed; see its outcome.' };
    }
    case 'unknown':
      return { code: 'execution-unclear', detail: 'This action may or may not have taken effect; see its outcome for what to check.' };
    case 'error':
      return view.denial ?? { code: 'internal-error', detail: 'This action ended with an internal error; operators see it in the engine.' };
    default:
      return undefined;
  }
}

/** Answers a submission: 202 while it waits, 201 when it runs or has run; throws the problem otherwise, with the action in it. */
export function answerSubmission(reply: FastifyReply, view: ActionView, viewer: Viewer, publicUrl: string): FastifyReply {
  const action = toWire(view, viewer, publicUrl);
  void reply.header('location', action.links.self);
  const reason = stop(view);
  if (reason !== undefined) throw new ActionProblem(reason.code, reason.detail, action);
  const waiting = view.status === 'pending' || view.status === 'evaluating';
  if (!isFinal(view.status)) void reply.header('retry-after', '5');
  return reply.code(waiting ? 202 : 201).send(action);
}
