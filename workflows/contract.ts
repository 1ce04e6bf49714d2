import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import type { ErrorCode } from '../domain/errors.js';
import type { DecisionProof } from '../domain/proof.js';
import type { ActionRequest } from '../domain/request.js';
import type { ActionView, SignedParts } from '../domain/view.js';

/** Name of the action workflow type. */
export const actionWorkflowType = 'action';

/** Input of the action workflow. */
export type ActionInput = {
  readonly request: ActionRequest;
  /** The api's signature over the digest of the request, as a compact JWS. */
  readonly signedRequest: string;
};

/** A decision on its way in: a compact JWS by the decision key. */
export type DecideInput = {
  readonly decision: string;
  /** Above the assurance `chat`: what lets others than the api believe it. */
  readonly proof?: DecisionProof;
  /** Who is said to decide. Unproved: it only keeps one person's many attempts from using up those of others. */
  readonly by?: string;
};

/** A cancellation on its way in: a compact JWS by the decision key. */
export type CancelInput = { readonly cancellation: string };

/** The answer to a decision or cancellation; a refusal changed nothing but the record. */
export type DecideReply =
  | { readonly accepted: true; readonly view: ActionView }
  | { readonly accepted: false; readonly code: ErrorCode; readonly detail: string; readonly view: ActionView };

/** A view with the signed things that whoever asked does not have. Everything else in it is Temporal's word. */
export type SignedView<Parts extends keyof SignedParts = keyof SignedParts> = ActionView & { readonly signed: Pick<SignedParts, Parts> };

/** Waits until policy has spoken, then returns the action; the request is known to who made it. */
export const verdictUpdate = defineUpdate<SignedView<'signedPlan'>, []>('verdict');
/** Decides; use the id of the decision as update id. */
export const decideUpdate = defineUpdate<DecideReply, [DecideInput]>('decide');
/** The same as the update, for callers that need no answer. */
export const decideSignal = defineSignal<[DecideInput]>('decide');
/** Cancels on behalf of the requester. */
export const cancelUpdate = defineUpdate<DecideReply, [CancelInput]>('cancel');
/** The action as it stands. */
export const viewQuery = defineQuery<SignedView, []>('view');

/** Longest compact JWS that a decision or cancellation may be, in characters. */
export const maxDecisionLength = 16_384;

/** Search attributes, registered with the server at start. */
export const searchAttributes = {
  status: defineSearchAttributeKey('CountersignStatus', SearchAttributeType.KEYWORD),
  action: defineSearchAttributeKey('CountersignAction', SearchAttributeType.KEYWORD),
  resource: defineSearchAttributeKey('CountersignResource', SearchAttributeType.KEYWORD),
  requester: defineSearchAttributeKey('CountersignRequester', SearchAttributeType.KEYWORD),
  approver: defineSearchAttributeKey('CountersignApprover', SearchAttributeType.KEYWORD_LIST),
  risk: defineSearchAttributeKey('CountersignRisk', SearchAttributeType.INT),
} as const;

/** Task queue of the worker. */
export const workerTaskQueue = 'countersign';

/** Task queue of the executor that belongs to a worker's. */
export function executorTaskQueue(workerQueue: string): string {
  return `${workerQueue}-executor`;
}

/** Task queues by process. */
export const taskQueues = { worker: workerTaskQueue, executor: executorTaskQueue(workerTaskQueue) } as const;
