#!/usr/bin/env node
// `npm run fuzz -- --minutes N`: fuzzes what stands at the edges for N minutes (default 10), all properties in turn.
// A failure names the seed; COUNTERSIGN_FUZZ_SEED=<seed> repeats the run.
import { report, requireNode } from './lib/term.mjs';

try {
  requireNode();
  const { fuzz } = await import('./lib/fuzz-main.mjs');
  process.exitCode = await fuzz(process.argv.slice(2));
} catch (error) {
  report(error);
}
