import type { DirectoryPerson } from '../directory/port.js';
import type { JsonObject } from '../domain/json.js';
import type { Assurance, DecisionChannel, Principal } from '../domain/principal.js';
import type { DecisionProof } from '../domain/proof.js';
import type { ActionStatus, ActionView } from '../domain/view.js';
import type { DecideReply } from '../workflows/contract.js';

/** What a caller may ask for in `POST /v1/actions`, already checked against the schema. */
export type SubmitBody = {
  readonly action: string;
  readonly resource: { readonly type: string; readonly id: string };
  readonly parameters: JsonObject;
  readonly reason: string;
  readonly on_behalf_of?: string;
  readonly duration?: string;
};

/** A decision as a person made it, on any channel. The person was verified by the channel. */
export type DecideCommand = {
  readonly actionId: string;
  readonly person: DirectoryPerson;
  readonly channel: DecisionChannel;
  readonly assurance: Assurance;
  readonly verdict: 'approve' | 'reject';
  /** The digest the person was shown. */
  readonly digest: string;
  /** Digest of the plan the person was shown; it is looked up when the caller does not know it. */
  readonly planDigest?: string;
  readonly comment?: string;
  /** Chosen beforehand where a proof was made over it. */
  readonly decisionId?: string;
  /** What lets others than the api believe an assurance above `chat`. */
  readonly proof?: DecisionProof;
};

/** One row of a list of actions, from search attributes alone. */
export type ActionRow = {
  readonly id: string;
  readonly status: ActionStatus;
  readonly action: string;
  readonly resource: string;
  readonly requester: string;
  readonly approvers: readonly string[];
  readonly risk: number;
  readonly requested_at: string;
};

export type ListFilter = {
  readonly status?: readonly ActionStatus[];
  readonly action?: string;
  readonly resource?: string;
  readonly requester?: string;
  readonly approver?: string;
  readonly since?: string;
  readonly until?: string;
  readonly limit: number;
  readonly cursor?: string;
};

/** What a delegated token says beside who acts: the person for whom, by directory id, and who held it before. */
export type Delegation = { readonly onBehalfOf: string; readonly via: readonly Principal[] };

/** What may look: a principal with the groups that make them an operator or not. */
export type Viewer = { readonly principal: Principal; readonly operator: boolean };

/**
 * The one way from HTTP, Teams and the inbox to the action workflows. Every method throws a
 * `CountersignError`; `temporal-unavailable` leaves everything as it was.
 */
export interface Actions {
  submit(
    principal: Principal,
    body: SubmitBody,
    idempotencyKey: string,
    delegation?: Delegation,
    /** Seconds since 1970 at which the caller's token was issued. */
    tokenIssuedAt?: number,
  ): Promise<{ readonly view: ActionView; readonly repeated: boolean }>;
  /** The action, or `not-found` if the viewer may not see it or there is none. */
  view(id: string, viewer: Viewer): Promise<ActionView>;
  /** Waits until the action is final or `waitMs` are over. */
  wait(id: string, viewer: Viewer, waitMs: number, signal?: AbortSignal): Promise<ActionView>;
  /** Views from now on, each time something changed; ends after a final one, or when aborted. */
  watch(id: string, viewer: Viewer, signal: AbortSignal): AsyncIterable<ActionView>;
  decide(command: DecideCommand): Promise<DecideReply>;
  cancel(id: string, principal: Principal, reason: string | undefined): Promise<DecideReply>;
  list(filter: ListFilter, viewer: Viewer): Promise<{ readonly rows: readonly ActionRow[]; readonly nextCursor?: string }>;
}
