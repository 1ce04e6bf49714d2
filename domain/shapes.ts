import { isJsonObject, type JsonObject } from './json.js';
import type { Cancellation, Decision } from './decision.js';
import type { Plan } from './plan.js';
import type { ActionRequest } from './request.js';
import { assurances, decisionChannels } from './principal.js';
import type { Release } from './release.js';

// Signed content comes from our own processes, yet a verifier must not crash on what a stolen key signed:
// these guards check every member that a rule reads.

const text = (value: unknown): value is string => typeof value === 'string';
const texts = (value: unknown): value is readonly string[] => Array.isArray(value) && value.every(text);
const time = (value: unknown): value is string => text(value) && Number.isFinite(Date.parse(value));
const oneOf = (words: readonly string[], value: unknown): boolean => text(value) && words.includes(value);
const approverSet = (value: unknown): boolean => isJsonObject(value) && texts(value['groups']) && texts(value['people']);

function stage(value: unknown): boolean {
  if (!isJsonObject(value)) return false;
  const { name, route, approvers, quorum, expiresInMs, assurance, escalations, remindAfterMs, channels, circles, rejectQuorum } = value;
  return (
    text(name) &&
    text(route) &&
    approverSet(approvers) &&
    typeof quorum === 'number' &&
    typeof expiresInMs === 'number' &&
    oneOf(assurances, assurance) &&
    Array.isArray(remindAfterMs) &&
    Array.isArray(channels) &&
    (circles === undefined || (isJsonObject(circles) && typeof circles['refuseWithinMs'] === 'number' && circles['refuseWithinMs'] > 0)) &&
    Array.isArray(escalations) &&
    (rejectQuorum === undefined || (Number.isInteger(rejectQuorum) && (rejectQuorum as number) >= 1)) &&
    escalations.every(
      (step) =>
        isJsonObject(step) &&
        typeof step['afterMs'] === 'number' &&
        approverSet(step['approvers']) &&
        (step['mode'] === undefined || step['mode'] === 'replace'),
    )
  );
}

/** True for what has the members of a request that the engine reads before anybody has verified it. */
export function isRequest(value: unknown): value is ActionRequest {
  if (!isJsonObject(value)) return false;
  const { id, action, connector, resource, parameters, reason, requester, requestedAt, tokenIssuedAt, bodyDigest } = value;
  return (
    [id, action, reason, bodyDigest].every(text) &&
    time(requestedAt) &&
    (tokenIssuedAt === undefined || time(tokenIssuedAt)) &&
    isJsonObject(connector) &&
    isJsonObject(parameters) &&
    isJsonObject(resource) &&
    text(resource['type']) &&
    text(resource['id']) &&
    isJsonObject(requester) &&
    oneOf(['agent', 'person'], requester['kind']) &&
    text(requester['id']) &&
    text(requester['name'])
  );
}

/** True when the content of a signed plan has the shape of one. */
export function isPlan(value: JsonObject): value is JsonObject & Plan {
  const { actionId, requestDigest, outcome, policies, stages, mask, executorFloor, excluded, circles, policyDigest, evaluatedAt, decideBy, expiresAt } = value;
  return (
    text(actionId) &&
    text(requestDigest) &&
    (outcome === 'allow' || outcome === 'deny' || outcome === 'review') &&
    texts(policies) &&
    (mask === undefined || texts(mask)) &&
    (executorFloor === undefined || typeof executorFloor === 'number') &&
    texts(excluded) &&
    (circles === undefined ||
      (Array.isArray(circles) && circles.every((one) => isJsonObject(one) && text(one['approver']) && text(one['with']) && time(one['at'])))) &&
    text(policyDigest) &&
    time(evaluatedAt) &&
    (decideBy === undefined || time(decideBy)) &&
    time(expiresAt) &&
    Array.isArray(stages) &&
    stages.every(stage)
  );
}

/** True when the content of a signed decision has the shape of one. */
export function isDecision(value: JsonObject): value is JsonObject & Decision {
  const { decisionId, actionId, actionDigest, planDigest, verdict, person, channel, assurance, decidedAt, comment } = value;
  return (
    text(decisionId) &&
    text(actionId) &&
    text(actionDigest) &&
    text(planDigest) &&
    (verdict === 'approve' || verdict === 'reject') &&
    oneOf(decisionChannels, channel) &&
    oneOf(assurances, assurance) &&
    time(decidedAt) &&
    (comment === undefined || text(comment)) &&
    isJsonObject(person) &&
    text(person['id']) &&
    text(person['name']) &&
    texts(person['groups'])
  );
}

/** True when the content of a signed release has the shape of one. */
export function isRelease(value: JsonObject): value is JsonObject & Release {
  const { actionId, actionDigest, planDigest, decisionIds, releasedAt } = value;
  return text(actionId) && text(actionDigest) && text(planDigest) && texts(decisionIds) && time(releasedAt);
}

/** True when the content of a signed cancellation has the shape of one. */
export function isCancellation(value: JsonObject): value is JsonObject & Cancellation {
  const { cancellationId, actionId, by, cancelledAt, reason } = value;
  return (
    text(cancellationId) &&
    text(actionId) &&
    time(cancelledAt) &&
    (reason === undefined || text(reason)) &&
    isJsonObject(by) &&
    text(by['id']) &&
    text(by['name']) &&
    (by['kind'] === 'agent' || by['kind'] === 'person')
  );
}
