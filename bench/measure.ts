/** Two series that were measured by turns, in milliseconds or per second. */
export type Pairs = { readonly ours: readonly number[]; readonly theirs: readonly number[] };

/** What is told of a series. */
export type Summary = { readonly median: number; readonly p95: number; readonly count: number };

/** A comparison: each series by itself, and the median of the ratios of its pairs. */
export type Comparison = { readonly ours: Summary; readonly theirs: Summary; readonly ratio: number; readonly ratioQuartiles: readonly [number, number] };

/** Value below which `part` (0 to 1) of the samples lie. Requires at least one sample. */
export function quantile(samples: readonly number[], part: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (sorted.length - 1) * part;
  const low = sorted[Math.floor(at)] ?? Number.NaN;
  const high = sorted[Math.ceil(at)] ?? Number.NaN;
  return low + (high - low) * (at - Math.floor(at));
}

export function summarise(samples: readonly number[]): Summary {
  return { median: quantile(samples, 0.5), p95: quantile(samples, 0.95), count: samples.length };
}

/** Compares pair by pair, so that what slows the machine for a while slows both sides of a ratio. */
export function compare({ ours, theirs }: Pairs): Comparison {
  const ratios = ours.map((value, index) => value / (theirs[index] ?? Number.NaN));
  return { ours: summarise(ours), theirs: summarise(theirs), ratio: quantile(ratios, 0.5), ratioQuartiles: [quantile(ratios, 0.25), quantile(ratios, 0.75)] };
}

/** Runs both by turns, A B A B, and returns what each gave. */
export async function byTurns<T>(
  count: number,
  ours: (index: number) => Promise<T>,
  theirs: (index: number) => Promise<T>,
  progress: (done: number) => void,
): Promise<{ readonly ours: T[]; readonly theirs: T[] }> {
  const result = { ours: new Array<T>(), theirs: new Array<T>() };
  for (let index = 0; index < count; index += 1) {
    result.ours.push(await ours(index));
    result.theirs.push(await theirs(index));
    progress(index + 1);
  }
  return result;
}

/** Runs `count` jobs, `concurrency` at a time. */
export async function inParallel(
  count: number,
  concurrency: number,
  job: (index: number) => Promise<unknown>,
  progress: (done: number) => void = () => undefined,
): Promise<void> {
  let next = 0;
  let done = 0;
  const lane = async () => {
    while (next < count) {
      await job(next++);
      progress((done += 1));
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, count) }, lane));
}
