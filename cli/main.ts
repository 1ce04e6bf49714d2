#!/usr/bin/env node
import { Command } from 'commander';
import { CountersignError } from '../domain/errors.js';
import { devCommand } from './dev.js';
import { directoryCommand } from './directory.js';
import { grantCommand } from './grant.js';
import { keysCommand } from './keys.js';
import { policyCommand } from './policy.js';
import { verifyCommand } from './verify.js';

const program = new Command('countersign').description('Action-level approvals for AI agents and pipelines').showHelpAfterError();

// One file a subcommand; each reads the configuration itself, and only when it runs.
program.addCommand(devCommand());
program.addCommand(policyCommand());
program.addCommand(keysCommand());
program.addCommand(grantCommand());
program.addCommand(verifyCommand());
program.addCommand(directoryCommand());

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CountersignError)) throw error;
  process.stderr.write(`countersign: ${error.detail}\n`);
  process.exitCode = 1;
}
