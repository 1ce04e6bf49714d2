import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { canonicalJson } from '../../domain/canonical.js';
import type { Decision } from '../../domain/decision.js';
import { isErrorCode } from '../../domain/errors.js';
import type { JsonObject } from '../../domain/json.js';
import type { Grant, GrantVerdict } from '../../domain/grant.js';
import { isCancellation, isDecision, isPlan } from '../../domain/shapes.js';
import { sign } from '../../domain/signing.js';
import type { TestKeys } from '../helpers/keys.js';
import { judged, makeStage, startMs, type Tampering } from '../unit/domain/grant-fixture.js';
import { budget } from './budget.js';
import { anything, decode, edit, edited, edits, forged, forgery, meaning, type Edit, type Forgery } from './mutate.js';

const minute = 60_000;
const security = makeStage({ name: 'Security', approvers: { groups: ['g-security'], people: [] } });
// Each asks for another action, so that no part of one fits into another.
const kinds: readonly Tampering[] = [
  {},
  { plan: { outcome: 'allow', stages: [] }, approvers: [] },
  { plan: { stages: [makeStage({ quorum: 2 })] }, approvers: [{}, { by: 'bob' }] },
  { plan: { stages: [makeStage(), security] }, approvers: [{}, { by: 'carol', groups: ['g-security'], stage: 1, afterMs: 8 * minute }] },
  {
    plan: {
      stages: [
        makeStage({
          approvers: { groups: [], people: ['bob'] },
          escalations: [{ afterMs: minute, approvers: { groups: ['g-security'], people: [] }, channels: [] }],
        }),
      ],
    },
    approvers: [{ by: 'carol', groups: ['g-security'] }],
  },
];
const scenarios = kinds.map((scenario, index): Tampering => ({
  ...scenario,
  request: { id: `act_${'abcde'.charAt(index).repeat(32)}`, reason: `Reason number ${index}.` },
}));

type Valid = { readonly scenario: Tampering; readonly grant: Grant; readonly digest: string };
const valid: Valid[] = [];
let keys: TestKeys;
beforeAll(async () => {
  for (const scenario of scenarios) {
    let grant: Grant | undefined;
    const verdict = await judged({
      ...scenario,
      grant: (made) => (grant = made),
      planKey: (trusted) => (keys = trusted).signing.policy,
    });
    if (!verdict.ok || grant === undefined) throw new Error('a grant of the fuzz test does not hold');
    valid.push({ scenario, grant, digest: verdict.digest });
  }
});

/** Every signed member of a grant that counts, by the place it stands at: where nobody was asked, a release is not read. */
function signedPlaces(grant: Grant): readonly (readonly string[])[] {
  const single = ['signedRequest', 'plan', ...(grant.approvals.length === 0 ? [] : ['release'])]
    .filter((name) => typeof (grant as Record<string, unknown>)[name] === 'string')
    .map((name) => [name]);
  return [...single, ...grant.approvals.map((_, index) => ['approvals', String(index), 'decision'])];
}
const read = (grant: unknown, place: readonly string[]): unknown => place.reduce((value: unknown, key) => (value as Record<string, unknown>)[key], grant);
function write(grant: unknown, place: readonly string[], value: unknown): void {
  const holder = read(grant, place.slice(0, -1)) as Record<string, unknown>;
  holder[place.at(-1) as string] = value;
}

type Attack =
  | { readonly kind: 'edit'; readonly edits: readonly Edit[] }
  | { readonly kind: 'forge'; readonly at: number; readonly from: number; readonly forgery: Forgery }
  | { readonly kind: 'retarget'; readonly at: number; readonly from: number; readonly source: number };
const attack: fc.Arbitrary<Attack> = fc.oneof(
  fc.record({ kind: fc.constant('edit' as const), edits }),
  fc.record({ kind: fc.constant('forge' as const), at: fc.nat(99), from: fc.nat(99), forgery }),
  fc.record({ kind: fc.constant('retarget' as const), at: fc.nat(99), from: fc.nat(99), source: fc.nat(99) }),
);

function attacked(grant: Grant, change: Attack): Grant {
  if (change.kind === 'edit') return edited(grant, change.edits);
  const copy = structuredClone(grant);
  const place = pick(signedPlaces(copy), change.at);
  if (change.kind === 'forge') {
    const other = pick(signedPlaces(copy), change.from);
    write(copy, place, forged(read(copy, place) as string, read(copy, other) as string, change.forgery));
    return copy;
  }
  const source = pick(valid, change.source).grant;
  write(copy, place, read(source, pick(signedPlaces(source), change.from)));
  return copy;
}
const pick = <T>(from: readonly T[], at: number): T => from[at % from.length] as T;

function expectSound(verdict: GrantVerdict): void {
  if (verdict.ok) return;
  expect(isErrorCode(verdict.code)).toBe(true);
  // Our own words only: nothing of what was sent.
  expect(verdict.check).toMatch(/^[a-z][ -~]{1,200}$/);
}

describe('the grant verifier under attack', () => {
  it('accepts nothing that was changed by somebody without a key', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(99), attack, async (at, change) => {
        const { scenario, grant, digest } = pick(valid, at);
        const presented = attacked(grant, change);
        const verdict = await judged({ ...scenario, grant: () => presented });
        expectSound(verdict);
        if (!verdict.ok) return;
        // What is still accepted differs in nothing that has a meaning.
        expect(verdict.digest).toBe(digest);
        expect(canonicalJson(presented.request as never)).toBe(canonicalJson(grant.request as never));
        for (const place of signedPlaces(presented))
          expect(signedPlaces(grant).map((one) => meaning(read(grant, one)))).toContain(meaning(read(presented, place)));
        expect(presented.approvals.length).toBe(grant.approvals.length);
      }),
      budget(2_000),
    );
  });

  it('accepts no decision of a stolen decision key but one that a person could have made', async () => {
    await fc.assert(
      fc.asyncProperty(edits, async (changes) => {
        const base = valid[0] as Valid;
        const content = edited(contentOf(base.grant.approvals[0]?.decision, 'decision'), changes);
        // When the approval of this scenario was made: the thief would have to sign at that time.
        const issuedAt = (startMs + 5 * minute) / 1_000;
        const decision = await sign('decision', keys.signing.decision, content, { issuedAt, expiresAt: issuedAt + 300, id: 'd' });
        const verdict = await judged({
          ...base.scenario,
          grant: (grant) => ({ ...grant, approvals: grant.approvals.map((approval) => ({ ...approval, decision })) }),
        });
        expectSound(verdict);
        if (!verdict.ok) return;
        const [one] = verdict.approvedBy as readonly [Decision];
        expect(one).toMatchObject({ verdict: 'approve', actionDigest: base.digest, actionId: base.grant.request.id });
        expect(['dave', 'invoice-bot']).not.toContain(one.person.id);
        expect(one.person.groups).toContain('g-data-owners');
        expect(['login', 'mfa', 'passkey']).toContain(one.assurance);
        expect(Math.abs(Date.parse(one.decidedAt) - startMs)).toBeLessThanOrEqual(11 * minute);
      }),
      budget(1_200),
    );
  });

  it('survives whatever a stolen policy key signs as a plan, and its own approvals do not fit it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(99), edit, async (at, change) => {
        const { scenario, grant, digest } = pick(valid, at);
        const content = edited(contentOf(grant.plan, 'plan'), [change]);
        const plan = await sign('plan', keys.signing.policy, content, { issuedAt: startMs / 1_000, expiresAt: startMs / 1_000 + 100_000, id: 'p' });
        const verdict = await judged({ ...scenario, grant: (made) => ({ ...made, plan }) });
        expectSound(verdict);
        // An approval names the plan it was given under. A plan that asks nobody needs none: that is the policy key's power.
        if (verdict.ok && verdict.approvedBy.length > 0) expect(verdict.digest).toBe(digest);
      }),
      budget(1_200),
    );
  });
});

describe('the shapes of signed content', () => {
  it('are told for anything without a fall, and members that a rule reads are what they seem', () => {
    const contents = () => [contentOf(valid[0]?.grant.plan, 'plan'), contentOf(valid[0]?.grant.approvals[0]?.decision, 'decision')];
    fc.assert(
      fc.property(fc.nat(1), edits, anything, (which, changes, noise) => {
        const value = edited(contents()[which], changes) as JsonObject;
        for (const guard of [isPlan, isDecision, isCancellation])
          for (const one of [value, noise]) if (typeof one === 'object' && one !== null) expect(typeof guard(one as never)).toBe('boolean');
        if (typeof value !== 'object' || value === null) return;
        if (isDecision(value)) expect([typeof value.person.id, typeof value.decidedAt, Array.isArray(value.person.groups)]).toEqual(['string', 'string', true]);
        if (isPlan(value)) expect(value.stages.every((stage) => typeof stage.quorum === 'number' && Array.isArray(stage.approvers.people))).toBe(true);
      }),
      budget(8_000),
    );
  });
});

function contentOf(jws: string | undefined, name: string): Record<string, unknown> {
  return (decode(jws?.split('.')[1]) as Record<string, Record<string, unknown>>)[name] as Record<string, unknown>;
}
