import path from 'node:path';
import { findPostgres, startPostgres, type RunningDatabase } from './target-db-postgres.js';

type Started = { readonly kind: 'postgresql' | 'pglite'; readonly running: RunningDatabase };

/**
 * The sample database as a process: prints one JSON line when it is ready and ends cleanly on SIGTERM or SIGINT.
 * Reads COUNTERSIGN_HOME, COUNTERSIGN_TARGET_PORT (0: a free one), COUNTERSIGN_TARGET_PASSWORD and
 * COUNTERSIGN_TARGET_ENGINE (`postgresql` or `pglite`; PostgreSQL where it is installed when absent).
 */
async function main(): Promise<void> {
  let stopping = false;
  // Set once it runs; a signal may come before.
  const state: { started?: Started } = {};
  const stop = (): void => {
    if (stopping) return;
    stopping = true;
    void (state.started?.running.stop() ?? Promise.resolve()).finally(() => process.exit(0));
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);

  const started = await start();
  state.started = started;
  if (stopping) {
    await started.running.stop();
    process.exit(0);
  }
  process.stdout.write(`${JSON.stringify({ ready: true, kind: started.kind, port: started.running.port, database: 'crm', user: 'countersign_reader' })}\n`);
  await started.running.exited;
  if (!stopping) throw new Error('the database ended by itself');
}

async function start(): Promise<Started> {
  const folder = path.resolve(required('COUNTERSIGN_HOME'), 'target-db');
  const password = required('COUNTERSIGN_TARGET_PASSWORD');
  const port = Number(process.env['COUNTERSIGN_TARGET_PORT'] ?? '0');
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new Error('COUNTERSIGN_TARGET_PORT is no port');
  const engine = process.env['COUNTERSIGN_TARGET_ENGINE'] ?? '';
  if (!['', 'postgresql', 'pglite'].includes(engine)) throw new Error('COUNTERSIGN_TARGET_ENGINE must be postgresql or pglite');

  const bin = engine === 'pglite' ? undefined : findPostgres();
  if (engine === 'postgresql' && bin === undefined) throw new Error('there is no PostgreSQL on this machine: neither on PATH nor where Debian puts it');
  if (bin !== undefined) {
    const running = await startPostgres(bin, path.join(folder, 'postgresql'), port, password);
    if (typeof running !== 'string') return { kind: 'postgresql', running };
    if (engine === 'postgresql') throw new Error(running);
    process.stderr.write(`sample database: ${running}; using the embedded one\n`);
  }
  const { startPglite } = await import('./target-db-pglite.js');
  return { kind: 'pglite', running: await startPglite(path.join(folder, 'pglite'), port) };
}

function required(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '') throw new Error(`${name} is not set`);
  return value;
}

main().catch((error: unknown) => {
  process.stderr.write(`sample database: ${error instanceof Error ? error.message : 'failed'}\n`);
  process.exit(1);
});
