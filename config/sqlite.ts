import { createRequire } from 'node:module';
import type BetterSqlite3 from 'better-sqlite3';

const require = createRequire(import.meta.url);
const major = Number(process.versions.node.split('.', 1)[0]);

/**
 * SQLite: better-sqlite3 13 from Node 22 on, which it needs, and 12 on Node 20. Compiled with the headers of Node 24.19 or later, 12 ends the
 * process as soon as a statement is collected (nodejs/node#65446).
 */
export const Sqlite = (major >= 22 ? require('better-sqlite3-13') : require('better-sqlite3')) as typeof BetterSqlite3;
