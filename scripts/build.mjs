#!/usr/bin/env node
// `npm run build`: installs what is missing and compiles to dist/.
import { ensureBuilt } from './lib/build.mjs';
import { ensureInstalled } from './lib/install.mjs';
import { report, requireNode, step } from './lib/term.mjs';

try {
  requireNode();
  await step('dependencies', ensureInstalled);
  await step('compiled code', ensureBuilt);
} catch (error) {
  report(error);
}
