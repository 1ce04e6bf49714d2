import { canonicalJson } from '../../../domain/canonical.js';
import { digestText, type Digest } from '../../../domain/digest.js';
import { CountersignError } from '../../../domain/errors.js';
import type { Json } from '../../../domain/json.js';
import { approvalsTable, prepareApprovals } from '../approvals-sqlite.js';
import { CommitTogether } from '../commit-together.js';
import { openPrivateDatabase } from '../private-database.js';
import type { RecentHistory } from '../../../policy/plan.js';
import { openHistory } from './history-sqlite.js';
import type { EvidenceEntry, EvidenceLog, RecordedApproval, RecordedEntry } from '../../ports.js';

const maxBodyBytes = 262_144;

type Row = {
  readonly position: number;
  readonly action_id: string;
  readonly key: string;
  readonly kind: EvidenceEntry['kind'];
  readonly at: string;
  readonly body: string;
  readonly digest: Digest;
};

/** An evidence log in one SQLite file, durable before it answers. Triggers refuse every change to what was written. */
export function createSqliteEvidenceLog(file: string): EvidenceLog & RecentHistory {
  const database = openPrivateDatabase(file, { timeoutMs: 5_000 });
  database.exec(`
    CREATE TABLE IF NOT EXISTS evidence (
      position INTEGER PRIMARY KEY AUTOINCREMENT,
      action_id TEXT NOT NULL, key TEXT NOT NULL, kind TEXT NOT NULL, at TEXT NOT NULL, body TEXT NOT NULL, digest TEXT NOT NULL,
      UNIQUE (action_id, key)
    ) STRICT;
    CREATE TRIGGER IF NOT EXISTS evidence_no_update BEFORE UPDATE ON evidence BEGIN SELECT RAISE(ABORT, 'evidence is append-only'); END;
    CREATE TRIGGER IF NOT EXISTS evidence_no_replace BEFORE INSERT ON evidence
      WHEN EXISTS (SELECT 1 FROM evidence WHERE position = NEW.position OR (action_id = NEW.action_id AND key = NEW.key))
      BEGIN SELECT RAISE(IGNORE); END;
    CREATE TRIGGER IF NOT EXISTS evidence_no_delete BEFORE DELETE ON evidence BEGIN SELECT RAISE(ABORT, 'evidence is append-only'); END;
  `);
  const insert = database.prepare<[string, string, string, string, string, string]>(
    'INSERT INTO evidence (action_id, key, kind, at, body, digest) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (action_id, key) DO NOTHING',
  );
  const byKey = database.prepare<[string, string], Row>('SELECT * FROM evidence WHERE action_id = ? AND key = ?');
  const byAction = database.prepare<[string], Row>('SELECT * FROM evidence WHERE action_id = ? ORDER BY position');
  database.exec(approvalsTable);
  const approvals = prepareApprovals(database);
  const history = openHistory(database);
  const together = new CommitTogether(database, ({ entry, body }: { readonly entry: EvidenceEntry; readonly body: string }): Row | undefined => {
    const { actionId, key, kind, at } = entry;
    const { changes } = insert.run(actionId, key, kind, at, body, digestText(canonicalJson([actionId, key, kind, at, body])));
    const approval = changes === 1 ? approvalIn(entry) : undefined;
    if (approval !== undefined) approvals.note(approval);
    if (changes > 0) history.note(entry);
    return byKey.get(actionId, key);
  });

  return {
    append: (entry) =>
      attempt(async () => {
        const body = canonicalJson(entry.body);
        if (Buffer.byteLength(body) > maxBodyBytes)
          throw new CountersignError('evidence-unavailable', `An evidence entry is larger than ${maxBodyBytes} bytes.`);
        const row = await together.run({ entry, body });
        if (row === undefined) throw new CountersignError('evidence-unavailable', 'An evidence entry could not be read back.');
        return toEntry(row);
      }),
    ofAction: (actionId) => attempt(() => byAction.all(actionId).map(toEntry)),
    approvalsBy: (people, since, of) => attempt(() => approvals.since(people, since, of)),
    recent: (requester, span) => attempt(() => history.recent(requester, span)),
    close: () =>
      attempt(() => {
        together.flush();
        database.close();
      }),
  };
}

/** The approval that an entry tells of, also where it supersedes another one. */
function approvalIn({ kind, body }: EvidenceEntry): RecordedApproval | undefined {
  if (kind !== 'decided') return undefined;
  const told = body as { readonly approval?: RecordedApproval; readonly entry?: { readonly approval?: RecordedApproval } };
  return told.approval ?? told.entry?.approval;
}

function toEntry(row: Row): RecordedEntry {
  return { position: row.position, actionId: row.action_id, key: row.key, kind: row.kind, at: row.at, body: JSON.parse(row.body) as Json, digest: row.digest };
}

async function attempt<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof CountersignError) throw error;
    throw new CountersignError('evidence-unavailable', 'The evidence log could not be written or read.', { cause: error });
  }
}
