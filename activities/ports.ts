import type { ApprovalFact, Consent } from '../domain/circles.js';
import type { ConnectorDefinition, ExecutionOutcome } from '../domain/connector.js';
import type { Digest } from '../domain/digest.js';
import type { Grant } from '../domain/grant.js';
import type { Json, JsonObject } from '../domain/json.js';
import type { ChannelRef } from '../domain/plan.js';
import type { ConnectorPreview } from '../domain/preview-mask.js';
import type { PersonId } from '../domain/principal.js';
import type { Receipt } from '../domain/receipt.js';
import type { ActionRequest } from '../domain/request.js';
import type { ActionView } from '../domain/view.js';

/** A card that was sent to a person or a place, and can be brought up to date later. Plain JSON; only its channel reads it. */
export type CardHandle = { readonly kind: ChannelRef['kind']; readonly recipient: string; readonly ref: JsonObject };

/** Why a card is sent. */
export type NoticeKind = 'pending' | 'reminder' | 'escalated';

/** Someone a card can be sent to. */
export type Recipient = { readonly id: PersonId; readonly name: string; readonly teams?: { readonly tenantId: string; readonly aadObjectId: string } };

/**
 * One way to reach people. Both calls may be repeated; a repetition with the same `dedupeKey` should not
 * send twice where the channel can tell. They throw `channel-unavailable` when a retry may help.
 */
export interface Channel {
  readonly kind: ChannelRef['kind'];
  /** Sends a card to each recipient, or one card to the channel named in `to`. Returns what was delivered. */
  send(input: {
    readonly view: ActionView;
    readonly to: ChannelRef;
    readonly recipients: readonly Recipient[];
    readonly notice: NoticeKind;
    readonly dedupeKey: string;
    readonly signal: AbortSignal;
  }): Promise<readonly CardHandle[]>;
  /** Brings cards up to date. A card that is gone is not an error. */
  update(input: { readonly view: ActionView; readonly handles: readonly CardHandle[]; readonly signal: AbortSignal }): Promise<void>;
}

/** An entry of the evidence log. `key` names it within its action, so that appending again is harmless. */
export type EvidenceEntry = {
  readonly actionId: string;
  readonly key: string;
  readonly kind: 'opened' | 'decided' | 'refused' | 'replanned' | 'released' | 'cancelled' | 'closed';
  readonly at: string;
  readonly body: Json;
};

/** An entry with its place in the log and the digest of its content. */
export type RecordedEntry = EvidenceEntry & { readonly position: number; readonly digest: Digest };

/** What a `decided` entry says in `approval`: who approved an action of whom. */
export type RecordedApproval = { readonly by: PersonId; readonly of: readonly PersonId[]; readonly at: string };

/** The append-only evidence log. */
export interface EvidenceLog {
  /**
   * Appends, and returns when it is durable. If the action has an entry under this key already, nothing is written
   * and that first entry is returned: what was recorded once is what happened. Throws `evidence-unavailable`.
   */
  append(entry: EvidenceEntry): Promise<RecordedEntry>;
  /** All entries of one action in order. */
  ofAction(actionId: string): Promise<readonly RecordedEntry[]>;
  /** Whose actions these people have approved since then, as `decided` entries say in `approval`: each pair once, with the latest time; `of` asks about the actions of one alone. */
  approvalsBy(people: readonly PersonId[], since: string, of?: PersonId): Promise<readonly ApprovalFact[]>;
  close(): Promise<void>;
}

/** What a connector gets besides the request. */
export type ConnectorContext = {
  /** Aborted when the action is cancelled or its time is over; the effect must then stop at the target. */
  readonly signal: AbortSignal;
  /** Tells that the work goes on; call it at least every few seconds. */
  readonly heartbeat: (progress: JsonObject) => void;
  readonly now: () => Date;
};

/** A connector inside the executor. */
export interface Connector {
  readonly definition: ConnectorDefinition;
  /** Throws `parameters-invalid` or `target-unknown` if resource and parameters make no sense together. Changes nothing. */
  check(request: ActionRequest): void;
  /** What would happen. Changes nothing. Where policy masks a parameter, only lines that say what they tell of are passed on. */
  preview?(request: ActionRequest, context: ConnectorContext): Promise<ConnectorPreview>;
  /**
   * Performs the action once. Returns `failed` when the target certainly did nothing (or the whole was rolled back),
   * `unknown` when it cannot tell. Throws `target-unavailable` only if nothing has happened yet, and `execution-unclear` if
   * it cannot tell but a repetition would count once; both are tried again.
   */
  execute(request: ActionRequest, context: ConnectorContext): Promise<ExecutionOutcome>;
  /** What a person asks the target when nobody knows whether the action took effect. */
  whatToCheck?(request: ActionRequest): string;
  close?(): Promise<void>;
}

/** How the executor's own store remembers a grant. */
export type GrantState = {
  readonly state: 'started' | 'done';
  readonly attempt: number;
  readonly actionDigest: Digest;
  readonly startedAt: string;
  /** Who performs the action: a connector inside the executor, or one outside that was given a permit. */
  readonly by: Receipt['source'];
  readonly outcome?: ExecutionOutcome;
};

/** The executor's store of consumed grants. Survives crashes; two executors on one store cannot both win. */
export interface GrantStore {
  /** Consumes the grant. Returns `first` once per action id, and what is known on every later call. */
  begin(grant: {
    readonly actionId: string;
    readonly actionDigest: Digest;
    readonly at: string;
    /** The executor itself when absent. */
    readonly by?: GrantState['by'];
    /** Who consented to it. Kept with the grant, in one step with looking for circles: throws `approval-circle` if one refuses it. */
    readonly consent?: Consent;
    /** The grant as it was verified, for those who verify it again later. */
    readonly presented?: Grant;
  }): Promise<{ readonly first: boolean; readonly known: GrantState }>;
  /** Whose actions these people have approved since then, of those that were begun: each pair once, with the latest time; `of` asks about the actions of one alone. */
  approvalsBy(people: readonly PersonId[], since: string, of?: PersonId): Promise<readonly ApprovalFact[]>;
  /** What is known of an action, without consuming anything; undefined if its grant was never consumed. */
  find(actionId: string): Promise<GrantState | undefined>;
  /** The grant as it was presented when it was consumed; undefined if it never was, or before grants were kept. Holds parameters and proofs in clear. */
  presented(actionId: string): Promise<Grant | undefined>;
  /** Notes one more attempt at an idempotent step. */
  again(actionId: string): Promise<GrantState>;
  /** Notes how it ended. The first outcome stays. */
  finish(actionId: string, outcome: ExecutionOutcome): Promise<ExecutionOutcome>;
  close(): Promise<void>;
}
