import path from 'node:path';
import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { processRoles, type ProcessRole } from '../config/key-files.js';
import { CountersignError } from '../domain/errors.js';
import { configOf } from './config.js';
import {
  activateRotation,
  createKeys,
  learnSeconds,
  listKeys,
  markCompromised,
  prepareRotation,
  statusOf,
  type KeyFolder,
  type NewKey,
  type PublishedKey,
} from './keys-store.js';

type Where = { readonly directory?: string; readonly config?: string };
type Source = { readonly kmsKey?: string; readonly kmsRegion?: string; readonly kmsEndpoint?: string; readonly validDays?: number };

/** `countersign keys`: makes, shows and replaces the keys of the processes. It never prints a private part. */
export function keysCommand(): Command {
  const keys = new Command('keys').description('Make, list, rotate and revoke the keys that the processes sign with');

  withSource(keys.command('create'))
    .description('Make the keys that are missing, or publish one that AWS KMS holds')
    .addArgument(new Argument('[roles...]', 'the roles; all when absent').choices(processRoles))
    .action(async (roles: readonly ProcessRole[], options: Where & Source) => {
      const source = sourceOf(options);
      if (source.kms !== undefined && roles.length !== 1) throw new CountersignError('config-invalid', 'Name the one role whose key AWS KMS holds.');
      const made = await createKeys(folderOf(options), roles.length === 0 ? processRoles : roles, source);
      print(made.length === 0 ? 'all keys are there' : `made ${made.join(', ')}`);
    });

  withFolder(keys.command('list'))
    .description('Show every key with its role, status, validity and successor')
    .option('--json', 'as JSON')
    .action(async (options: Where & { readonly json?: boolean }) => {
      const rows = (await listKeys(folderOf(options).directory)).map(row);
      print(options.json === true ? JSON.stringify(rows, null, 2) : table(rows));
    });

  withSource(keys.command('rotate'))
    .description('Replace the key of a role: --prepare publishes the successor, --activate lets it sign once every process knows it')
    .addArgument(new Argument('<role>', 'whose key').choices(processRoles))
    .option('--prepare', 'make and publish the successor')
    .option('--activate', 'sign with the successor from now on')
    .option('--grace <seconds>', 'how long the key before it still counts for what it signs', seconds, 60)
    .option('--at-once', `do not wait for ${learnSeconds} seconds between the two`)
    .action(async (role: ProcessRole, options: Where & Source & { prepare?: boolean; activate?: boolean; grace: number; atOnce?: boolean }) => {
      if ((options.prepare === true) === (options.activate === true))
        throw new CountersignError('config-invalid', 'Say either --prepare or --activate; first the one, then the other.');
      const folder = folderOf(options);
      if (options.prepare === true) return print(`prepared ${await prepareRotation(folder, role, sourceOf(options))}; it does not sign yet`);
      const { from, to } = await activateRotation(folder, role, { graceSeconds: options.grace, atOnce: options.atOnce === true });
      print(`${to} signs from now on; ${from} verifies what it signed`);
    });

  withFolder(keys.command('compromise'))
    .description('Mark a key as compromised: nothing it signed runs any more. There is no way back')
    .argument('<kid>', 'the id of the key')
    .option('--yes', 'required: pending actions that rest on this key cannot run and have to be asked for again')
    .action(async (kid: string, options: Where & { readonly yes?: boolean }) => {
      if (options.yes !== true)
        throw new CountersignError('config-invalid', 'Whatever this key signed and has not run yet can never run. Say --yes if that is meant.');
      const key = await markCompromised(folderOf(options), kid);
      print(`${kid} is compromised`);
      print(`Make its successor: countersign keys rotate ${key.countersign_role} --prepare, then --activate --at-once`);
    });

  return keys;
}

function withFolder(command: Command): Command {
  return command
    .option('-d, --directory <folder>', 'the key folder; keys.directory of the configuration when absent')
    .option('-c, --config <file>', 'the configuration; COUNTERSIGN_CONFIG, countersign.yaml or what npm start wrote when absent');
}

function withSource(command: Command): Command {
  return withFolder(command)
    .option('--valid-days <number>', 'what the key signs later than this does not count', days)
    .addOption(new Option('--kms-key <id>', 'a key of AWS KMS (ECC_NIST_P256, SIGN_VERIFY) instead of a file'))
    .option('--kms-region <region>', 'its region')
    .option('--kms-endpoint <url>', 'another address of the service');
}

function folderOf({ directory, config }: Where): KeyFolder {
  const now = Math.floor(Date.now() / 1000);
  if (directory !== undefined) return { directory: path.resolve(directory), now };
  const loaded = configOf(config);
  return { directory: loaded.resolve(loaded.keys.directory), now };
}

function sourceOf({ kmsKey, kmsRegion, kmsEndpoint, validDays }: Source): NewKey {
  if (kmsKey !== undefined && kmsRegion === undefined) throw new CountersignError('config-invalid', '--kms-key needs --kms-region.');
  return {
    ...(kmsKey === undefined || kmsRegion === undefined ? {} : { kms: { keyId: kmsKey, region: kmsRegion, endpoint: kmsEndpoint } }),
    ...(validDays === undefined ? {} : { validDays }),
  };
}

type Row = Readonly<Record<'role' | 'kid' | 'status' | 'from' | 'until' | 'successor' | 'held', string>>;

function row(key: PublishedKey): Row {
  const time = (at: number | undefined) => (at === undefined ? '' : new Date(at * 1000).toISOString());
  const ends = [key.countersign_not_after, key.countersign_retired_at].filter((at) => at !== undefined);
  return {
    role: key.countersign_role,
    kid: key.kid,
    status: statusOf(key),
    from: time(key.countersign_not_before),
    until: statusOf(key) === 'compromised' ? `nothing since ${time(key.countersign_compromised_at)}` : time(ends.length === 0 ? undefined : Math.min(...ends)),
    successor: key.countersign_successor ?? '',
    held: key.countersign_held ?? 'file',
  };
}

function table(rows: readonly Row[]): string {
  const names = ['role', 'kid', 'status', 'from', 'until', 'successor', 'held'] as const;
  const lines = [names, ...rows.map((one) => names.map((name) => one[name] || '-'))];
  const widths = names.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

const seconds = (text: string): number => whole(text, 0, 86_400);
const days = (text: string): number => whole(text, 1, 3_650);

function whole(text: string, least: number, most: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least || value > most) throw new InvalidArgumentError(`a whole number from ${least} to ${most} is required`);
  return value;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
