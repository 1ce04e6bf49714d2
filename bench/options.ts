import { parseArgs } from 'node:util';

/** How often everything is run. */
export type Counts = {
  /** Pairs of actions whose latencies are compared. */
  readonly pairs: number;
  /** Actions before anything is measured, per side. */
  readonly warmUp: number;
  /** Pairs of rounds whose throughput is compared. */
  readonly rounds: number;
  /** Actions in one round. */
  readonly perRound: number;
  readonly concurrency: number;
  /** Actions left pending on one of two servers. */
  readonly pending: number;
  /** Repetitions of each step of its own. */
  readonly steps: number;
};

export type BenchOptions = {
  readonly counts: Counts;
  readonly json: string | undefined;
  /** Without it Countersign runs in clear too. */
  readonly encryption: boolean;
};

const full: Counts = { pairs: 60, warmUp: 40, rounds: 5, perRound: 200, concurrency: 40, pending: 1_000, steps: 1_000 };
const quick: Counts = { pairs: 12, warmUp: 8, rounds: 2, perRound: 60, concurrency: 40, pending: 100, steps: 100 };

export const usage = `npm run bench -- [--quick] [--json FILE] [count options]
  --quick          few repetitions: minutes become seconds, and the figures rough
  --no-encryption  Countersign in clear too, and no comparison of both
  --json FILE      also write everything that was measured to FILE
Counts: ${Object.entries(full)
  .map(([name, value]) => `--${flag(name)} ${value}`)
  .join(', ')}`;

/** Reads the command line. Returns undefined when help was asked for; throws on what it does not know. */
export function readOptions(argv: readonly string[]): BenchOptions | undefined {
  const names = Object.keys(full) as (keyof Counts)[];
  const { values } = parseArgs({
    args: [...argv],
    options: {
      quick: { type: 'boolean' },
      'no-encryption': { type: 'boolean' },
      json: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
      ...Object.fromEntries(names.map((name) => [flag(name), { type: 'string' as const }])),
    },
  });
  if (values.help === true) return undefined;
  const given = values as Readonly<Record<string, unknown>>;
  const counts = { ...(values.quick === true ? quick : full) } as Record<keyof Counts, number>;
  for (const name of names) {
    const text = given[flag(name)];
    if (text === undefined) continue;
    const value = Number(text);
    if (!Number.isInteger(value) || value < 1 || value > 100_000) throw new TypeError(`--${flag(name)} must be a whole number from 1 to 100000`);
    counts[name] = value;
  }
  return { counts, json: typeof values.json === 'string' ? values.json : undefined, encryption: values['no-encryption'] !== true };
}

function flag(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
