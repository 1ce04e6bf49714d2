#!/usr/bin/env node
// `npm run bench`: what Countersign costs on top of bare Temporal, as ratios measured in one run. See docs/performance.md.
// Options: --quick, --json FILE, --help.
import { report, requireNode } from './lib/term.mjs';

try {
  requireNode();
  const { main } = await import('./lib/bench-main.mjs');
  await main(process.argv.slice(2));
} catch (error) {
  report(error);
}
