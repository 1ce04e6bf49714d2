import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canStaff } from '../../../domain/separation.js';

type Stage = { readonly quorum: number; readonly candidates: readonly string[] };

/** The same question answered by trying every way: slow, and plainly right. */
function canStaffByTrying(stages: readonly Stage[], taken: readonly string[] = []): boolean {
  const [stage, ...rest] = stages;
  if (stage === undefined) return true;
  if (stage.quorum === 0) return canStaffByTrying(rest, taken);
  return stage.candidates.some((person) => !taken.includes(person) && canStaffByTrying([{ ...stage, quorum: stage.quorum - 1 }, ...rest], [...taken, person]));
}

describe('staffing of stages', () => {
  it('needs different people in all stages together', () => {
    const only = { quorum: 1, candidates: ['alice'] };
    expect(canStaff([only])).toBe(true);
    expect(canStaff([only, only])).toBe(false);
    expect(canStaff([{ quorum: 1, candidates: ['alice', 'bob'] }, only])).toBe(true);
    expect(
      canStaff([
        { quorum: 2, candidates: ['alice', 'bob'] },
        { quorum: 1, candidates: ['bob', 'carol'] },
      ]),
    ).toBe(true);
    expect(
      canStaff([
        { quorum: 2, candidates: ['alice', 'bob'] },
        { quorum: 1, candidates: ['bob'] },
      ]),
    ).toBe(false);
  });

  it('agrees with trying every way, for random stages', () => {
    const stage = fc.record({ quorum: fc.integer({ min: 1, max: 3 }), candidates: fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { maxLength: 5 }) });
    fc.assert(
      fc.property(fc.array(stage, { maxLength: 3 }), (stages) => canStaff(stages) === canStaffByTrying(stages)),
      { numRuns: 2_000 },
    );
  });
});
