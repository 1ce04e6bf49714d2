#!/usr/bin/env node
// `npm run teams:package`: writes the app package that people upload to Teams. Options: --app-id <guid>, --url <https address>, --out <file>.
import { report, requireNode } from './lib/term.mjs';

try {
  requireNode();
  const { main } = await import('./lib/teams-package-main.mjs');
  await main(process.argv.slice(2));
} catch (error) {
  report(error);
}
