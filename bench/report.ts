import os from 'node:os';
import type { Comparison, Summary } from './measure.js';
import type { Micro } from './micro.js';
import type { Counts } from './options.js';

/** What a figure should be. */
export type Aim = { readonly atMost: number } | { readonly atLeast: number };

/** One comparison of the bench. */
export type Row = Comparison & { readonly name: string; readonly unit: 'ms' | '1/s'; readonly aim?: Aim };

/** Size of one action's history. */
export type Size = {
  readonly name: string;
  readonly events: number;
  readonly bytes: number;
  readonly aim?: { readonly events: number; readonly bytes: number };
};

/** Everything one run measured. */
export type BenchReport = {
  readonly machine: {
    readonly node: string;
    readonly platform: string;
    readonly cpu: string;
    readonly cores: number;
    readonly memoryGb: number;
    readonly loadBefore: number;
    readonly loadAfter: number;
  };
  readonly at: string;
  readonly seconds: number;
  readonly counts: Counts;
  /** Countersign against the bare workflow on one server. */
  readonly againstBare: readonly Row[];
  /** Countersign with many actions pending against Countersign with none. */
  readonly againstEmpty: readonly Row[];
  /** Countersign with encryption against Countersign in clear; empty when it was not measured. */
  readonly againstClear: readonly Row[];
  readonly sizes: readonly Size[];
  readonly steps: readonly Micro[];
};

export function machineNow(): Omit<BenchReport['machine'], 'loadBefore' | 'loadAfter'> {
  const cpus = os.cpus();
  return {
    node: process.version,
    platform: `${os.platform()} ${os.arch()}`,
    cpu: cpus[0]?.model.trim() ?? 'unknown',
    cores: cpus.length,
    memoryGb: Math.round(os.totalmem() / 2 ** 30),
  };
}

/** True when the figure is as it should be. */
export function isMet(value: number, aim: Aim): boolean {
  return 'atMost' in aim ? value <= aim.atMost : value >= aim.atLeast;
}

/** The report as text for a terminal. */
export function render(report: BenchReport): string {
  const { machine, counts } = report;
  return [
    `Node ${machine.node}, ${machine.platform}, ${machine.cores} cores (${machine.cpu}), ${machine.memoryGb} GB; load ${machine.loadBefore.toFixed(1)} before, ${machine.loadAfter.toFixed(1)} after; ${Math.round(report.seconds)} s.`,
    `A ratio is the median over pairs that ran by turns on the same server. Absolute times belong to this machine.`,
    '',
    `Countersign against a bare workflow with the same steps (${counts.pairs} pairs; throughput ${counts.rounds} pairs of ${counts.perRound} actions, ${counts.concurrency} at a time)`,
    table(report.againstBare, ['countersign', 'bare']),
    '',
    `Countersign with ${counts.pending} actions pending against Countersign with none, on two servers (${counts.pairs} pairs)`,
    table(report.againstEmpty, [`${counts.pending} pending`, 'none']),
    '',
    ...encryptionLines(report),
    'History of one approved action',
    columns([
      ['', 'events', 'bytes', 'aim'],
      ...report.sizes.map(({ name, events, bytes, aim }) => [
        name,
        number(events),
        number(bytes),
        aim === undefined ? '' : verdict(events <= aim.events && bytes <= aim.bytes, `at most ${aim.events} events, ${number(aim.bytes)} bytes`),
      ]),
    ]),
    '',
    'Steps of our own, in one process',
    columns([['', 'median ms', 'p95 ms'], ...report.steps.map(({ name, ms }) => [name, ms.median.toFixed(3), ms.p95.toFixed(3)])]),
  ].join('\n');
}

function encryptionLines({ againstClear, counts }: BenchReport): readonly string[] {
  const start = againstClear.find((row) => row.name === 'decision to execution start');
  if (start === undefined) return [];
  const percent = Math.round((start.ratio - 1) * 100);
  return [
    `Countersign encrypting against Countersign in clear, on two servers (${counts.pairs} pairs)`,
    table(againstClear, ['encrypted', 'clear']),
    percent > 0 ? `  Encryption adds ${percent} % to decision → execution.` : '  Encryption adds nothing measurable to decision → execution.',
    '',
  ];
}

function table(rows: readonly Row[], [ours, theirs]: readonly [string, string]): string {
  const times = ({ median, p95 }: Summary, unit: Row['unit']) => [`${median.toFixed(1)} ${unit}`, p95.toFixed(1)];
  return columns([
    ['', ours, 'p95', theirs, 'p95', 'ratio', 'quartiles', 'aim'],
    ...rows.map((row) => [
      row.name,
      ...times(row.ours, row.unit),
      ...times(row.theirs, row.unit),
      row.ratio.toFixed(2),
      `${row.ratioQuartiles[0].toFixed(2)}–${row.ratioQuartiles[1].toFixed(2)}`,
      row.aim === undefined ? '' : verdict(isMet(row.ratio, row.aim), 'atMost' in row.aim ? `at most ${row.aim.atMost}` : `at least ${row.aim.atLeast}`),
    ]),
  ]);
}

const verdict = (met: boolean, aim: string) => `${met ? 'met' : 'MISSED'} (${aim})`;

function number(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

function columns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, index) => Math.max(...rows.map((row) => row[index]?.length ?? 0)));
  const isText = (index: number) => index === 0 || index === widths.length - 1;
  return rows
    .map((row) => `  ${row.map((cell, index) => (isText(index) ? cell.padEnd(widths[index] ?? 0) : cell.padStart(widths[index] ?? 0))).join('  ')}`.trimEnd())
    .join('\n');
}
