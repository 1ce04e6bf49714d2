import type { Database } from 'better-sqlite3';
import type { PastRequest, RequestTrace } from '../../../domain/risk/history.js';
import type { RecentHistory } from '../../../policy/plan.js';
import type { EvidenceEntry } from '../../ports.js';

type Row = {
  readonly at: string;
  readonly action: string;
  readonly resource_type: string;
  readonly resource_id: string;
  readonly executed: number;
  readonly trace: string | null;
};
type Opened = {
  readonly requester?: { readonly kind?: unknown; readonly id?: unknown };
  readonly action?: unknown;
  readonly resource?: { readonly type?: unknown; readonly id?: unknown };
  readonly trace?: RequestTrace;
};

/**
 * Who asked for what and when, beside the evidence it is derived from: a few columns under an index, so that a look at hundreds of
 * requests takes no longer than one at one entry. It proves nothing; what it says can be derived again from the entries at any time.
 */
export function openHistory(database: Database): RecentHistory & { note(entry: Pick<EvidenceEntry, 'actionId' | 'kind' | 'at' | 'body'>): void } {
  const before = database.prepare("SELECT 1 FROM sqlite_master WHERE name = 'request_history'").get() !== undefined;
  database.exec(`
    CREATE TABLE IF NOT EXISTS request_history (
      action_id TEXT PRIMARY KEY, requester TEXT NOT NULL, at TEXT NOT NULL, action TEXT NOT NULL,
      resource_type TEXT NOT NULL, resource_id TEXT NOT NULL, executed INTEGER NOT NULL DEFAULT 0, trace TEXT
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS request_history_recent ON request_history (requester, at);
  `);
  const insert = database.prepare<[string, string, string, string, string, string, string | null]>(
    'INSERT INTO request_history (action_id, requester, at, action, resource_type, resource_id, trace) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
  );
  const close = database.prepare<[number, string]>('UPDATE request_history SET executed = ? WHERE action_id = ?');
  const select = database.prepare<[string, string, string, number], Row>(
    'SELECT at, action, resource_type, resource_id, executed, trace FROM request_history WHERE requester = ? AND at >= ? AND at < ? ORDER BY at DESC LIMIT ?',
  );

  const note = ({ actionId, kind, at, body }: Pick<EvidenceEntry, 'actionId' | 'kind' | 'at' | 'body'>): void => {
    if (kind === 'opened') {
      const { requester, action, resource, trace } = body as Opened;
      const [type, id] = [resource?.type, resource?.id];
      if (typeof requester?.id !== 'string' || typeof action !== 'string' || typeof type !== 'string' || typeof id !== 'string') return;
      insert.run(actionId, keyOf(requester), at, action, type, id, trace === undefined ? null : JSON.stringify(trace));
    }
    if (kind === 'closed') {
      const { status, entry } = body as { readonly status?: unknown; readonly entry?: { readonly status?: unknown } };
      close.run((status ?? entry?.status) === 'executed' ? 1 : 0, actionId);
    }
  };

  // A log from before this table existed.
  if (!before)
    database.transaction(() => {
      const entries = database.prepare<[], { action_id: string; kind: EvidenceEntry['kind']; at: string; body: string }>(
        "SELECT action_id, kind, at, body FROM evidence WHERE kind IN ('opened', 'closed') ORDER BY position",
      );
      const earlier = [...entries.iterate()];
      for (const { action_id: actionId, kind, at, body } of earlier) note({ actionId, kind, at, body: JSON.parse(body) as EvidenceEntry['body'] });
    })();

  return {
    note,
    recent: async (requester, { from, before, limit }) => Promise.resolve(select.all(keyOf(requester), from, before, limit).map(toPast)),
  };
}

function keyOf({ kind, id }: { readonly kind?: unknown; readonly id?: unknown }): string {
  return `${String(kind)}:${String(id)}`;
}

function toPast(row: Row): PastRequest {
  return {
    at: row.at,
    action: row.action,
    resource: { type: row.resource_type, id: row.resource_id },
    executed: row.executed === 1,
    ...(row.trace === null ? {} : { trace: JSON.parse(row.trace) as RequestTrace }),
  };
}
