import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { bench } from '../../bench/main.js';
import { root } from '../../scripts/lib/testing.mjs';

type Report = NonNullable<Awaited<ReturnType<typeof bench>>>;

const run = promisify(execFile);
const script = path.join(root, 'scripts/bench.mjs');
const tiny = ['--pairs', '2', '--warm-up', '1', '--rounds', '1', '--per-round', '3', '--concurrency', '3', '--pending', '2', '--steps', '3'];

describe('npm run bench', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'countersign-bench-test-'));
  let stdout = '';
  let report: Report;
  beforeAll(async () => {
    const json = path.join(folder, 'report.json');
    ({ stdout } = await run(process.execPath, [script, ...tiny, '--json', json], { cwd: root, timeout: 240_000 }));
    report = JSON.parse(readFileSync(json, 'utf8')) as Report;
  }, 250_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('measures every figure it promises, as ratios of both sides', () => {
    const lives = ['request to verdict', 'decision to its answer', 'decision to execution start', 'decision to done'];
    expect(report.againstBare.map((row) => row.name)).toEqual([...lives, 'throughput']);
    expect(report.againstEmpty.map((row) => row.name)).toEqual(lives);
    expect(report.againstClear.map((row) => row.name)).toEqual(lives);
    for (const row of [...report.againstBare, ...report.againstEmpty, ...report.againstClear]) {
      for (const value of [row.ratio, row.ours.median, row.ours.p95, row.theirs.median, row.theirs.p95]) expect(value).toBeGreaterThan(0);
      expect(row.aim).toBeDefined();
    }
    expect(report.steps.map((step) => step.name)).toEqual(
      expect.arrayContaining(['grant verification, three decisions', 'policy evaluation, 50 policies', 'adaptive card']),
    );
    expect(report.machine).toMatchObject({ node: process.version, cores: os.cpus().length });
  });

  it('shows the ratios with their aims, and the machine', () => {
    for (const part of [
      'ratio',
      'throughput',
      'decision to execution start',
      process.version,
      `${os.cpus().length} cores`,
      'at most 1.5',
      'at least 0.7',
      'Encryption adds',
    ])
      expect(stdout).toContain(part);
  });

  it('keeps the history of an approved action within its bounds', () => {
    const size = report.sizes.find((one) => one.name === 'countersign');
    expect(size?.events).toBeLessThanOrEqual(35);
    expect(size?.bytes).toBeLessThanOrEqual(40_000);
    const previewed = report.sizes.find((one) => one.name === 'countersign with a preview');
    expect(previewed?.bytes).toBeLessThanOrEqual(40_000);
    // A preview is one more activity and its workflow tasks: at most six events.
    expect(previewed?.events).toBeLessThanOrEqual(41);
  });

  it('refuses an option it does not know', async () => {
    await expect(run(process.execPath, [script, '--pears', '3'], { cwd: root })).rejects.toMatchObject({
      stderr: expect.stringContaining('--pears') as string,
    });
  });
});
