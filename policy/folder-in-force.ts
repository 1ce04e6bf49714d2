import { digestJson, type Digest } from '../domain/digest.js';
import { CountersignError } from '../domain/errors.js';
import { compilePolicies, readPolicyFiles, type PolicyBundle } from './bundle.js';

/** What happened to the folder, for a log. */
export type FolderNews =
  | { readonly kind: 'in-force'; readonly digest: Digest; readonly policies: number; readonly replaces?: Digest }
  | { readonly kind: 'refused'; readonly detail: string; readonly stays: Digest };

/**
 * The policy folder that a worker judges by, unsigned since the worker signs what it makes of it. Its files may be changed while it runs: they count, all at once,
 * when two looks find the same and they compile. Until then, and when they do not, those before stay in force, and `news` is told at every look.
 */
export class PolicyFolder {
  #held: PolicyBundle;
  #content: Digest;
  #found: Digest | undefined;

  private constructor(
    private readonly directory: string,
    private readonly news: (news: FolderNews) => void,
  ) {
    const files = readPolicyFiles(directory);
    this.#held = compilePolicies(files, directory);
    this.#content = digestJson(files);
  }

  /** Throws `config-invalid` on a folder that does not compile. */
  static open(directory: string, news: (news: FolderNews) => void): PolicyFolder {
    const opened = new PolicyFolder(directory, news);
    news({ kind: 'in-force', digest: opened.#held.digest, policies: opened.#held.policies.size });
    return opened;
  }

  bundle(): PolicyBundle {
    return this.#held;
  }

  /** Looks at the files. Never throws. */
  refresh(): void {
    try {
      const files = readPolicyFiles(this.directory);
      const content = digestJson(files);
      // Somebody may be in the midst of writing several files that belong together.
      const settled = content === this.#found;
      this.#found = content;
      if (content === this.#content || !settled) return;
      const bundle = compilePolicies(files, this.directory);
      const replaces = this.#held.digest;
      [this.#held, this.#content] = [bundle, content];
      this.news({ kind: 'in-force', digest: bundle.digest, policies: bundle.policies.size, replaces });
    } catch (error) {
      this.news({ kind: 'refused', detail: error instanceof CountersignError ? error.detail : 'It cannot be read.', stays: this.#held.digest });
    }
  }
}
