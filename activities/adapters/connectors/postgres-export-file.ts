import { createHash } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { stringify } from 'csv-stringify/sync';
import type { Digest } from '../../../domain/digest.js';
import { CountersignError } from '../../../domain/errors.js';
import { draftName, liveDrafts, removeDeadDrafts } from './postgres-export-drafts.js';

/** A file that appears under its name only when it is whole and on the disk. */
export type ExportFile = {
  write(text: string): Promise<void>;
  /** Puts the file in its place and tells its size and digest. */
  commit(): Promise<{ readonly bytes: number; readonly digest: Digest }>;
  /** Removes what was written. Does nothing after `commit`. */
  discard(): Promise<void>;
};

/** Where the file of an action goes, relative to the exports folder. Throws `parameters-invalid` on a name that is a path. */
export function exportPath(actionId: string, destination: string | undefined, format: 'csv' | 'jsonl'): string {
  for (const name of [actionId, destination ?? 'file'])
    if (path.basename(name) !== name || /^\.{0,2}$|[\\\0]/.test(name)) throw new CountersignError('parameters-invalid', 'The destination must be a file name.');
  return destination === undefined ? `${actionId}.${format}` : path.join(actionId, destination);
}

/**
 * Opens the file at `file` as a draft of this attempt alone. Drafts that dead attempts of the action left are removed. Throws
 * `internal-error` if the disk does not play along, and `execution-unclear` if it fails while the file takes its place.
 */
export async function openExportFile(file: string, actionId: string): Promise<ExportFile> {
  const folder = path.dirname(file);
  await disk(mkdir(folder, { recursive: true, mode: 0o700 }));
  await removeDeadDrafts(folder, actionId);
  const name = draftName(actionId);
  const draft = path.join(folder, name);
  liveDrafts.add(name);
  const handle = await disk(open(draft, 'wx', 0o600)).catch((error: unknown) => {
    liveDrafts.delete(name);
    throw error;
  });
  const hash = createHash('sha256');
  let bytes = 0;
  let ended = false;
  return {
    async write(text) {
      const chunk = Buffer.from(text, 'utf8');
      hash.update(chunk);
      bytes += chunk.length;
      await disk(handle.writeFile(chunk));
    },
    async commit() {
      try {
        await handle.sync();
        await handle.close();
        await rename(draft, file);
        ended = true;
        liveDrafts.delete(name);
        await syncFolder(folder);
      } catch (error) {
        // The file may stand under its name now, or after the next start of the machine: that is no clear failure.
        throw new CountersignError('execution-unclear', `The disk failed while the export took its place (${codeOf(error)}).`);
      }
      return { bytes, digest: `sha256:${hash.digest('hex')}` };
    },
    async discard() {
      if (ended) return;
      ended = true;
      await handle.close().catch(() => undefined);
      await rm(draft, { force: true }).catch(() => undefined);
      liveDrafts.delete(name);
    },
  };
}

// A rename is on the disk only when its folder is.
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function disk<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw new CountersignError('internal-error', `The export file could not be written (${codeOf(error)}).`);
  }
}

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? 'unknown';

type Column = { readonly name: string; readonly typeId: number };
type Rows = readonly (readonly (string | null)[])[];

/** Writes rows as text: `header` once, then `rows` for each batch. */
export type RowFormat = { readonly header: string; rows(rows: Rows): string };

/** CSV as RFC 4180 has it. NULL is an empty field, an empty text a quoted one. */
export function csvFormat(columns: readonly Column[]): RowFormat {
  const text = (rows: Rows): string =>
    stringify(rows as (string | null)[][], { record_delimiter: '\r\n', quoted_match: /[\r\n]/, cast: { string: quoteEmpty } });
  return { header: text([columns.map(({ name }) => name)]), rows: text };
}

const quoteEmpty = (value: string): string | { value: string; quoted_empty: true } => (value === '' ? { value, quoted_empty: true } : value);

/** JSON Lines. Small numbers, booleans and JSON are such; exact numbers, times and all else are texts. */
export function jsonlFormat(columns: readonly Column[]): RowFormat {
  const fields = columns.map(({ name, typeId }) => ({ key: `${JSON.stringify(name)}:`, json: jsonOf(typeId) }));
  return {
    header: '',
    rows: (rows) => rows.map((row) => `{${fields.map(({ key, json }, index) => key + valueOf(row[index], json)).join(',')}}\n`).join(''),
  };
}

const valueOf = (value: string | null | undefined, json: (text: string) => string): string => (value === null || value === undefined ? 'null' : json(value));

function jsonOf(typeId: number): (text: string) => string {
  switch (typeId) {
    case 16: // bool
      return (text) => (text === 't' ? 'true' : 'false');
    case 21: // int2
    case 23: // int4
      return (text) => text;
    case 114: // json; a line break can only stand between its tokens
    case 3802: // jsonb
      return (text) => text.replaceAll(/[\r\n]+/g, ' ');
    default:
      return JSON.stringify;
  }
}
