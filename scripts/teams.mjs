#!/usr/bin/env node
// `npm run teams`: opens Microsoft's local Teams against the running system. Options: --as <person of the directory>, --port <port of its page>.
import { report, requireNode } from './lib/term.mjs';

try {
  requireNode();
  const { main } = await import('./lib/teams-main.mjs');
  await main(process.argv.slice(2));
} catch (error) {
  report(error);
}
