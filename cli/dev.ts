import { Command } from 'commander';
import { configOf } from './config.js';
import { devToken } from './dev-token.js';

/** `countersign dev`: what helps on a development machine and refuses production. */
export function devCommand(): Command {
  const dev = new Command('dev').description('Tools for development; they refuse production');
  dev
    .command('token')
    .description('Print a short-lived access token of the embedded development provider')
    .argument('<subject>', 'a sample agent or person, for example invoice-bot or alice')
    .option('-c, --config <file>', 'the configuration; COUNTERSIGN_CONFIG, countersign.yaml or what npm start wrote when absent')
    .action(async (subject: string, options: { config?: string }) => {
      const token = await devToken(configOf(options.config), subject, new Date());
      process.stdout.write(`${token}\n`);
    });
  return dev;
}
