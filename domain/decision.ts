import type { Digest } from './digest.js';
import type { ErrorCode } from './errors.js';
import type { Assurance, DecisionChannel, PersonId, PersonRef } from './principal.js';
import type { ActionId } from './request.js';

/** What one person said about one action, as signed by the decision key. */
export type Decision = {
  /** Unique; a decision counts once. */
  readonly decisionId: string;
  readonly actionId: ActionId;
  readonly actionDigest: Digest;
  readonly planDigest: Digest;
  readonly verdict: 'approve' | 'reject';
  readonly person: {
    readonly id: PersonId;
    readonly name: string;
    /** Group ids at the time of the decision, so that the executor can check the quorum alone. */
    readonly groups: readonly string[];
  };
  readonly channel: DecisionChannel;
  readonly assurance: Assurance;
  readonly decidedAt: string;
  /** The approver's own words, at most 1,000 characters. */
  readonly comment?: string;
};

/** A requester's or owner's wish to stop an action, as signed by the decision key. */
export type Cancellation = {
  readonly cancellationId: string;
  readonly actionId: ActionId;
  readonly by: { readonly kind: 'agent' | 'person'; readonly id: string; readonly name: string };
  readonly cancelledAt: string;
  readonly reason?: string;
};

/** How a decision fared. Refusals are kept like acceptances. */
export type DecisionRecord = {
  readonly decisionId: string;
  readonly at: string;
  readonly accepted: boolean;
  readonly refusal?: { readonly code: ErrorCode; readonly detail: string };
  /** Absent where the decision could not even be verified. */
  readonly decision?: Decision;
  /** What it was worth: what it claims, or `chat` where nothing but the api stands behind that. */
  readonly proven?: Assurance;
  /** Index of the stage that it counted for. */
  readonly stage?: number;
  /** Somebody behind the action who approved one of this person's own, and when: the two approve each other's actions. */
  readonly circle?: { readonly with: PersonRef; readonly at: string };
  /** Number of the plan it was made under; a new plan voids earlier approvals. */
  readonly round: number;
};
