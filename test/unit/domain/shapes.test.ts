import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../domain/json.js';
import { isCancellation, isDecision, isPlan, isRelease, isRequest } from '../../../domain/shapes.js';
import { makePlan, makeRequest, makeStage } from './grant-fixture.js';

const at = '2026-03-02T10:00:00.000Z';
const stage = makeStage({
  escalations: [{ afterMs: 1, approvers: { groups: ['g'], people: ['p'] }, channels: [], mode: 'replace' }],
  circles: { refuseWithinMs: 1 },
  rejectQuorum: 2,
});
const plan = makePlan(makeRequest(), { stages: [stage], circles: [{ approver: 'alice', with: 'dave', at }] }) as unknown as JsonObject;
const decision: JsonObject = {
  decisionId: 'd',
  actionId: 'act_a',
  actionDigest: 'sha256:00',
  planDigest: 'sha256:01',
  verdict: 'approve',
  person: { id: 'alice', name: 'Alice', groups: ['g'] },
  channel: 'inbox',
  assurance: 'login',
  decidedAt: at,
  comment: 'Fine.',
};
const cancellation: JsonObject = {
  cancellationId: 'c',
  actionId: 'act_a',
  by: { kind: 'person', id: 'dave', name: 'Dave' },
  cancelledAt: at,
  reason: 'Not needed.',
};

/** A copy with the member at `path` replaced, or left out. */
function withMember(value: JsonObject, path: string, member: unknown): JsonObject {
  const copy = structuredClone(value) as Record<string, unknown>;
  const names = path.split('.');
  const holder = names.slice(0, -1).reduce((inner, name) => inner[name] as Record<string, unknown>, copy);
  const last = names.at(-1) as string;
  if (member === undefined) delete holder[last];
  else holder[last] = member;
  return copy as JsonObject;
}

const missing = undefined;
// What stands at each place instead of what belongs there. Every one of them alone makes it no plan, no decision, no cancellation.
const wrong: Record<string, { readonly good: JsonObject; readonly is: (value: JsonObject) => boolean; readonly members: Record<string, readonly unknown[]> }> =
  {
    plan: {
      good: plan,
      is: isPlan,
      members: {
        actionId: [missing, 1],
        requestDigest: [missing, null],
        outcome: [missing, 'permit', 1],
        policies: [missing, 'p', [1], { length: 0 }],
        excluded: [missing, 'dave', ['dave', 1], { length: 0 }],
        policyDigest: [missing, 1],
        evaluatedAt: [missing, 'yesterday', 1_772_445_600_000],
        expiresAt: [missing, 'never', 1_772_445_600_000],
        stages: [missing, {}, [null], ['stage'], [[]]],
        'stages.0.name': [missing, 1],
        'stages.0.route': [missing, 1],
        'stages.0.approvers': [missing, 'g', []],
        'stages.0.approvers.groups': [missing, 'g', [1]],
        'stages.0.approvers.people': [missing, 'p', [null]],
        'stages.0.quorum': [missing, '1'],
        'stages.0.expiresInMs': [missing, '1000'],
        'stages.0.assurance': [missing, 'hardware', 1],
        'stages.0.remindAfterMs': [missing, 1],
        'stages.0.channels': [missing, 'inbox'],
        'stages.0.escalations': [missing, {}, [null], ['later']],
        'stages.0.escalations.0.afterMs': [missing, '1'],
        'stages.0.escalations.0.approvers': [missing, 'g'],
        'stages.0.escalations.0.approvers.groups': [missing, 1],
        'stages.0.escalations.0.approvers.people': [missing, 1],
        'stages.0.escalations.0.mode': [null, 'add', 1],
        'stages.0.rejectQuorum': [null, '1', 0, 1.5],
        decideBy: [null, 'soon', 1],
        'stages.0.circles': [null, 'refuse', []],
        'stages.0.circles.refuseWithinMs': [missing, '1', 0, -1],
        circles: [null, {}, [null], [{ approver: 'alice', with: 'dave', at }, null]],
        'circles.0.approver': [missing, 1],
        'circles.0.with': [missing, 1],
        'circles.0.at': [missing, 'lately'],
      },
    },
    decision: {
      good: decision,
      is: isDecision,
      members: {
        decisionId: [missing, 1],
        actionId: [missing, 1],
        actionDigest: [missing, 1],
        planDigest: [missing, 1],
        verdict: [missing, 'maybe', true],
        person: [missing, 'alice', ['alice']],
        'person.id': [missing, 1, null],
        'person.name': [missing, 1],
        'person.groups': [missing, 'g', [1]],
        channel: [missing, 'carrier-pigeon', 1],
        assurance: [missing, 'certain', 1],
        decidedAt: [missing, 'now', 1_772_445_600_000],
        comment: [1, null, {}],
      },
    },
    release: {
      good: { actionId: 'act_a', actionDigest: 'sha256:00', planDigest: 'sha256:01', decisionIds: ['d'], releasedAt: at },
      is: isRelease,
      members: {
        actionId: [missing, 1],
        actionDigest: [missing, 1],
        planDigest: [missing, 1],
        decisionIds: [missing, 'd', [1]],
        releasedAt: [missing, 'now', 1_772_445_600_000],
      },
    },
    cancellation: {
      good: cancellation,
      is: isCancellation,
      members: {
        cancellationId: [missing, 1],
        actionId: [missing, 1],
        by: [missing, 'dave', ['dave']],
        'by.kind': [missing, 'bot', 1],
        'by.id': [missing, 1],
        'by.name': [missing, 1],
        cancelledAt: [missing, 'now', 1_772_445_600_000],
        reason: [1, null],
      },
    },
  };

for (const [name, { good, is, members }] of Object.entries(wrong)) {
  describe(`a ${name}`, () => {
    it('is one when every member is what it should be', () => expect(is(good)).toBe(true));
    for (const [path, values] of Object.entries(members))
      it.each(values.map((value) => [JSON.stringify(value) ?? 'nothing', value]))(`is none with ${path} as %s`, (_text, value) =>
        expect(is(withMember(good, path, value))).toBe(false),
      );
  });
}

describe('members that may be left out or be another', () => {
  it.each(['comment'])('a decision without %s', (name) => expect(isDecision(withMember(decision, name, undefined))).toBe(true));
  it.each(['reason'])('a cancellation without %s', (name) => expect(isCancellation(withMember(cancellation, name, undefined))).toBe(true));
  it('a rejection', () => expect(isDecision(withMember(decision, 'verdict', 'reject'))).toBe(true));
  it('a cancellation by an agent', () => expect(isCancellation(withMember(cancellation, 'by.kind', 'agent'))).toBe(true));
  it.each(['allow', 'deny'])('a plan that says %s', (outcome) => expect(isPlan(withMember(plan, 'outcome', outcome))).toBe(true));
});

describe('a request before anybody has verified it', () => {
  it('has every member that the engine reads', () => {
    const request = makeRequest() as unknown as JsonObject;
    expect(isRequest(request)).toBe(true);
    for (const none of [undefined, null, 7, 'act_a', []]) expect(isRequest(none)).toBe(false);
    for (const member of ['id', 'action', 'connector', 'resource', 'parameters', 'reason', 'requester', 'requestedAt', 'bodyDigest'])
      for (const value of [undefined, null, 7, []]) expect(isRequest({ ...request, [member]: value })).toBe(false);
    expect(isRequest({ ...request, requester: { kind: 'agent', id: 'a' } })).toBe(false);
    expect(isRequest({ ...request, requester: { kind: 'god', id: 'a', name: 'A' } })).toBe(false);
    expect(isRequest({ ...request, resource: { type: 'Table' } })).toBe(false);
    expect(isRequest({ ...request, requestedAt: 'now' })).toBe(false);
  });
});
