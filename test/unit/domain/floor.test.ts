import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { belowFloor, matchesGlob, type FloorRule } from '../../../domain/floor.js';
import { assurances, type Assurance } from '../../../domain/principal.js';

const request = { action: 'aws.iam.grant', resource: { type: 'Role', id: 'prod/admin' } };
const seat = (id: string, assurance: Assurance) => ({ decision: { person: { id } }, proven: { assurance } });
const rule = (change: Partial<FloorRule> = {}): FloorRule => ({ action: 'aws.iam.*', quorum: 2, assurance: 'mfa', ...change });

describe('the floor of an executor', () => {
  const two = [seat('ann', 'mfa'), seat('ben', 'passkey')];
  it('is met by enough people who proved enough', () => expect(belowFloor([rule()], request, two)).toBeUndefined());
  it('is not met by nobody, though policy allowed it', () => expect(belowFloor([rule()], request, [])).toBe('aws.iam.* needs 2 people with mfa, and has 0'));
  it('counts one person once', () => expect(belowFloor([rule()], request, [seat('ann', 'mfa'), seat('ann', 'passkey')])).toContain('has 1'));
  it('does not count a weaker sign-in', () => expect(belowFloor([rule()], request, [seat('ann', 'mfa'), seat('ben', 'login')])).toContain('has 1'));
  it('does not count an assurance that nobody knows', () => expect(belowFloor([rule({ assurance: 'blood' as never })], request, two)).toContain('has 0'));
  it('is met by nobody when its quorum is no number', () => expect(belowFloor([rule({ quorum: Number.NaN })], request, two)).toBeDefined());
  it('holds every rule that speaks of the request', () =>
    expect(belowFloor([rule(), rule({ action: '*', quorum: 3, assurance: 'chat' })], request, two)).toContain('* needs 3'));
  it('leaves alone what it does not speak of', () => {
    expect(belowFloor([rule({ action: 'aws.s3.*' })], request, [])).toBeUndefined();
    expect(belowFloor([rule({ resource: 'dev/*' })], request, [])).toBeUndefined();
    expect(belowFloor([], request, [])).toBeUndefined();
  });
  it('is not passed under by another spelling', () =>
    expect(belowFloor([rule({ resource: 'prod/*' })], { ...request, resource: { type: 'Role', id: 'PROD/Admin' } }, [])).toContain('prod/*'));

  it('more approvals never make it fail, fewer never make it hold', () => {
    const seats = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.constantFrom(...assurances)).map(([id, how]) => seat(id, how)));
    const rules = fc.array(
      fc.record({ action: fc.constantFrom('*', 'aws.*', 'gcp.*'), quorum: fc.integer({ min: 1, max: 4 }), assurance: fc.constantFrom(...assurances) }),
    );
    fc.assert(
      fc.property(rules, seats, seats, (floor, some, more) => {
        if (belowFloor(floor, request, some) === undefined) expect(belowFloor(floor, request, [...some, ...more])).toBeUndefined();
      }),
    );
  });
});

describe('globs', () => {
  it('match as a regular expression would', () => {
    const letters = fc.array(fc.constantFrom('a', 'B', '.', '/', '\n'), { maxLength: 10 }).map((parts) => parts.join(''));
    const pattern = fc.array(fc.constantFrom('a', 'B', '.', '/', '*', '\n'), { maxLength: 8 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(pattern, letters, (glob, text) => {
        const source = glob.replaceAll('.', '\\.').replaceAll('/', '\\/').replaceAll(/\*+/g, '[^]*');
        expect(matchesGlob(glob, text)).toBe(new RegExp(`^${source}$`, 'i').test(text));
      }),
      { numRuns: 5_000 },
    );
  });
  it('take no time that grows with every star', () => expect(matchesGlob('*a'.repeat(60) + 'b', 'a'.repeat(2_000))).toBe(false));
});
