import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { findPostgres } from '../../../dev/target-db-postgres.js';

export type Engine = 'postgresql' | 'pglite';

/** The engines this machine can run; the embedded one always. */
export const engines: readonly Engine[] = findPostgres() === undefined ? ['pglite'] : ['postgresql', 'pglite'];

export const password = "it's a password";

export type TargetDb = {
  readonly url: string;
  readonly port: number;
  readonly child: ChildProcess;
  kill(signal: NodeJS.Signals): Promise<number | null>;
};

/** A folder that `cleanUp` removes. It stands outside the home of root, which PostgreSQL could not enter. */
export function temporaryFolder(): { readonly folder: string; cleanUp(): void } {
  const folder = mkdtempSync(path.join(tmpdir(), 'countersign-'));
  return { folder, cleanUp: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Starts `dev/target-db.ts` as its own process and resolves when it says that it is ready. */
export async function startTargetDb(engine: Engine, home: string, port = 0): Promise<TargetDb> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'dev/target-db.ts'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      COUNTERSIGN_HOME: home,
      COUNTERSIGN_TARGET_PORT: String(port),
      COUNTERSIGN_TARGET_PASSWORD: password,
      COUNTERSIGN_TARGET_ENGINE: engine,
    },
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const exit = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const ready = new Promise<{ ready: boolean; kind: string; port: number }>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', (line) => resolve(JSON.parse(line) as { ready: boolean; kind: string; port: number }));
    void exit.then(() => reject(new Error(`the database did not start: ${said}`)));
  });
  const answer = await ready;
  if (!answer.ready || answer.kind !== engine) throw new Error(`unexpected answer ${JSON.stringify(answer)}`);
  return {
    port: answer.port,
    url: `postgres://countersign_reader:${encodeURIComponent(password)}@127.0.0.1:${answer.port}/crm`,
    child,
    kill: (signal) => {
      child.kill(signal);
      return exit;
    },
  };
}

/** Resolves when `condition` holds; rejects after `timeoutMs`. */
export async function until(condition: () => boolean | Promise<boolean>, timeoutMs = 10_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('the condition did not hold in time');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
