import type Database from 'better-sqlite3';
import { Sqlite } from '../../config/sqlite.js';

/** Most writes that share one commit, so that none waits long for the others. */
const maxTogether = 64;

type Waiting<In, Out> = { readonly input: In; readonly resolve: (out: Out) => void; readonly reject: (error: unknown) => void };

/**
 * Writes that come in while the process is busy share one commit, in the order in which they came: what takes long is to wait for the
 * disk. Each is answered once it is on the disk, and one that fails by itself takes no other with it.
 */
export class CommitTogether<In, Out> {
  private waiting: Waiting<In, Out>[] = [];
  private readonly all: Database.Transaction<(batch: readonly Waiting<In, Out>[]) => Out[]>;

  constructor(database: Database.Database, write: (input: In) => Out) {
    this.all = database.transaction((batch: readonly Waiting<In, Out>[]) => batch.map(({ input }) => write(input)));
  }

  run(input: In): Promise<Out> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ input, resolve, reject });
      if (this.waiting.length === 1) setImmediate(() => this.flush());
    });
  }

  /** Commits what waits. */
  flush(): void {
    const { waiting } = this;
    this.waiting = [];
    for (let from = 0; from < waiting.length; from += maxTogether) this.commit(waiting.slice(from, from + maxTogether));
  }

  private commit(batch: readonly Waiting<In, Out>[]): void {
    try {
      // Immediate: what is read cannot change before it is written.
      const results = this.all.immediate(batch);
      batch.forEach(({ resolve }, index) => resolve(results[index] as Out));
    } catch (error) {
      // None of them was written. Where the fault may lie with one, each is tried for itself.
      if (batch.length > 1 && !ofTheDatabase(error)) for (const one of batch) this.commit([one]);
      else for (const { reject } of batch) reject(error);
    }
  }
}

/** True for what would meet every write: locked, full, broken, gone. */
function ofTheDatabase(error: unknown): boolean {
  return error instanceof Sqlite.SqliteError && !error.code.startsWith('SQLITE_CONSTRAINT');
}
