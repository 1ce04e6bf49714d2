import type { ExecutionOutcome, Preview } from './connector.js';
import type { DecisionRecord } from './decision.js';
import type { Digest } from './digest.js';
import type { ErrorCode } from './errors.js';
import type { Risk } from './plan.js';
import type { Assurance, PersonRef } from './principal.js';
import type { ActionId, ActionRequest, ConnectorRef } from './request.js';

/** Where an action stands. The last eight are final. */
export const actionStatuses = [
  'evaluating',
  'pending',
  'executing',
  'executed',
  'failed',
  'unknown',
  'denied',
  'rejected',
  'expired',
  'cancelled',
  'error',
] as const;
export type ActionStatus = (typeof actionStatuses)[number];

/** True when nothing can change any more. */
export function isFinal(status: ActionStatus): boolean {
  return status !== 'evaluating' && status !== 'pending' && status !== 'executing';
}

/**
 * One parameter as people may see it. `masked`: the value is hidden and `value` tells its shape only. `group`: what it is a part of,
 * such as the filter whose column it names.
 */
export type DisplayField = {
  readonly path: string;
  readonly group?: string;
  readonly label: string;
  readonly value: string;
  readonly masked: boolean;
  readonly truncated: boolean;
};

/** One sentence of the action's story. `seq` counts from 1 without gaps. */
export type StoryEvent = {
  readonly seq: number;
  readonly at: string;
  readonly kind:
    | 'submitted'
    | 'evaluated'
    | 'previewed'
    | 'notified'
    | 'channel-failed'
    | 'reminded'
    | 'escalated'
    | 'approved'
    | 'refused'
    | 'stage-passed'
    | 'replanned'
    | 'rejected'
    | 'denied'
    | 'expired'
    | 'cancelled'
    | 'executing'
    | 'executed'
    | 'failed'
    | 'unknown'
    | 'error';
  readonly text: string;
  readonly person?: PersonRef;
};

/** What everybody entitled sees of an action: the same facts on a card, in the inbox and in the API. */
export type ActionView = {
  readonly id: ActionId;
  readonly status: ActionStatus;
  readonly action: string;
  readonly title: string;
  readonly connector: ConnectorRef;
  readonly resource: { readonly type: string; readonly id: string };
  readonly requester: { readonly kind: 'agent' | 'person'; readonly id: string; readonly name: string };
  readonly owner?: PersonRef;
  readonly onBehalfOf?: PersonRef;
  /** Through whose hands the delegation went, as the token lists them; absent when through nobody's. */
  readonly via?: readonly ActionView['requester'][];
  /** The requester's own words; label and escape them. */
  readonly reason: string;
  readonly fields: readonly DisplayField[];
  readonly preview?: Preview;
  readonly previewError?: string;
  /** Why it can no longer be decided or executed although it was signed: a key was marked compromised. */
  readonly doubt?: string;
  readonly risk: Risk;
  readonly policies: readonly string[];
  readonly denial?: { readonly code: ErrorCode; readonly detail: string };
  /** What a decision must name. */
  readonly digest: Digest;
  readonly planDigest: Digest;
  readonly policyDigest: Digest;
  /** Digest of the caller's body. */
  readonly bodyDigest: Digest;
  /** Ids of all who were ever asked to decide: they may see how it ends. */
  readonly asked: readonly string[];
  /** Counts plans; more than 1 after a re-evaluation asked for more consent. */
  readonly round: number;
  readonly stage?: {
    readonly index: number;
    readonly count: number;
    readonly name: string;
    readonly quorum: number;
    readonly assurance: Assurance;
    readonly approvals: readonly PersonRef[];
    /** Who may decide now; people who are excluded or have decided are left out. */
    readonly approvers: readonly PersonRef[];
    readonly escalationLevel: number;
  };
  readonly requestedAt: string;
  readonly expiresAt: string;
  /** End of the present stage; absent when final. */
  readonly deadlineAt?: string;
  readonly decisions: readonly DecisionRecord[];
  /** Refused attempts beyond those kept in `decisions`. */
  readonly refusedCount: number;
  readonly channels: readonly { readonly kind: string; readonly state: 'sending' | 'sent' | 'failing'; readonly detail?: string }[];
  readonly outcome?: ExecutionOutcome;
  readonly endedAt?: string;
  readonly story: readonly StoryEvent[];
};

/** The signed things that say what an action is. */
export type SignedParts = {
  readonly request: ActionRequest;
  readonly signedRequest: string;
  /** Absent while policy has not spoken. */
  readonly signedPlan?: string;
};

// What can be told from the signed things and the connector's definition, and is therefore believed from nowhere else.
type Told =
  | 'id'
  | 'action'
  | 'title'
  | 'connector'
  | 'resource'
  | 'requester'
  | 'owner'
  | 'onBehalfOf'
  | 'via'
  | 'reason'
  | 'fields'
  | 'doubt'
  | 'risk'
  | 'policies'
  | 'digest'
  | 'planDigest'
  | 'policyDigest'
  | 'bodyDigest'
  | 'requestedAt'
  | 'expiresAt';

/** How far an action is: the part of a view that nothing signed speaks for. */
export type ViewState = Omit<ActionView, Told>;

/** How far an action is, with the signed things from which whoever reads it learns what it is. */
export type SignedState = ViewState & { readonly signed: SignedParts };
