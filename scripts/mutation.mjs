#!/usr/bin/env node
// `npm run mutation`: changes the verification code of the domain, one check at a time, and counts which changes the unit tests notice.
// The report lies in .countersign/mutation-report/index.html. See docs/threat-model.md.
import { report, requireNode } from './lib/term.mjs';

try {
  requireNode();
  const { mutation } = await import('./lib/mutation-main.mjs');
  process.exitCode = await mutation(process.argv.slice(2));
} catch (error) {
  report(error);
}
