#!/usr/bin/env node
// `npm test`: obtains what the tests need and runs them all. The last line is `N passed, N failed`.
// Arguments go to vitest, for example `npm test -- --project unit`.
import { report, requireNode } from './lib/term.mjs';

try {
  requireNode();
  const { test } = await import('./lib/test-main.mjs');
  process.exitCode = await test(process.argv.slice(2));
} catch (error) {
  report(error);
  console.log('0 passed, 1 failed');
}
