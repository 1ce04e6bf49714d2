import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { Sqlite } from '../../../../config/sqlite.js';
import type { TestSystem } from '../../../helpers/processes.js';

function all<Row>(file: string, sql: string, ...values: readonly string[]): readonly Row[] {
  const database = new Sqlite(file, { readonly: true });
  try {
    return database.prepare(sql).all(...values) as Row[];
  } finally {
    database.close();
  }
}

/** The kinds of the evidence entries of an action, oldest first. */
export function evidenceOf(system: TestSystem, actionId: string): readonly string[] {
  return all<{ kind: string }>(path.join(system.home, 'evidence.sqlite'), 'SELECT kind FROM evidence WHERE action_id = ? ORDER BY position', actionId).map(
    ({ kind }) => kind,
  );
}

/** How often the executor began the action, or undefined if it never did. */
export function attemptsOf(system: TestSystem, actionId: string): number | undefined {
  return all<{ attempt: number }>(path.join(system.home, 'grants.sqlite'), 'SELECT attempt FROM grants WHERE action_id = ?', actionId)[0]?.attempt;
}

/** The files of an action in the exports folder, unfinished ones included. */
export async function exportsOf(system: TestSystem, actionId: string): Promise<readonly string[]> {
  const names = await readdir(system.config.exports).catch(() => []);
  return names.filter((name) => name.includes(actionId));
}

export async function fileDigest(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return `sha256:${hash.digest('hex')}`;
}

/** What no log may hold, whatever happens: stack traces, rejections nobody handled, secrets and tokens. */
export async function uglyLines(system: TestSystem, secrets: readonly string[] = []): Promise<readonly string[]> {
  const ugly: string[] = [];
  for (const name of ['database', 'idp', 'worker', 'executor', 'api'] as const) {
    const lines = (await system.logFile(name)).split('\n');
    const bad = (line: string) =>
      /^\s+at .+:\d+:\d+\)?$|\u001b\[|TaskToken|Unhandled|unhandledRejection|"level":60|eyJ[\w-]{10,}\.[\w-]{10,}\./.test(line) ||
      [...Object.values(system.secrets), ...secrets].some((secret) => line.includes(secret));
    ugly.push(...lines.filter(bad).map((line) => `${name}: ${line.slice(0, 400)}`));
  }
  return ugly;
}
