import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Command } from 'commander';
import { createPostgresGrantStore } from '../activities/adapters/grant-store-postgres.js';
import { openGrants } from '../activities/adapters/grant-store.js';
import { grantsPlace } from '../config/grants.js';
import { loadConfig } from '../config/load.js';
import { CountersignError } from '../domain/errors.js';
import { grantFileKind } from './verify.js';

type Options = { readonly out: string; readonly config?: string };

/** `countersign grant`: what the executor's store of consumed grants holds. Runs where the executor runs. */
export function grantCommand(): Command {
  const grant = new Command('grant').description('Read the store of consumed grants of an executor');
  grant
    .command('export')
    .description('Write the grant of an action as it was presented, for "countersign verify". It holds parameters and ID tokens in clear')
    .argument('<action>', 'id of the action')
    .requiredOption('--out <file>', 'where it goes, readable for you alone; it may not exist yet')
    .option('-c, --config <file>', 'the configuration; COUNTERSIGN_CONFIG or countersign.yaml when absent')
    .action(exportGrant);
  grant
    .command('init')
    .description('Make the tables of a new store in PostgreSQL. What is there stays')
    .option('-c, --config <file>', 'the configuration; COUNTERSIGN_CONFIG or countersign.yaml when absent')
    .action(async ({ config }: Pick<Options, 'config'>) => {
      const place = grantsPlace(loadConfig(config));
      if (place.kind === 'file') throw new CountersignError('config-invalid', 'executor.grants names a file; the executor makes it when it starts.');
      await createPostgresGrantStore(place.url);
      process.stdout.write('the tables countersign_grants and countersign_approvals are there\n');
    });
  return grant;
}

async function exportGrant(actionId: string, { out, config: file }: Options): Promise<void> {
  const config = loadConfig(file);
  const place = grantsPlace(config);
  // To open what is not there would make it.
  if (place.kind === 'file' && !existsSync(place.file))
    throw new CountersignError('config-invalid', `${place.file} is not there; run this where the executor runs.`);
  const store = await openGrants(config);
  try {
    const [state, grant] = [await store.find(actionId), await store.presented(actionId)];
    if (state === undefined) throw new CountersignError('not-found', `This executor consumed no grant of ${JSON.stringify(actionId)}.`);
    if (grant === undefined) throw new CountersignError('not-found', 'That grant was consumed by an earlier release, which did not keep it.');
    const { startedAt: consumedAt, outcome } = state;
    const text = JSON.stringify({ kind: grantFileKind, consumedAt, grant, ...(outcome === undefined ? {} : { outcome }) }, null, 2);
    writeNew(path.resolve(out), `${text}\n`);
    process.stdout.write(`${out} holds the grant of ${actionId}, with its parameters and the ID tokens of its approvers in clear\n`);
  } finally {
    await store.close();
  }
}

function writeNew(file: string, text: string): void {
  try {
    writeFileSync(file, text, { mode: 0o600, flag: 'wx' });
  } catch {
    throw new CountersignError('config-invalid', `${file} exists or cannot be written; choose another name.`);
  }
}
