import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode } from '@temporalio/worker';
import { failureConverterPath } from '../codec/data-converter.js';
import { createDecisionSigner } from '../api/decision-signer.js';
import { createKeys } from '../cli/keys-store.js';
import { readSigningKey } from '../config/keys.js';
import { openTrustedKeys } from '../config/trusted-keys.js';
import { createFileDirectory } from '../directory/file.js';
import type { ChildRole } from './child.js';
import { Bare, Countersign, type Contender, type Life } from './contenders.js';
import { Engine, type StartServer } from './engine.js';
import { byTurns, compare, inParallel } from './measure.js';
import { measureSteps } from './micro.js';
import { readOptions, usage, type BenchOptions } from './options.js';
import { machineNow, render, type Aim, type BenchReport, type Row, type Size } from './report.js';
import { issuer, policyFolder, previewedBody } from './samples.js';

/** What the script around gives: how to show a step, how to start a server. */
export type Tools = {
  readonly step: (title: string, run: (progress: (text: string) => void) => Promise<string | void>) => Promise<void>;
  readonly startServer: StartServer;
};

// People decide after their card has arrived and been dealt with, not at the same instant.
const settleMs = 40;
const latency: Aim = { atMost: 1.5 };
const noGrowth: Aim = { atMost: 1.15 };
const encryptionCost: Aim = { atMost: 1.1 };

/** Runs the whole bench and prints it. Returns what was measured, or undefined when only help was asked for. */
export async function bench(argv: readonly string[], tools: Tools): Promise<BenchReport | undefined> {
  const options = readOptions(argv);
  if (options === undefined) {
    process.stdout.write(`${usage}\n`);
    return undefined;
  }
  const folder = mkdtempSync(path.join(os.tmpdir(), 'countersign-bench-'));
  const engines: Engine[] = [];
  try {
    const report = await measure(options, folder, engines, tools);
    process.stdout.write(`\n${render(report)}\n`);
    if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`);
    return report;
  } finally {
    await Promise.all(engines.map((engine) => engine.stop()));
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure({ counts, encryption }: BenchOptions, folder: string, engines: Engine[], tools: Tools): Promise<BenchReport> {
  const from = performance.now();
  const at = new Date().toISOString();
  const loadBefore = os.loadavg()[0] ?? 0;
  const { step } = tools;
  const keys = path.join(folder, 'keys');
  await createKeys({ directory: keys, now: Math.floor(Date.now() / 1_000) });
  const signer = createDecisionSigner(await readSigningKey(keys, 'decision'));
  const trusted = await openTrustedKeys(keys);
  const directory = createFileDirectory(path.join(policyFolder, 'directory.yaml'), issuer);
  const against = new Array<Row>();
  const growth = new Array<Row>();
  const encrypting = new Array<Row>();
  const sizes = new Array<Size>();
  let steps: BenchReport['steps'] = [];

  const bundles = { action: path.join(folder, 'action.js'), bare: path.join(folder, 'bare.js') };
  await step('workflow bundles', async () => {
    await bundle('../workflows/index.ts', bundles.action);
    await bundle('./bare-workflow.ts', bundles.bare);
  });
  const start = async (name: string, roles: readonly ChildRole[], encrypted = encryption) => {
    const engine = await Engine.start({ startServer: tools.startServer, folder: path.join(folder, name), keys, bundles, roles, encrypted });
    engines.push(engine);
    return engine;
  };
  let first!: Engine;
  await step(
    'Temporal server and four worker processes',
    async () => void (first = await start('first', ['action-worker', 'action-executor', 'bare-worker', 'bare-executor'])),
  );
  const ours = new Countersign(first, directory, signer, trusted);
  const bare = new Bare(first);

  await step('warm-up', (progress) => inParallel(counts.warmUp, 4, () => Promise.all([ours.live(0), bare.live(0)]), count(progress, counts.warmUp)));
  await step('latency', async (progress) => {
    const lives = await latencies(counts.pairs, ours, bare, progress);
    against.push(...latencyRows(lives, latency));
    sizes.push({ name: 'countersign', ...(await medianSize(ours, lives.ours)), aim: { events: 35, bytes: 40_000 } });
    sizes.push({ name: 'bare Temporal', ...(await medianSize(bare, lives.theirs)) });
    const previewed = [await ours.live(settleMs, previewedBody), await ours.live(settleMs, previewedBody), await ours.live(settleMs, previewedBody)];
    sizes.splice(1, 0, { name: 'countersign with a preview', ...(await medianSize(ours, previewed)), aim: { events: 35, bytes: 40_000 } });
  });
  await step(`throughput, ${counts.concurrency} at a time`, async (progress) => {
    const round = (contender: Contender) => async () => {
      const began = performance.now();
      await inParallel(counts.perRound, counts.concurrency, () => contender.live(0));
      return (counts.perRound * 1_000) / (performance.now() - began);
    };
    const rates = await byTurns(counts.rounds, round(ours), round(bare), count(progress, counts.rounds));
    against.push({ name: 'throughput', unit: '1/s', ...compare(rates), aim: { atLeast: 0.7 } });
  });
  await first.stop();
  engines.splice(0);

  let full!: Countersign;
  let empty!: Countersign;
  await step('two more servers', async () => {
    const [one, other] = await Promise.all([start('full', ['action-worker', 'action-executor']), start('empty', ['action-worker', 'action-executor'])]);
    full = new Countersign(one, directory, signer, trusted);
    empty = new Countersign(other, directory, signer, trusted);
  });
  await step(`${counts.pending} actions left pending`, (progress) =>
    inParallel(counts.pending, 20, () => full.leavePending(), count(progress, counts.pending)),
  );
  await step('warm-up', (progress) => inParallel(counts.warmUp, 4, () => Promise.all([full.live(0), empty.live(0)]), count(progress, counts.warmUp)));
  await step(`latency with ${counts.pending} pending`, async (progress) => {
    growth.push(...latencyRows(await latencies(counts.pairs, full, empty, progress), noGrowth));
  });
  if (encryption)
    await step('latency with and without encryption', async (progress) => {
      const clear = new Countersign(await start('clear', ['action-worker', 'action-executor'], false), directory, signer, trusted);
      await inParallel(counts.warmUp, 4, () => clear.live(0));
      encrypting.push(...latencyRows(await latencies(counts.pairs, empty, clear, progress), encryptionCost));
    });
  await step('steps of our own', async () => {
    steps = await measureSteps(folder, counts.steps, { policy: await readSigningKey(keys, 'policy'), trusted, signer });
  });
  return {
    machine: { ...machineNow(), loadBefore, loadAfter: os.loadavg()[0] ?? 0 },
    at,
    seconds: (performance.now() - from) / 1_000,
    counts,
    againstBare: against,
    againstEmpty: growth,
    againstClear: encrypting,
    sizes,
    steps,
  };
}

type Lives = { readonly ours: readonly Life[]; readonly theirs: readonly Life[] };

function latencies(pairs: number, ours: Contender, theirs: Contender, progress: (text: string) => void): Promise<Lives> {
  return byTurns(
    pairs,
    () => ours.live(settleMs),
    () => theirs.live(settleMs),
    count(progress, pairs),
  );
}

function latencyRows({ ours, theirs }: Lives, aim: Aim): readonly Row[] {
  const row = (name: string, pick: (life: Life) => number): Row => ({ name, unit: 'ms', ...compare({ ours: ours.map(pick), theirs: theirs.map(pick) }), aim });
  return [
    row('request to verdict', (life) => life.verdictMs),
    row('decision to its answer', (life) => life.answeredMs),
    row('decision to execution start', (life) => life.startedMs),
    row('decision to done', (life) => life.doneMs),
  ];
}

async function medianSize(contender: Contender, lives: readonly Life[]): Promise<{ readonly events: number; readonly bytes: number }> {
  const sizes = await Promise.all(lives.slice(-9).map(({ id }) => contender.size(id)));
  return sizes.sort((a, b) => a.events - b.events || a.bytes - b.bytes)[Math.floor(sizes.length / 2)] ?? { events: Number.NaN, bytes: Number.NaN };
}

async function bundle(source: string, target: string): Promise<void> {
  const silent = () => undefined;
  const { code } = await bundleWorkflowCode({
    workflowsPath: fileURLToPath(new URL(source, import.meta.url)),
    // Both sides: what it saves is not ours to claim.
    preloadModules: [fileURLToPath(new URL('../workflows/sandbox.ts', import.meta.url))],
    failureConverterPath,
    logger: { log: silent, trace: silent, debug: silent, info: silent, warn: silent, error: (message) => process.stderr.write(`${message}\n`) },
  });
  writeFileSync(target, code);
}

function count(progress: (text: string) => void, all: number): (done: number) => void {
  return (done) => progress(`${done} of ${all}`);
}
