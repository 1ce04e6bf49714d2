#!/usr/bin/env node
// `npm run demo -- <scenario> [--follow | --no-follow]`: submits a sample action to the running system.
import { report, requireNode } from './lib/term.mjs';

try {
  requireNode();
  const { demo } = await import('./lib/demo-main.mjs');
  await demo(process.argv.slice(2));
} catch (error) {
  report(error);
}
