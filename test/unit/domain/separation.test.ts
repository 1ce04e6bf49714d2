import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Assurance } from '../../../domain/principal.js';
import { assuranceSuffices } from '../../../domain/principal.js';
import { recheck } from '../../../domain/plan.js';
import { approversAt, involvedIn, isMember, refuseApprover } from '../../../domain/separation.js';
import { judged, makePlan, makeRequest, makeStage } from './grant-fixture.js';

const people = ['alice', 'bob', 'carol', 'dave'];
const groups = ['g1', 'g2'];
const step = fc.record({
  by: fc.constantFrom(...people),
  groups: fc.subarray(groups),
  stage: fc.constantFrom(0, 1),
  assurance: fc.constantFrom<Assurance>('chat', 'login', 'mfa'),
});

describe('quorum and separation', () => {
  it('agree with a naive second model on generated grants', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 5 }), fc.constantFrom(1, 2), fc.constantFrom(1, 2), async (steps, first, second) => {
        const ordered = [...steps].sort((a, b) => a.stage - b.stage);
        const stages = [
          makeStage({ quorum: first, approvers: { groups: ['g1'], people: [] } }),
          makeStage({ quorum: second, approvers: { groups: ['g2'], people: ['bob'] } }),
        ];
        const verdict = await judged({ plan: { stages }, approvers: ordered.map((entry, index) => ({ ...entry, decisionId: `dec-${index}` })) });
        // The model says it in sets, without an order of checks.
        const distinct = new Set(ordered.map((entry) => entry.by)).size === ordered.length;
        const fit = ordered.every(
          (entry) =>
            entry.by !== 'dave' &&
            entry.assurance !== 'chat' &&
            (entry.stage === 0 ? entry.groups.includes('g1') : entry.groups.includes('g2') || entry.by === 'bob'),
        );
        const enough = ordered.filter((entry) => entry.stage === 0).length >= first && ordered.filter((entry) => entry.stage === 1).length >= second;
        expect(verdict.ok).toBe(distinct && fit && enough);
      }),
      { numRuns: 300 },
    );
  });

  it('never lets somebody involved, counted or unnamed through', () => {
    const anyone = fc.constantFrom(...people);
    fc.assert(
      fc.property(anyone, fc.subarray(people), fc.subarray(people), fc.subarray(people), (id, excluded, counted, named) => {
        const refusal = refuseApprover({
          stage: makeStage({ approvers: { groups: [], people: named } }),
          level: 0,
          excluded,
          counted,
          candidate: { id, groups: [] },
          proven: { assurance: 'passkey' },
        });
        expect(refusal === undefined).toBe(!excluded.includes(id) && !counted.includes(id) && named.includes(id));
      }),
    );
  });

  it('an empty set names nobody, not everybody', () => expect(isMember({ groups: [], people: [] }, { id: 'alice', groups: ['g1'] })).toBe(false));
  it('an escalation adds people and takes none away', () => {
    const stage = makeStage({
      approvers: { groups: ['g1'], people: [] },
      escalations: [{ afterMs: 1, approvers: { groups: ['g2'], people: ['bob'] }, channels: [] }],
    });
    expect(approversAt(stage, 0)).toEqual({ groups: ['g1'], people: [] });
    expect(approversAt(stage, 1)).toEqual({ groups: ['g1', 'g2'], people: ['bob'] });
  });
  it('an assurance nobody knows suffices for nothing and is met by nothing', () => {
    expect(assuranceSuffices('passkey', 'hardware' as never)).toBe(false);
    expect(assuranceSuffices('certain' as never, 'chat')).toBe(false);
    expect(assuranceSuffices('mfa', 'mfa')).toBe(true);
    expect(assuranceSuffices('chat', 'chat')).toBe(true);
  });
});

describe('who a request itself involves', () => {
  const person = { kind: 'person', id: 'alice', name: 'Alice', issuer: 'i', subject: 'alice' } as const;
  it('an agent and its owner', () => expect(involvedIn(makeRequest())).toEqual(['invoice-bot', 'dave']));
  it('a person who asks', () => expect(involvedIn(makeRequest({ requester: person }))).toEqual(['alice']));
  it('everybody through whose hands a delegation went', () => {
    const bot = { kind: 'agent', id: 'release-bot', name: 'Release bot', owner: 'erin', issuer: 'i', subject: 'r' } as const;
    expect(involvedIn(makeRequest({ onBehalfOf: 'bob', via: [bot, person] }))).toEqual(['invoice-bot', 'dave', 'release-bot', 'erin', 'alice', 'bob']);
  });
  it('the person it is done for', () => expect(involvedIn(makeRequest({ onBehalfOf: 'bob' }))).toEqual(['invoice-bot', 'dave', 'bob']));
});

describe('the second evaluation', () => {
  const request = makeRequest();
  const approved = makePlan(request);
  it('proceeds when nothing changed or less is asked for', () => {
    expect(recheck(approved, makePlan(request, { evaluatedAt: '2026-03-03T10:00:00.000Z' })).kind).toBe('proceed');
    expect(recheck(approved, makePlan(request, { outcome: 'allow', stages: [] })).kind).toBe('proceed');
  });
  it('denies when policy now denies', () => expect(recheck(approved, makePlan(request, { outcome: 'deny' })).kind).toBe('deny'));
  const stricter = {
    'another quorum': { stages: [makeStage({ quorum: 2 })] },
    'another assurance': { stages: [makeStage({ assurance: 'mfa' as const })] },
    'another stage': { stages: [makeStage(), makeStage()] },
    'another policy': { policyDigest: 'sha256:02' as const },
    'another mask': { mask: ['columns'] },
    'more people for the executor': { executorFloor: 2 },
    'another owner': { excluded: ['erin'] },
  };
  for (const [name, change] of Object.entries(stricter))
    it(`asks again for ${name}`, () => expect(recheck(approved, makePlan(request, change)).kind).toBe('replan'));
  it('asks people when what was allowed now needs them, though nothing else differs', () =>
    expect(recheck(makePlan(request, { outcome: 'allow' }), approved).kind).toBe('replan'));
  it('asks people when what was allowed without stages now needs them', () =>
    expect(recheck(makePlan(request, { outcome: 'allow', stages: [] }), approved).kind).toBe('replan'));
});
