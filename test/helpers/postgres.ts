import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { findPostgres, startPostgres, type RunningDatabase } from '../../dev/target-db-postgres.js';

/** A real PostgreSQL of its own in a temporary folder, with a database for each who asks. */
export class TestPostgres {
  private constructor(
    private readonly folder: string,
    private readonly running: RunningDatabase,
  ) {}

  /** True where this machine has PostgreSQL. */
  static readonly available = findPostgres() !== undefined;

  static async start(): Promise<TestPostgres> {
    const bin = findPostgres();
    if (bin === undefined) throw new Error('there is no PostgreSQL on this machine');
    const folder = mkdtempSync(path.join(os.tmpdir(), 'countersign-pg-'));
    const running = await startPostgres(bin, path.join(folder, 'pg'), 0, 'unused');
    if (typeof running === 'string') throw new Error(running);
    return new TestPostgres(folder, running);
  }

  /** A new, empty database, as the role that owns the server. */
  async database(): Promise<string> {
    const name = `grants_${randomBytes(6).toString('hex')}`;
    await this.admin('postgres', `CREATE DATABASE ${name}`);
    return this.url(name);
  }

  /** Runs statements as the owner of the server, and returns the rows of the last. */
  async admin(database: string, sql: string): Promise<readonly Record<string, unknown>[]> {
    const client = new pg.Client({ connectionString: this.url(database) });
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(sql)).rows;
    } finally {
      await client.end();
    }
  }

  async stop(): Promise<void> {
    await this.running.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private url(database: string): string {
    const password = readFileSync(path.join(this.folder, 'pg', 'admin.password'), 'utf8');
    return `postgres://countersign_admin:${password}@127.0.0.1:${this.running.port}/${database}`;
  }
}
