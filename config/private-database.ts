import { chmodSync, closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import path from 'node:path';
import type Database from 'better-sqlite3';
import { Sqlite } from './sqlite.js';

/**
 * Opens the SQLite file, in write-ahead mode and with every commit on the disk, for its owner alone. The files beside it
 * take their mode from it; those that an earlier release made wider are narrowed.
 */
export function openPrivateDatabase(file: string, options: { readonly timeoutMs: number }): Database.Database {
  mkdirSync(path.dirname(path.resolve(file)), { recursive: true, mode: 0o700 });
  closeSync(openSync(file, 'a', 0o600));
  for (const name of [file, `${file}-wal`, `${file}-shm`]) if (existsSync(name)) chmodSync(name, 0o600);
  const database = new Sqlite(file, { timeout: options.timeoutMs });
  database.pragma('journal_mode = WAL');
  // NORMAL could forget the last commits on a power cut.
  database.pragma('synchronous = FULL');
  return database;
}
