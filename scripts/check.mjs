#!/usr/bin/env node
// `npm run check`: format, lint, types, imports, dead code and unit tests. Run it before every commit.
import { report, requireNode } from './lib/term.mjs';

try {
  requireNode();
  const { check } = await import('./lib/check-main.mjs');
  process.exitCode = await check();
} catch (error) {
  report(error);
}
