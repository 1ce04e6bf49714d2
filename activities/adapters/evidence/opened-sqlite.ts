import { existsSync } from 'node:fs';
import { Sqlite } from '../../../config/sqlite.js';
import { canonicalJson } from '../../../domain/canonical.js';
import { digestText } from '../../../domain/digest.js';
import { CountersignError } from '../../../domain/errors.js';
import type { Json } from '../../../domain/json.js';

/** An opening entry of the evidence log. `holds` is false when its digest is not that of its content. */
export type OpenedEntry = { readonly actionId: string; readonly at: string; readonly body: Json; readonly holds: boolean };

type Row = { readonly action_id: string; readonly key: string; readonly kind: string; readonly at: string; readonly body: string; readonly digest: string };

/** The opening entries since a time, oldest first, at most `limit`. Reads only, beside a worker that writes. Throws `evidence-unavailable`. */
export function readOpened(file: string, since: Date, limit: number): readonly OpenedEntry[] {
  if (!existsSync(file)) throw new CountersignError('evidence-unavailable', `${file} is no evidence log; name one with --evidence or --config.`);
  try {
    const database = new Sqlite(file, { readonly: true, fileMustExist: true, timeout: 5_000 });
    try {
      const rows = database
        .prepare<[string, number], Row>("SELECT * FROM evidence WHERE kind = 'opened' AND at >= ? ORDER BY position LIMIT ?")
        .all(since.toISOString(), limit);
      return rows.map(({ action_id: actionId, key, kind, at, body, digest }) => ({
        actionId,
        at,
        body: JSON.parse(body) as Json,
        holds: digest === digestText(canonicalJson([actionId, key, kind, at, body])),
      }));
    } finally {
      database.close();
    }
  } catch (error) {
    throw new CountersignError('evidence-unavailable', `${file} cannot be read as an evidence log.`, { cause: error });
  }
}
