import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { ensureBuilt } from './build.mjs';
import { ensureChromium } from './chromium.mjs';
import { ensureInstalled } from './install.mjs';
import { root } from './paths.mjs';
import { findTemporal } from './temporal.mjs';
import { step } from './term.mjs';
import { vitest } from './vitest.mjs';

/** Runs the tests and prints how many passed and failed as the last line. Returns the exit code. */
export async function test(args) {
  await step('dependencies', ensureInstalled);
  await step('compiled code', ensureBuilt);
  // A run of chosen projects needs only what those use.
  if (uses(args, ['workflow', 'e2e', 'api'])) await step('Temporal server', async (progress) => (await findTemporal({ progress })).note);
  if (uses(args, ['e2e', 'api'])) await step('Chromium', ensureChromium);
  const folder = await mkdtemp(path.join(os.tmpdir(), 'countersign-test-'));
  try {
    const file = path.join(folder, 'report.json');
    const code = await vitest(['--reporter=default', '--reporter=json', `--outputFile.json=${file}`, ...args]);
    const report = await readFile(file, 'utf8').then(JSON.parse, () => undefined);
    const { passed, failed, notes } = count(report, code, args.length === 0);
    for (const note of notes) console.log(note);
    for (const name of failedNames(report)) console.log(`failed: ${name}`);
    console.log(`${passed} passed, ${failed} failed`);
    return failed === 0 && code === 0 ? 0 : 1;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Counts a vitest report. A file that failed without a failed test, an unhandled error, a missing report
 * and, in a complete run, a skipped test each count as one failure.
 */
export function count(report, code, complete) {
  if (report === undefined) return { passed: 0, failed: 1, notes: ['vitest left no report.'] };
  const notes = [];
  let failed = report.numFailedTests;
  for (const file of report.testResults ?? []) {
    if (file.status !== 'failed' || file.assertionResults.some((one) => one.status === 'failed')) continue;
    failed += 1;
    notes.push(`${path.relative(root, file.name)}: ${String(file.message).split('\n')[0]}`);
  }
  const skipped = (report.numPendingTests ?? 0) + (report.numTodoTests ?? 0);
  if (complete && skipped > 0) {
    failed += skipped;
    notes.push(`${skipped} skipped, which counts as failed.`);
  }
  if (failed === 0 && code !== 0) {
    failed = 1;
    notes.push(`vitest ended with code ${code} though no test failed; see the errors above.`);
  }
  return { passed: report.numPassedTests, failed, notes };
}

/** The failed tests by file and name, so that the end of a long output says what to look for. */
export function failedNames(report) {
  return (report?.testResults ?? []).flatMap((file) =>
    file.assertionResults.filter((one) => one.status === 'failed').map((one) => `${path.relative(root, file.name)}: ${one.fullName}`),
  );
}

function uses(args, projects) {
  const chosen = args.flatMap((arg, index) => (args[index - 1] === '--project' ? [arg] : arg.startsWith('--project=') ? [arg.slice(10)] : []));
  return chosen.length === 0 || projects.some((project) => chosen.includes(project));
}
