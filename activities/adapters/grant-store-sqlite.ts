import { existsSync, writeFileSync } from 'node:fs';
import { circleRefusal, circleWith } from '../../domain/circles.js';
import type { ExecutionOutcome } from '../../domain/connector.js';
import type { Digest } from '../../domain/digest.js';
import { CountersignError } from '../../domain/errors.js';
import type { Grant } from '../../domain/grant.js';
import type { GrantState, GrantStore } from '../ports.js';
import { approvalsTable, prepareApprovals } from './approvals-sqlite.js';
import { openPrivateDatabase } from './private-database.js';

type Row = {
  action_digest: Digest;
  state: 'started' | 'done';
  attempt: number;
  outcome: string | null;
  started_at: string;
  performed_by: GrantState['by'];
};

/**
 * The executor's store of consumed grants in one SQLite file; several executors may share it.
 * A grant counts as consumed only when it is on the disk. Throws `internal-error` when the store cannot be written, and
 * `config-invalid` when it was there before and is gone: a new one would let every grant that was consumed run again.
 */
export function openGrantStore(file: string): GrantStore {
  // Every commit must be on the disk: a forgotten grant is one that runs twice.
  const db = openPrivateDatabase(file, { timeoutMs: 10_000 });
  requireNotLost(file, db);
  db.exec(`CREATE TABLE IF NOT EXISTS grants (
    action_id TEXT PRIMARY KEY NOT NULL,
    action_digest TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('started', 'done')),
    attempt INTEGER NOT NULL CHECK (attempt >= 1),
    outcome TEXT,
    started_at TEXT NOT NULL,
    finished_at TEXT,
    performed_by TEXT NOT NULL DEFAULT 'executor' CHECK (performed_by IN ('executor', 'connector')),
    presented TEXT
  ) STRICT, WITHOUT ROWID`);
  // Stores of earlier releases lack these columns.
  const columns = new Set((db.pragma('table_info(grants)') as { readonly name: string }[]).map(({ name }) => name));
  if (!columns.has('performed_by')) db.exec("ALTER TABLE grants ADD COLUMN performed_by TEXT NOT NULL DEFAULT 'executor'");
  if (!columns.has('presented')) db.exec('ALTER TABLE grants ADD COLUMN presented TEXT');

  db.exec(approvalsTable);
  // Only now, so that it never speaks of a store that was not made.
  writeFileSync(`${file}.made`, '', { mode: 0o600, flag: 'a' });

  const insert = db.prepare(
    "INSERT INTO grants (action_id, action_digest, state, attempt, started_at, performed_by, presented) VALUES (?, ?, 'started', 1, ?, ?, ?) ON CONFLICT (action_id) DO NOTHING",
  );
  const select = db.prepare<[string], Row>('SELECT action_digest, state, attempt, outcome, started_at, performed_by FROM grants WHERE action_id = ?');
  const selectPresented = db.prepare<[string], { presented: string | null }>('SELECT presented FROM grants WHERE action_id = ?');
  const bump = db.prepare("UPDATE grants SET attempt = attempt + 1 WHERE action_id = ? AND state = 'started'");
  const close = db.prepare("UPDATE grants SET state = 'done', outcome = ?, finished_at = ? WHERE action_id = ? AND state = 'started'");

  const approvals = prepareApprovals(db);

  const known = (actionId: string): Row => {
    const row = select.get(actionId);
    if (row === undefined) throw new CountersignError('internal-error', 'The grant store does not know this action.');
    return row;
  };
  // Immediate transactions take the write lock first, so that what is read cannot change before it is written.
  const beginNow = db.transaction(({ actionId, actionDigest, at, by = 'executor', consent, presented }: Parameters<GrantStore['begin']>[0]) => {
    const first = insert.run(actionId, actionDigest, at, by, presented === undefined ? null : JSON.stringify(presented)).changes === 1;
    const row = known(actionId);
    if (row.action_digest !== actionDigest) throw new CountersignError('grant-consumed', 'Another digest of this action was executed before.');
    // Looked for and noted in one step: of two actions that would close a circle together, the later one is refused.
    if (first && consent !== undefined) {
      for (const { person, refuseSince } of consent.by) {
        const fact = refuseSince === undefined ? undefined : circleWith(person, consent.of, approvals.since(consent.of, refuseSince, person), refuseSince);
        if (fact === undefined) continue;
        const { code, detail } = circleRefusal(fact);
        throw new CountersignError(code, detail);
      }
      for (const { person, at: approvedAt } of consent.by) approvals.note({ by: person, of: consent.of, at: approvedAt });
    }
    return { first, known: stateOf(row) };
  });
  const againNow = db.transaction((actionId: string) => {
    bump.run(actionId);
    return stateOf(known(actionId));
  });
  const finishNow = db.transaction((actionId: string, outcome: ExecutionOutcome) => {
    close.run(JSON.stringify(outcome), outcome.finishedAt, actionId);
    return stateOf(known(actionId)).outcome ?? outcome;
  });

  return {
    // Async only so that a failure is a rejection: better-sqlite3 itself works synchronously.
    begin: async (grant) => beginNow.immediate(grant),
    approvalsBy: async (people, since, of) => approvals.since(people, since, of),
    find: async (actionId) => {
      const row = select.get(actionId);
      return row === undefined ? undefined : stateOf(row);
    },
    presented: async (actionId) => {
      const text = selectPresented.get(actionId)?.presented;
      return text === undefined || text === null ? undefined : (JSON.parse(text) as Grant);
    },
    again: async (actionId) => againNow.immediate(actionId),
    finish: async (actionId, outcome) => finishNow.immediate(actionId, outcome),
    close: async () => void db.close(),
  };
}

function requireNotLost(file: string, db: ReturnType<typeof openPrivateDatabase>): void {
  const made = `${file}.made`;
  if (!existsSync(made) || db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'grants'").get() !== undefined) return;
  db.close();
  throw new CountersignError(
    'config-invalid',
    `The store of consumed grants ${file} was there before and holds nothing now. Bring it back from a backup. If no action is open any more, remove ${made} to begin a new one.`,
  );
}

function stateOf(row: Row): GrantState {
  const { state, attempt, action_digest: actionDigest, started_at: startedAt, performed_by: by } = row;
  return { state, attempt, actionDigest, startedAt, by, ...(row.outcome === null ? {} : { outcome: JSON.parse(row.outcome) as ExecutionOutcome }) };
}
