import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { circleRefusal, circleWith, type ApprovalFact } from '../../domain/circles.js';
import type { ExecutionOutcome } from '../../domain/connector.js';
import type { Digest } from '../../domain/digest.js';
import { CountersignError } from '../../domain/errors.js';
import type { Grant } from '../../domain/grant.js';
import type { GrantState, GrantStore } from '../ports.js';

type Row = {
  action_digest: Digest;
  state: GrantState['state'];
  attempt: number;
  outcome: string | null;
  started_at: string;
  performed_by: GrantState['by'];
  begun_by: string;
};
type Begin = Parameters<GrantStore['begin']>[0];

// A database that restarts is back within this time; an action that was begun must not become unclear for less.
const retryAfterMs = [100, 400, 1_500, 4_000, 8_000];
const connectTimeoutMs = 5_000;
const statementTimeoutMs = 10_000;
const mostFacts = 500;
// Any number that nothing else in the database locks by.
const beginLock = 0x0c57_6772;

/** The tables, for a role that may make them; the executor itself needs no more than to read, insert and update. */
const schema = `
CREATE TABLE IF NOT EXISTS countersign_grants (
  action_id text COLLATE "C" PRIMARY KEY,
  action_digest text NOT NULL,
  state text NOT NULL CHECK (state IN ('started', 'done')),
  attempt integer NOT NULL CHECK (attempt >= 1),
  outcome text,
  started_at text NOT NULL,
  finished_at text,
  performed_by text NOT NULL CHECK (performed_by IN ('executor', 'connector')),
  presented text,
  begun_by text NOT NULL
);
CREATE TABLE IF NOT EXISTS countersign_approvals (
  approver text COLLATE "C" NOT NULL,
  behind text COLLATE "C" NOT NULL,
  at text COLLATE "C" NOT NULL,
  PRIMARY KEY (approver, behind)
);`;

/** Makes the tables of a store that is new. Does nothing where they are. Throws `grants-unavailable`. */
export async function createPostgresGrantStore(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: connectTimeoutMs, application_name: 'countersign-grants' });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query(schema);
  } catch (error) {
    throw unavailable(error);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/**
 * The executor's store of consumed grants in PostgreSQL, for executors on several hosts. A grant counts as consumed when it is committed, and
 * no commit is answered before it is on the disk. Throws `config-invalid` where the tables are missing, since making new ones would let
 * every grant that was consumed run again, and `grants-unavailable` while the database does not answer.
 */
export async function openPostgresGrantStore(url: string): Promise<GrantStore> {
  const pool = new pg.Pool({
    connectionString: url,
    max: 5,
    connectionTimeoutMillis: connectTimeoutMs,
    statement_timeout: statementTimeoutMs,
    query_timeout: statementTimeoutMs + 1_000,
    idle_in_transaction_session_timeout: statementTimeoutMs,
    application_name: 'countersign-grants',
    keepAlive: true,
  });
  // A connection that breaks while nobody uses it is replaced by the next one.
  pool.on('error', () => undefined);
  const store = new PostgresGrants(pool);
  try {
    await store.requireUsable();
  } catch (error) {
    await pool.end();
    throw error;
  }
  return store;
}

class PostgresGrants implements GrantStore {
  constructor(private readonly pool: pg.Pool) {}

  async requireUsable(): Promise<void> {
    const sql = `SELECT to_regclass('countersign_grants') IS NOT NULL AND to_regclass('countersign_approvals') IS NOT NULL AS made, current_setting('fsync') AS fsync`;
    // Who starts is started again; there is nothing yet that a wait could save.
    const { rows } = await this.pool.query<{ made: boolean; fsync: string }>(sql).catch((error: unknown) => Promise.reject(unavailable(error)));
    if (rows[0]?.made !== true)
      throw new CountersignError(
        'config-invalid',
        'The database of executor.grants holds no store of consumed grants. If there was one, bring it back from a backup. If this is a new one, run "countersign grant init" once.',
      );
    if (rows[0].fsync !== 'on')
      throw new CountersignError(
        'config-invalid',
        'The database of executor.grants runs with fsync off, and would forget consumed grants when its host fails.',
      );
  }

  async begin(grant: Begin): Promise<{ readonly first: boolean; readonly known: GrantState }> {
    // Names this call: when a commit was not answered, its repetition finds out whether it was this call that won.
    const token = randomUUID();
    const row = await this.#transaction(async (client) => this.#insert(client, grant, token));
    return { first: row.begun_by === token, known: stateOf(row) };
  }

  async #insert(client: pg.PoolClient, { actionId, actionDigest, at, by = 'executor', presented, consent }: Begin, token: string): Promise<Row> {
    // One begins after the other: of two actions that would close a circle together, the later one is refused.
    if (consent !== undefined) await client.query('SELECT pg_advisory_xact_lock($1)', [beginLock]);
    const { rowCount } = await client.query(
      `INSERT INTO countersign_grants (action_id, action_digest, state, attempt, started_at, performed_by, presented, begun_by)
       VALUES ($1, $2, 'started', 1, $3, $4, $5, $6) ON CONFLICT (action_id) DO NOTHING`,
      [actionId, actionDigest, at, by, presented === undefined ? null : JSON.stringify(presented), token],
    );
    const row = await known(client, actionId);
    if (row.action_digest !== actionDigest) throw new CountersignError('grant-consumed', 'Another digest of this action was executed before.');
    if (rowCount === 1 && consent !== undefined) await noteConsent(client, consent);
    return row;
  }

  async find(actionId: string): Promise<GrantState | undefined> {
    const { rows } = await this.#retry(() => this.pool.query<Row>('SELECT * FROM countersign_grants WHERE action_id = $1', [actionId]));
    return rows[0] === undefined ? undefined : stateOf(rows[0]);
  }

  async presented(actionId: string): Promise<Grant | undefined> {
    const sql = 'SELECT presented FROM countersign_grants WHERE action_id = $1';
    const { rows } = await this.#retry(() => this.pool.query<{ presented: string | null }>(sql, [actionId]));
    const text = rows[0]?.presented;
    return text === undefined || text === null ? undefined : (JSON.parse(text) as Grant);
  }

  async approvalsBy(people: readonly string[], since: string, of?: string): Promise<readonly ApprovalFact[]> {
    return this.#retry(() => approvalsSince(this.pool, people, since, of));
  }

  async again(actionId: string): Promise<GrantState> {
    return this.#transaction(async (client) => {
      // Counted once more when the commit was not answered: it only brings the end of all tries nearer.
      await client.query("UPDATE countersign_grants SET attempt = attempt + 1 WHERE action_id = $1 AND state = 'started'", [actionId]);
      return stateOf(await known(client, actionId));
    });
  }

  async finish(actionId: string, outcome: ExecutionOutcome): Promise<ExecutionOutcome> {
    return this.#transaction(async (client) => {
      await client.query("UPDATE countersign_grants SET state = 'done', outcome = $2, finished_at = $3 WHERE action_id = $1 AND state = 'started'", [
        actionId,
        JSON.stringify(outcome),
        outcome.finishedAt,
      ]);
      return stateOf(await known(client, actionId)).outcome ?? outcome;
    });
  }

  async close(): Promise<void> {
    await this.pool.end();
  }

  async #transaction<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    return this.#retry(async () => {
      const client = await this.pool.connect();
      // Else a connection that breaks between two queries would end the process.
      const ignore = (): void => undefined;
      client.on('error', ignore);
      let broken: Error | undefined;
      try {
        await client.query('BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE');
        // Whatever the server is set to, a commit is answered when it is on the disk; a stricter setting stays. Said in each transaction, since a pooler may change the session.
        await client.query(
          `SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') IN ('off', 'local', 'remote_write')`,
        );
        const result = await work(client);
        await client.query('COMMIT');
        return result;
      } catch (error) {
        if (error instanceof CountersignError) await client.query('ROLLBACK').catch((failure: Error) => (broken = failure));
        else broken = error as Error;
        throw error;
      } finally {
        client.off('error', ignore);
        client.release(broken);
      }
    });
  }

  async #retry<T>(work: () => Promise<T>): Promise<T> {
    for (let tries = 0; ; tries += 1) {
      try {
        return await work();
      } catch (error) {
        if (error instanceof CountersignError) throw error;
        const waitMs = retryAfterMs[tries];
        if (waitMs === undefined || !mayPass(error)) throw unavailable(error);
        await pause(waitMs);
      }
    }
  }
}

async function known(client: pg.PoolClient, actionId: string): Promise<Row> {
  const { rows } = await client.query<Row>('SELECT * FROM countersign_grants WHERE action_id = $1', [actionId]);
  if (rows[0] === undefined) throw new CountersignError('internal-error', 'The grant store does not know this action.');
  return rows[0];
}

async function noteConsent(client: pg.PoolClient, { of, by }: NonNullable<Begin['consent']>): Promise<void> {
  for (const { person, refuseSince } of by) {
    if (refuseSince === undefined) continue;
    const fact = circleWith(person, of, await approvalsSince(client, of, refuseSince, person), refuseSince);
    if (fact === undefined) continue;
    const { code, detail } = circleRefusal(fact);
    throw new CountersignError(code, detail);
  }
  for (const { person, at } of by)
    for (const behind of of)
      await client.query(
        `INSERT INTO countersign_approvals AS known (approver, behind, at) VALUES ($1, $2, $3)
         ON CONFLICT (approver, behind) DO UPDATE SET at = greatest(known.at, excluded.at)`,
        // One form for one moment, since they are compared as text.
        [person, behind, new Date(at).toISOString()],
      );
}

async function approvalsSince(client: pg.Pool | pg.PoolClient, people: readonly string[], since: string, of?: string): Promise<readonly ApprovalFact[]> {
  const { rows } = await client.query<ApprovalFact>(
    `SELECT approver AS by, behind AS of, at FROM countersign_approvals
     WHERE approver = ANY($1) AND at >= $2 AND ($3::text IS NULL OR behind = $3) ORDER BY at DESC LIMIT $4`,
    [people, new Date(since).toISOString(), of ?? null, mostFacts * Math.max(1, people.length)],
  );
  return rows;
}

/** True for what a connection or a server that restarts comes to. */
function mayPass(error: unknown): boolean {
  const { code } = error as { readonly code?: unknown };
  // The driver's own errors of a broken connection carry no code at all.
  if (typeof code !== 'string') return true;
  // Connection, resources, operator intervention, rollback for a deadlock; a server that became a standby.
  return /^(?:E[A-Z]+|08...|53...|57...|40...|25006)$/.test(code);
}

function unavailable(cause: unknown): CountersignError {
  return new CountersignError('grants-unavailable', 'The store of consumed grants cannot be reached or written.', { cause });
}

function stateOf(row: Row): GrantState {
  const { state, attempt, action_digest: actionDigest, started_at: startedAt, performed_by: by } = row;
  return { state, attempt, actionDigest, startedAt, by, ...(row.outcome === null ? {} : { outcome: JSON.parse(row.outcome) as ExecutionOutcome }) };
}
