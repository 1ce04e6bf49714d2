import { createHash } from 'node:crypto';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import path from 'node:path';

/** How an execution ended, as Countersign reads it. */
export type Outcome =
  | {
      readonly status: 'succeeded';
      readonly facts: readonly { readonly label: string; readonly value: string }[];
      readonly startedAt: string;
      readonly finishedAt: string;
    }
  | { readonly status: 'failed'; readonly code: string; readonly detail: string; readonly finishedAt: string }
  | { readonly status: 'unknown'; readonly detail: string; readonly check: string; readonly finishedAt: string };

type Entry = { readonly actionDigest: string; readonly outcome?: Outcome };

/** Remembers used permits, one small file each. Two workers on one folder cannot both use the same permit. */
export class UsedPermits {
  constructor(private readonly folder: string) {}

  /** Uses the permit up. Returns what is known of it if it was used before. Durable before it returns. */
  async use(jti: string, actionDigest: string): Promise<Entry | undefined> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    try {
      await this.write(this.file(jti), { actionDigest }, 'wx');
      return undefined;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return this.known(jti);
      throw error;
    }
  }

  /** What is known of a permit. An entry that a crash left half written counts as used, with nothing known. */
  async known(jti: string): Promise<Entry | undefined> {
    let text: string;
    try {
      text = await readFile(this.file(jti), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
    try {
      return JSON.parse(text) as Entry;
    } catch {
      return { actionDigest: '' };
    }
  }

  /** Notes how it ended. */
  async finish(jti: string, actionDigest: string, outcome: Outcome): Promise<void> {
    const file = this.file(jti);
    await this.write(`${file}.new`, { actionDigest, outcome }, 'w');
    await rename(`${file}.new`, file);
  }

  // The id comes from outside; its hash is always a harmless name.
  private file(jti: string): string {
    return path.join(this.folder, `${createHash('sha256').update(jti).digest('hex')}.json`);
  }

  private async write(file: string, entry: Entry, flags: 'w' | 'wx'): Promise<void> {
    const handle = await open(file, flags, 0o600);
    try {
      await handle.writeFile(JSON.stringify(entry));
      await handle.sync();
    } finally {
      await handle.close();
    }
  }
}
