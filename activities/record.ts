import { CountersignError } from '../domain/errors.js';
import type { EvidenceEntry, EvidenceLog, RecordedEntry } from './ports.js';

const maxVersions = 20;
// More than the workflow of an action takes in, so that only what comes past it meets the bound.
const mostOfKind = { refused: 600, replanned: 100 } as const;

/** Keeps a flood of one action from filling the log. Throws `rate-limited`. */
export async function requireRoom(evidence: EvidenceLog, actionId: string, kind: keyof typeof mostOfKind): Promise<void> {
  const entries = await evidence.ofAction(actionId);
  if (entries.filter((entry) => entry.kind === kind).length >= mostOfKind[kind])
    throw new CountersignError('rate-limited', `The evidence of this action holds no more entries that are ${kind}.`);
}

/**
 * Appends an entry whose key may have been used by an earlier try of the same workflow task that Temporal threw away.
 * If what was recorded then is the same in substance, it stands; if things have come out differently since, a further
 * entry says so and names the one that it supersedes. Nothing that was recorded is ever changed.
 */
export async function record(evidence: EvidenceLog, entry: EvidenceEntry, same: (earlier: RecordedEntry) => boolean): Promise<RecordedEntry> {
  const refused = entry.kind === 'refused';
  if (refused) await requireRoom(evidence, entry.actionId, 'refused');
  // Versions that no refusal can use up are left for what counts.
  const most = refused ? maxVersions : 2 * maxVersions;
  let superseded: RecordedEntry | undefined;
  for (let version = 1; version <= most; version += 1) {
    const key = version === 1 ? entry.key : `${entry.key}#${version}`;
    const body = superseded === undefined ? entry.body : { supersedes: superseded.position, entry: entry.body };
    const recorded = await evidence.append({ ...entry, key, body });
    if (same(unwrap(recorded))) return unwrap(recorded);
    superseded = recorded;
  }
  throw new CountersignError(refused ? 'rate-limited' : 'evidence-unavailable', 'The same step was recorded too often with different results.');
}

/** An entry as it reads without the note that it supersedes another. */
export function unwrap(entry: RecordedEntry): RecordedEntry {
  const body = entry.body as { readonly supersedes?: number; readonly entry?: RecordedEntry['body'] } | null;
  return body !== null && typeof body === 'object' && typeof body.supersedes === 'number' && body.entry !== undefined ? { ...entry, body: body.entry } : entry;
}
