import type Database from 'better-sqlite3';
import type { ApprovalFact } from '../../domain/circles.js';
import type { PersonId } from '../../domain/principal.js';
import type { RecordedApproval } from '../ports.js';

// Enough to tell of. Where a circle refuses, the pair itself is looked up.
const mostFacts = 500;

/** Who has approved an action of whom, with the latest time: as many rows as there are such pairs, however many actions. */
export const approvalsTable = `CREATE TABLE IF NOT EXISTS approvals (
  approver TEXT NOT NULL, behind TEXT NOT NULL, at TEXT NOT NULL, PRIMARY KEY (approver, behind)
) STRICT, WITHOUT ROWID`;

/** Reads and writes the table of approvals; `note` belongs into the transaction of what it speaks of. */
export function prepareApprovals(database: Database.Database): {
  readonly note: (approval: RecordedApproval) => void;
  readonly since: (people: readonly PersonId[], since: string, of?: PersonId) => readonly ApprovalFact[];
} {
  const upsert = database.prepare<[string, string, string]>(
    'INSERT INTO approvals (approver, behind, at) VALUES (?, ?, ?) ON CONFLICT (approver, behind) DO UPDATE SET at = max(at, excluded.at)',
  );
  const pair = database.prepare<[string, string, string], ApprovalFact>(
    'SELECT approver AS "by", behind AS "of", at FROM approvals WHERE approver = ? AND behind = ? AND at >= ?',
  );
  const select = database.prepare<[string, string, number], ApprovalFact>(
    'SELECT approver AS "by", behind AS "of", at FROM approvals WHERE approver = ? AND at >= ? ORDER BY at DESC LIMIT ?',
  );
  return {
    note: ({ by, of, at }) => {
      // One form for one moment, since they are compared as text.
      const moment = new Date(at).toISOString();
      for (const behind of of) upsert.run(by, behind, moment);
    },
    since: (people, since, of) => {
      const from = new Date(since).toISOString();
      return people.flatMap((person) => (of === undefined ? select.all(person, from, mostFacts) : pair.all(person, of, from)));
    },
  };
}
