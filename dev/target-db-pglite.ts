import { mkdirSync, rmSync } from 'node:fs';
import { PGlite } from '@electric-sql/pglite';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
import { readerRole, seedOnce } from './seed-load.js';
import type { RunningDatabase } from './target-db-postgres.js';

const maxConnections = 20;

/**
 * Starts the embedded database in `folder`, on 127.0.0.1 only, with its sample data.
 * It checks no password, but every connection is the reader's role and can only read.
 */
export async function startPglite(folder: string, wantedPort: number): Promise<RunningDatabase> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  try {
    await seed(folder);
  } catch {
    // Killed while it wrote; it holds nothing but samples.
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    await seed(folder);
  }
  const db = await PGlite.create({ dataDir: folder, username: readerRole });
  const server = new PGLiteSocketServer({ db, host: '127.0.0.1', port: wantedPort, maxConnections });
  await server.start();
  const port = Number(server.getServerConn().split(':').at(-1));
  return {
    port,
    // It lives in this process and ends with it.
    exited: new Promise(() => undefined),
    stop: async () => {
      await server.stop();
      await db.close();
    },
  };
}

async function seed(folder: string): Promise<void> {
  const db = await PGlite.create({ dataDir: folder });
  try {
    const role = await db.query('select 1 from pg_roles where rolname = $1', [readerRole]);
    if (role.rows.length === 0) await db.exec(`create role ${readerRole} login nosuperuser`);
    await db.exec(`alter role ${readerRole} set default_transaction_read_only = on; revoke create on schema public from public`);
    await seedOnce(async (text, values) => (await db.query<Record<string, unknown>>(text, values === undefined ? [] : [...values])).rows);
  } finally {
    await db.close();
  }
}
