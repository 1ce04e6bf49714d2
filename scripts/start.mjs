#!/usr/bin/env node
// `npm start`: makes what is missing, runs the whole system on this machine and submits one sample action.
// Options: --once (stop when the sample is final), --no-sample.
import { performance } from 'node:perf_hooks';
import { report, requireNode } from './lib/term.mjs';

// Keys, histories and evidence are for this account alone, whoever else works on the machine.
process.umask(0o077);

try {
  requireNode();
  const { main } = await import('./lib/start-main.mjs');
  await main(process.argv.slice(2), performance.now());
} catch (error) {
  report(error);
}
