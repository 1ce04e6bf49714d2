import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { readdir, rm, stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { CountersignError } from '../../../domain/errors.js';

/** The drafts that attempts in this process are writing, by name. */
export const liveDrafts = new Set<string>();

const host = createHash('sha256').update(os.hostname()).digest('hex').slice(0, 8);
// Tells this process from an earlier one with the same number, as in a container that was started again.
const run = randomBytes(4).toString('hex');
// Far longer than an execution may take: a draft nobody has written to for so long has no writer, wherever that was.
const abandonedMs = 3_600_000;

/** A name for the draft of one attempt, which says whose it is. */
export function draftName(actionId: string): string {
  return `.${actionId}.${host}-${process.pid}-${run}.${randomUUID()}.partial`;
}

/**
 * Removes the drafts of an action that no live attempt writes, in this process or another. What cannot be removed stays; it
 * is in nobody's way. Throws `internal-error` if the folder cannot be read.
 */
export async function removeDeadDrafts(folder: string, actionId: string): Promise<void> {
  const prefix = `.${actionId}.`;
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    throw new CountersignError('internal-error', `The exports folder cannot be read (${error.code ?? 'unknown'}).`);
  });
  for (const name of names) {
    if (!name.startsWith(prefix) || !name.endsWith('.partial')) continue;
    const draft = path.join(folder, name);
    if (await isDead(draft, name.slice(prefix.length))) await rm(draft, { force: true }).catch(() => undefined);
  }
}

async function isDead(draft: string, owner: string): Promise<boolean> {
  const [, ownerHost, pid, ownerRun] = /^([0-9a-f]{8})-(\d{1,10})-([0-9a-f]{8})\./.exec(owner) ?? [];
  if (ownerHost === host && ownerRun === run) return !liveDrafts.has(path.basename(draft));
  if (ownerHost === host && (Number(pid) === process.pid || !isAlive(Number(pid)))) return true;
  const found = await stat(draft).catch(() => undefined);
  return found !== undefined && Date.now() - found.mtimeMs > abandonedMs;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
