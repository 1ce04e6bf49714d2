import type { ExecutionOutcome, Preview } from '../domain/connector.js';
import type { DecisionRecord } from '../domain/decision.js';
import type { Digest } from '../domain/digest.js';
import type { Grant } from '../domain/grant.js';
import type { ChannelRef, Plan } from '../domain/plan.js';
import type { PersonId, PersonRef } from '../domain/principal.js';
import type { DecisionProof } from '../domain/proof.js';
import type { ActionRequest } from '../domain/request.js';
import type { Cancellation } from '../domain/decision.js';
import type { ActionStatus, DisplayField, SignedState } from '../domain/view.js';
import type { Refusal } from '../domain/separation.js';
import type { CardHandle, NoticeKind } from './ports.js';

/** What the workflow needs to know of a connector to run it. */
export type ConnectorFacts = {
  readonly title: string;
  readonly previews: boolean;
  readonly executionTimeoutMs: number;
  readonly external?: { readonly taskQueue: string; readonly activity: string };
};

/** A plan in force with everything derived from it. */
export type OpenedPlan = {
  readonly plan: Plan;
  readonly signedPlan: string;
  readonly planDigest: Digest;
  readonly actionDigest: Digest;
  readonly approvers: readonly PersonRef[];
};

export type OpenResult = OpenedPlan & {
  readonly connector: ConnectorFacts;
  readonly fields: readonly DisplayField[];
  readonly owner?: PersonRef;
  readonly onBehalfOf?: PersonRef;
  /** The cards that follow a preview are first tried in the task that takes it in. Absent in actions that 0.1.0 opened. */
  readonly cardsAtOnce?: true;
};

export type JudgeInput = {
  readonly request: ActionRequest;
  readonly signedRequest: string;
  readonly signedDecision: string;
  readonly proof?: DecisionProof;
  /** The plan in force. Whatever else the workflow knows of it is not believed. */
  readonly signedPlan: string;
  /** The approvals that count so far under this plan, in the order in which they would be presented. */
  readonly approvals: Grant['approvals'];
  readonly stage: number;
  readonly level: number;
  readonly counted: readonly PersonId[];
  readonly usedDecisionIds: readonly string[];
  readonly round: number;
  /** Refuses for this reason whatever the decision says, once it is verified. */
  readonly closed?: Refusal;
  /** True when this approval would be the last that the plan asks for: policy is then evaluated again at once, and it is released. */
  readonly completes: boolean;
  /** Counts attempts on this action, from 1; names the evidence entry. */
  readonly attempt: number;
  readonly nowMs: number;
};

/** What policy says when it is asked again. The stricter of the two plans counts. */
export type Reevaluation =
  | { readonly verdict: 'proceed' }
  | {
      readonly verdict: 'deny' | 'replan';
      readonly opened: OpenedPlan;
      /** For people: why, and what is asked for now. Absent in what was recorded before it was told. */
      readonly reason?: string;
    };

/** Approvals that may be executed, or why they may not although all were given: evidence holds what the workflow does not know. */
export type ReleaseResult =
  | { readonly verdict: 'released'; readonly release: string }
  | { readonly verdict: 'withheld'; readonly status: 'rejected' | 'cancelled' | 'error'; readonly refusal: Refusal };

/** How a decision fared, and, if it was the last that was asked for or policy was changed since, what comes now. */
export type Judgement = { readonly record: DecisionRecord; readonly again?: Exclude<Reevaluation, { readonly verdict: 'proceed' }> | ReleaseResult };

export type CancelResult = { readonly accepted: true; readonly cancellation: Cancellation } | { readonly accepted: false; readonly refusal: Refusal };

/** Closes an action and brings its cards up to date. */
export type CloseInput = {
  readonly actionId: string;
  readonly atMs: number;
  readonly status: ActionStatus;
  readonly outcome?: ExecutionOutcome;
  readonly denial?: Refusal;
  readonly view: SignedState;
  readonly handles: readonly CardHandle[];
};

/** The activities of the worker, by name. */
export type WorkerActivities = {
  open(input: { readonly request: ActionRequest; readonly signedRequest: string; readonly runId: string; readonly nowMs: number }): Promise<OpenResult>;
  judge(input: JudgeInput): Promise<Judgement>;
  judgeCancellation(input: {
    readonly request: ActionRequest;
    readonly signedCancellation: string;
    readonly excluded: readonly PersonId[];
    readonly attempt: number;
    readonly nowMs: number;
  }): Promise<CancelResult>;
  findApprovers(input: { readonly plan: Plan; readonly stage: number; readonly level: number }): Promise<readonly PersonRef[]>;
  notify(input: {
    readonly view: SignedState;
    readonly to: ChannelRef;
    readonly notice: NoticeKind;
    readonly recipients: readonly PersonId[];
    readonly dedupeKey: string;
  }): Promise<{ readonly state: 'sent' | 'not-configured'; readonly handles: readonly CardHandle[] }>;
  updateCards(input: { readonly view: SignedState; readonly handles: readonly CardHandle[] }): Promise<void>;
  /** Seals, then tries once to bring the cards to their final state. */
  close(input: CloseInput): Promise<{
    readonly cards: 'up-to-date' | 'behind' | 'refused';
    /** Why the executor's word for this outcome is missing or does not hold. */
    readonly doubt?: Refusal;
  }>;
};

/** The activities of the executor, by name. */
export type ExecutorActivities = {
  preview(input: { readonly request: ActionRequest; readonly signedRequest: string; readonly signedPlan: string }): Promise<Preview>;
  execute(input: { readonly grant: Grant }): Promise<ExecutionOutcome>;
  /** Consumes the grant and returns a permit for a connector that runs elsewhere. */
  authorize(input: {
    readonly grant: Grant;
    readonly taskQueue: string;
  }): Promise<{ readonly ok: true; readonly permit: string } | { readonly ok: false; readonly outcome: ExecutionOutcome }>;
  /** Records how a connector that runs elsewhere ended. */
  settle(input: { readonly actionId: string; readonly outcome: ExecutionOutcome }): Promise<ExecutionOutcome>;
};
