import type { Parameters } from 'fast-check';

const minutes = Number(process.env['COUNTERSIGN_FUZZ_MINUTES'] ?? '0');
const seed = Number(process.env['COUNTERSIGN_FUZZ_SEED'] ?? '0');
// The properties that share the minutes of a long run; the files run one after the other.
const properties = 19;
const shareMs = (minutes * 60_000) / properties;

/**
 * How long one property is tried: `runs` times in CI, for its share of the minutes under `npm run fuzz`. The seed is new each
 * time and stands in the output; COUNTERSIGN_FUZZ_SEED repeats a run.
 */
export function budget<T = unknown>(runs: number): Parameters<T> {
  return minutes > 0
    ? { seed, numRuns: 1_000_000_000, interruptAfterTimeLimit: shareMs, markInterruptAsFailure: false, endOnFailure: true }
    : { seed, numRuns: runs };
}
