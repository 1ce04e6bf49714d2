import type { DecisionRecord } from '../domain/decision.js';
import { digestJson, digestText } from '../domain/digest.js';
import { connectorRef } from '../domain/connector.js';
import { verifyConsent } from '../domain/grant.js';
import { planDigest, type Plan } from '../domain/plan.js';
import type { Release } from '../domain/release.js';
import { isRelease } from '../domain/shapes.js';
import { sign, verify, type TrustedKeys } from '../domain/signing.js';
import type { WorkerDeps } from './deps.js';
import type { RecordedEntry } from './ports.js';
import { unwrap } from './record.js';
import type { JudgeInput, ReleaseResult } from './types.js';

type Withheld = Extract<ReleaseResult, { readonly verdict: 'withheld' }>;

/**
 * Signs that the approvals of an action may be executed, if evidence holds each of them as accepted, and no accepted
 * rejection, no cancellation and no end of this action. What the workflow says of any of it is not believed: whoever
 * holds Temporal writes that. Throws `evidence-unavailable`.
 */
export async function release(deps: WorkerDeps, input: JudgeInput, plan: Plan): Promise<ReleaseResult> {
  const { request, signedRequest, signedPlan, signedDecision, proof, stage, nowMs } = input;
  const definition = deps.connectors.get(request.action);
  if (definition === undefined) return withheld('error', 'action-unknown', 'No connector offers this action any more.');
  const approvals = [...input.approvals, { stage, decision: signedDecision, ...(proof === undefined ? {} : { proof }) }];
  const consent = await verifyConsent({ request, signedRequest, plan: signedPlan, approvals }, deps.trusted, connectorRef(definition), nowMs, deps.proofs);
  if (!consent.ok) return withheld('error', consent.code, `The approvals do not hold: ${consent.check}.`);

  const before = await deps.evidence.ofAction(request.id);
  if (!approvals.every(({ decision }) => wasAccepted(before, decision)))
    return withheld('error', 'grant-invalid', 'An approval is among them that was never judged.');
  const content: Release = {
    actionId: request.id,
    actionDigest: consent.digest,
    planDigest: planDigest(plan),
    decisionIds: consent.approvedBy.map((decision) => decision.decisionId),
    releasedAt: new Date(nowMs).toISOString(),
  };
  const key = `released:${digestJson(content.decisionIds)}`;
  // A task that is done over is given what was released before; what came into evidence since then came later.
  const stands = againstRelease(plan, before, before.find((entry) => entry.key === key)?.position);
  if (stands !== undefined) return stands;
  const times = { issuedAt: Math.floor(nowMs / 1000), expiresAt: Math.floor(Date.parse(plan.expiresAt) / 1000), id: deps.newId() };
  const signed = await sign('release', deps.policyKey, content, times);
  const entry = await deps.evidence.append({ actionId: request.id, key, kind: 'released', at: content.releasedAt, body: { release: signed } });
  // The log puts a release and a rejection that meet here in an order, and that order counts.
  return (
    againstRelease(plan, await deps.evidence.ofAction(request.id), entry.position) ?? {
      verdict: 'released',
      release: (entry.body as { readonly release: string }).release,
    }
  );
}

/** True once the approvals of an action were released: a rejection then comes too late. What the executor would not honour is no release. */
export async function isReleased(entries: readonly RecordedEntry[], actionId: string, trusted: TrustedKeys): Promise<boolean> {
  for (const entry of entries) {
    if (entry.kind !== 'released') continue;
    const signed = await verify('release', (entry.body as { readonly release?: unknown } | null)?.release, trusted);
    if (typeof signed !== 'string' && isRelease(signed.content) && signed.content['actionId'] === actionId) return true;
  }
  return false;
}

/** What evidence holds against a release at this position of the log, or against a new one. */
function againstRelease(plan: Plan, entries: readonly RecordedEntry[], position = Infinity): Withheld | undefined {
  const earlier = entries.filter((entry) => entry.position < position);
  if (isRejected(plan, earlier)) return withheld('rejected', 'action-rejected', 'The evidence holds a rejection of this action.');
  if (earlier.some((entry) => entry.kind === 'cancelled'))
    return withheld('cancelled', 'action-cancelled', 'The evidence holds a cancellation of this action.');
  if (earlier.some((entry) => entry.kind === 'closed')) return withheld('error', 'decision-on-final', 'The evidence says that this action is closed.');
  return undefined;
}

/** Whether as many people have rejected as the plan asks for: one, unless a stage says otherwise. Then those under another plan do not count. */
function isRejected(plan: Plan, entries: readonly RecordedEntry[]): boolean {
  const rejections = entries.filter((entry) => isAcceptedDecision(entry, 'reject'));
  if (plan.stages.every((stage) => stage.rejectQuorum === undefined)) return rejections.length > 0;
  const digest = planDigest(plan);
  const records = rejections.map((entry) => (unwrap(entry).body as unknown as { readonly record: DecisionRecord }).record);
  return plan.stages.some(({ rejectQuorum = 1 }, at) => {
    const people = records.filter(({ stage, decision }) => stage === at && decision?.planDigest === digest).map(({ decision }) => decision?.person.id);
    return new Set(people).size >= rejectQuorum;
  });
}

/** Whether the last word of evidence on this very decision is that it counts. */
function wasAccepted(entries: readonly RecordedEntry[], signedDecision: string): boolean {
  const key = `decision:${digestText(signedDecision)}`;
  const versions = entries.filter((entry) => entry.key === key || entry.key.startsWith(`${key}#`));
  const last = versions.at(-1);
  return last !== undefined && isAcceptedDecision(last, 'approve');
}

function isAcceptedDecision(entry: RecordedEntry, verdict: 'approve' | 'reject'): boolean {
  if (entry.kind !== 'decided') return false;
  const { record } = unwrap(entry).body as unknown as { readonly record: DecisionRecord };
  return record.accepted && record.decision?.verdict === verdict;
}

function withheld(status: Withheld['status'], code: Withheld['refusal']['code'], detail: string): Withheld {
  return { verdict: 'withheld', status, refusal: { code, detail } };
}
