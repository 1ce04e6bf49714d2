import { performance } from 'node:perf_hooks';
import path from 'node:path';
import { ensureInstalled } from './install.mjs';
import { root } from './paths.mjs';
import { run } from './run.mjs';
import { dim, elapsed, green, red, step } from './term.mjs';

// A folder of its own: a file where a tool looks for its folder would break that tool when it is run by hand.
const cache = 'node_modules/.cache/countersign-check';
const checks = [
  // The long ones first, so that the short ones fill the gaps.
  ['lint', 'eslint/bin/eslint.js', ['.', '--max-warnings', '0', '--cache', '--cache-location', `${cache}/eslint/`, '--cache-strategy', 'content']],
  ['types', 'typescript/bin/tsc', ['--noEmit', '-p', '.']],
  ['unit tests', 'vitest/vitest.mjs', ['run', '--project', 'unit', '--reporter=dot']],
  [
    'format',
    'prettier/bin/prettier.cjs',
    ['--check', '--log-level', 'warn', '--cache', '--cache-strategy', 'content', '--cache-location', `${cache}/prettier`, '.'],
  ],
  ['imports', 'dependency-cruiser/bin/dependency-cruise.mjs', ['--config', '.dependency-cruiser.cjs', '--output-type', 'err', '.']],
  ['dead code', 'knip/bin/knip.js', ['--no-progress']],
];

/** Runs all checks, two at a time; prints a line each and what failed in full. Returns the exit code. */
export async function check() {
  await step('dependencies', ensureInstalled);
  const from = performance.now();
  const queue = [...checks];
  let failed = 0;
  const worker = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [title, binary, args] = next;
      const start = performance.now();
      try {
        await run(process.execPath, [path.join(root, 'node_modules', binary), ...args], { cwd: root, timeoutMs: 600_000, keep: Infinity });
        console.log(`${green('✓')} ${title} ${dim(elapsed(start))}`);
      } catch (error) {
        failed += 1;
        console.log(`${red('✗')} ${title} ${dim(elapsed(start))}\n${error.message}`);
      }
    }
  };
  await Promise.all([worker(), worker()]);
  console.log(failed === 0 ? `${green('All checks passed')} ${dim(elapsed(from))}` : red(`${failed} of ${checks.length} checks failed`));
  return failed === 0 ? 0 : 1;
}
