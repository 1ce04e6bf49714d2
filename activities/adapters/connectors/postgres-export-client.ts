import pg from 'pg';
import QueryStream from 'pg-query-stream';
import { CountersignError } from '../../../domain/errors.js';
import type { Statement } from './postgres-export-sql.js';

const connectTimeoutMs = 10_000;
const cancelTimeoutMs = 1_500;

/** A read-only transaction at the target. */
export type ReadTransaction = {
  query<Row extends Record<string, unknown>>(statement: Statement): Promise<readonly Row[]>;
  /** Names and types of the columns of a statement, which is not run to its first row. */
  describe(statement: Statement): Promise<readonly { readonly name: string; readonly typeId: number }[]>;
  /** Opens a cursor; `read` resolves with the next rows in PostgreSQL's own text format, none at the end. */
  open(statement: Statement): { read(count: number): Promise<readonly (readonly (string | null)[])[]> };
};

type Cursor = { read(count: number): Promise<(string | null)[][]> };

/**
 * Runs `work` in one read-only transaction on one connection of its own, and ends both.
 * When `signal` is aborted the statement is cancelled at the target and the connection is closed.
 * Throws `target-unavailable` or `target-refused`; texts of the database, which may hold row data, are not passed on.
 */
export async function readOnly<T>(
  url: string,
  options: { readonly applicationName: string; readonly statementTimeoutMs: number; readonly signal: AbortSignal },
  work: (transaction: ReadTransaction) => Promise<T>,
): Promise<T> {
  const { signal } = options;
  signal.throwIfAborted();
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: connectTimeoutMs,
    application_name: options.applicationName,
    keepAlive: true,
  });
  const link = watch(client);
  let backend: number | undefined;
  let stopped: Promise<void> | undefined;
  const stop = (): void => {
    stopped = (backend === undefined ? Promise.resolve() : cancelBackend(url, backend)).finally(() => {
      link.lose(new Error('cancelled'));
      void client.end().catch(() => undefined);
    });
  };
  signal.addEventListener('abort', stop, { once: true });
  try {
    await link.hold(client.connect());
    await link.hold(client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY'));
    await link.hold(client.query(sessionSettings(options.statementTimeoutMs)));
    const rows = await link.hold(client.query<{ pid: number }>('select pg_backend_pid() as pid'));
    backend = rows.rows[0]?.pid;
    signal.throwIfAborted();
    const result = await work(transactionOn(client, link));
    await link.hold(client.query('COMMIT'));
    return result;
  } catch (error) {
    throw signal.aborted ? signal.reason : targetError(error);
  } finally {
    signal.removeEventListener('abort', stop);
    await stopped;
    // The connection may be in the middle of a result; whatever it says now is of no interest.
    void client.end().catch(() => undefined);
  }
}

function sessionSettings(statementTimeoutMs: number): string {
  return [
    `SET LOCAL statement_timeout = ${Math.trunc(statementTimeoutMs)}`,
    'SET LOCAL lock_timeout = 5000',
    'SET LOCAL idle_in_transaction_session_timeout = 60000',
    // The check of queries reads quotes as the standard has them.
    'SET LOCAL standard_conforming_strings = on',
    // One format of dates and numbers, whatever the role or database prefers.
    "SET LOCAL datestyle = 'ISO, YMD'",
    "SET LOCAL intervalstyle = 'iso_8601'",
    "SET LOCAL timezone = 'UTC'",
    "SET LOCAL bytea_output = 'hex'",
    'SET LOCAL extra_float_digits = 1',
  ].join('; ');
}

function transactionOn(client: pg.Client, link: Link): ReadTransaction {
  const query = async <Row extends Record<string, unknown>>({ text, values }: Statement): Promise<readonly Row[]> =>
    (await link.hold(client.query<Row>(text, [...values]))).rows;
  return {
    query,
    async describe({ text, values }) {
      const result = await link.hold(client.query({ text, values: [...values], rowMode: 'array' }));
      return result.fields.map(({ name, dataTypeID }) => ({ name, typeId: dataTypeID }));
    },
    open({ text, values }) {
      const types = { getTypeParser: () => (value: string) => value };
      const stream = client.query(new QueryStream(text, [...values], { rowMode: 'array', types }));
      stream.on('error', () => undefined);
      const cursor = stream.cursor as Cursor;
      return { read: (count) => link.hold(cursor.read(count)) };
    },
  };
}

/** What is waited for fails at once when the connection is gone: the driver alone may leave it pending. */
type Link = { hold<T>(work: Promise<T>): Promise<T>; lose(reason: Error): void };

function watch(client: pg.Client): Link {
  let lost: Error | undefined;
  let reject: ((reason: Error) => void) | undefined;
  const lose = (reason: Error): void => {
    lost ??= reason;
    reject?.(lost);
  };
  client.on('error', lose);
  client.on('end', () => lose(new Error('the connection ended')));
  return {
    lose,
    hold: <T>(work: Promise<T>) =>
      new Promise<T>((resolve, fail) => {
        reject = fail;
        work.then(resolve, fail);
        if (lost !== undefined) fail(lost);
      }),
  };
}

// Cancels what the backend does. Bounded in time: an embedded database serves one connection after the other,
// and there the closing of the connection has to do.
async function cancelBackend(url: string, pid: number): Promise<void> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: cancelTimeoutMs,
    query_timeout: cancelTimeoutMs,
    application_name: 'countersign cancel',
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('select case when pg_backend_pid() = $1 then false else pg_cancel_backend($1) end', [pid]);
  } catch {
    // The connection of the export is closed next, which ends it at the latest with its next row.
  } finally {
    void client.end().catch(() => undefined);
  }
}

const refusals: Readonly<Record<string, string>> = {
  '22P02': 'A filter value does not fit the type of its column.',
  '22007': 'A filter value does not fit the type of its column.',
  '22008': 'A filter value does not fit the type of its column.',
  '22003': 'A filter value does not fit the type of its column.',
  '25006': 'The query would write, which an export must not.',
  '0A000': 'The query uses something that is not possible in an export.',
  '42501': "The executor's role may not read this.",
  '42601': 'The query has a syntax error.',
  '42703': 'The query names a column that does not exist.',
  '42883': 'An operator or function does not exist for these types.',
  '42P01': 'A table does not exist.',
  '42P02': 'The query refers to a value that was not given.',
  '42P18': 'The type of a query value is not clear; add a cast.',
  '08P01': 'The number of query values is not the one the query uses.',
  '55P03': 'A lock on the table was not free in time.',
  '57014': 'The statement took longer than the target allows.',
  '3D000': 'The database of this target does not exist.',
  '28P01': "The database did not accept the executor's login.",
  '28000': "The database did not accept the executor's login.",
};

/** An error of the driver as an error of ours, without the database's text. An unknown error comes back as it is. */
export function targetError(error: unknown): unknown {
  if (error instanceof CountersignError) return error;
  if (error instanceof pg.DatabaseError && error.code !== undefined) {
    const known = refusals[error.code];
    if (known !== undefined) return new CountersignError('target-refused', `${known} (SQLSTATE ${error.code})`);
    // Shut down, starting, out of resources, I/O errors, conflicts with recovery on a standby: later it may work.
    if (/^(08|53|57P|58|40)/.test(error.code)) return new CountersignError('target-unavailable', `The database cannot serve now (SQLSTATE ${error.code}).`);
    return new CountersignError('target-refused', `The database refused the statement (SQLSTATE ${error.code}).`);
  }
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  if (error instanceof Error && (code !== undefined || /connection|timeout|terminat/i.test(error.message)))
    return new CountersignError('target-unavailable', `The database cannot be reached or the connection was lost${code === undefined ? '' : ` (${code})`}.`);
  return error;
}
