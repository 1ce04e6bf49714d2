import { digestJson, type Digest } from './digest.js';
import type { ErrorCode } from './errors.js';
import type { Assurance, PersonId } from './principal.js';
import type { ActionId } from './request.js';

/** People by id and members of groups by id. An empty one admits nobody. */
export type ApproverSet = { readonly groups: readonly string[]; readonly people: readonly PersonId[] };

/** Where a card goes. `teams` without a channel id means a personal card to each approver. */
export type ChannelRef = { readonly kind: 'teams' | 'slack' | 'inbox'; readonly channelId?: string };

/** One step of the escalation chain: after `afterMs` of silence, these people may decide too and are told; with `replace`, they alone. */
export type Escalation = {
  readonly afterMs: number;
  readonly approvers: ApproverSet;
  readonly channels: readonly ChannelRef[];
  readonly mode?: 'replace';
};

/** One stage: `quorum` distinct humans out of `approvers` must approve before `expiresInMs` is over. */
export type PlanStage = {
  readonly name: string;
  readonly route: string;
  readonly approvers: ApproverSet;
  readonly quorum: number;
  /** Times after the start of the stage at which those who have not answered are reminded. */
  readonly remindAfterMs: readonly number[];
  readonly escalations: readonly Escalation[];
  readonly expiresInMs: number;
  readonly assurance: Assurance;
  readonly channels: readonly ChannelRef[];
  /** Refuses an approver an action of whom somebody behind this one approved within this time. Absent: it is shown, and not refused. */
  readonly circles?: { readonly refuseWithinMs: number };
  /** How many people must reject to end the action; one when absent. */
  readonly rejectQuorum?: number;
};

/** Risk from 0 to 100 with the signals that made it up. */
export type Risk = { readonly score: number; readonly signals: readonly { readonly name: string; readonly points: number; readonly detail: string }[] };

/** What policy says about one request at one moment. Signed by the policy key. */
export type Plan = {
  readonly actionId: ActionId;
  /** Digest of the request it was made for; a plan fits no other. */
  readonly requestDigest: Digest;
  readonly outcome: 'allow' | 'deny' | 'review';
  /** Ids of the policies that decided, sorted. */
  readonly policies: readonly string[];
  /** Why a denial is one. */
  readonly denial?: { readonly code: ErrorCode; readonly detail: string };
  readonly risk: Risk;
  /** Parameters whose values approvers do not see, although the connector would show them. */
  readonly mask?: readonly string[];
  /** The executor wants approvals of at least this many people. */
  readonly executorFloor?: number;
  readonly stages: readonly PlanStage[];
  /** Humans who may not approve: requester, owner, beneficiary, every alias of theirs. Directory ids, sorted. */
  readonly excluded: readonly PersonId[];
  /** Who would close a circle by approving, with whom, as far as it was known when this was made; absent when nobody. */
  readonly circles?: readonly { readonly approver: PersonId; readonly with: PersonId; readonly at: string }[];
  readonly policyDigest: Digest;
  readonly evaluatedAt: string;
  /** After this time nothing may be decided under this plan, whatever its stages would still allow; absent: they alone say when. */
  readonly decideBy?: string;
  /** After this time nothing may be decided or executed under this plan. */
  readonly expiresAt: string;
};

/** Digest of a plan. */
export function planDigest(plan: Plan): Digest {
  return digestJson(plan);
}

/**
 * The plan that a second evaluation leads to. The stricter counts: a denial always wins; a review with
 * other stages, or under another policy, needs new consent; consent already asked for is never dropped.
 */
export function recheck(approved: Plan, now: Plan): { readonly kind: 'proceed' } | { readonly kind: 'deny' | 'replan'; readonly plan: Plan } {
  if (now.outcome === 'deny') return { kind: 'deny', plan: now };
  if (now.outcome === 'allow') return { kind: 'proceed' };
  const same = approved.outcome === 'review' && digestJson(whatCounts(approved)) === digestJson(whatCounts(now));
  return same ? { kind: 'proceed' } : { kind: 'replan', plan: now };
}

function whatCounts({ stages, excluded, policyDigest, mask = [], executorFloor = 0 }: Plan) {
  return [stages, excluded, policyDigest, mask, executorFloor];
}
