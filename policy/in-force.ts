import { readFileSync, statSync } from 'node:fs';
import type { JWK } from 'jose';
import { CountersignError } from '../domain/errors.js';
import { importTrustedKeys, verify, type TrustedKeys } from '../domain/signing.js';
import type { PolicyBundle } from './bundle.js';
import { openSignedPolicies, type SignedPolicies } from './signed-bundle.js';

/** What happened to the bundle, for a log. */
export type BundleNews =
  | { readonly kind: 'in-force'; readonly digest: string; readonly kid: string; readonly issuedAt: string; readonly expiresAt: string }
  | { readonly kind: 'refused'; readonly detail: string; readonly stays: string | undefined };

type Held = SignedPolicies & { readonly jws: string };

const maxFileBytes = 4_194_304;

/**
 * The signed bundle that an executor judges by. The file may be replaced while it runs: a new bundle counts once it is
 * verified and compiled, a bad one is told to `news` and leaves the old one in force. An older one than that in force is a bad
 * one, so that nobody brings back a policy that was replaced. A bundle whose key is trusted no more counts no more.
 */
export class PolicyInForce {
  #held: Held | undefined;
  #authors: TrustedKeys | undefined;
  #newestIssuedAt = 0;
  #seen = '';

  private constructor(
    private readonly files: { readonly bundle: string; readonly authorsKeys: string },
    private readonly now: () => Date,
    private readonly news: (news: BundleNews) => void,
  ) {}

  /** Loads bundle and keys. Throws `config-invalid`, saying how to make what is missing. */
  static async open(files: PolicyInForce['files'], now: () => Date, news: (news: BundleNews) => void): Promise<PolicyInForce> {
    const opened = new PolicyInForce(files, now, news);
    opened.#seen = opened.#look();
    opened.#authors = await readAuthors(files.authorsKeys);
    await opened.#replace(opened.#authors);
    return opened;
  }

  /** The bundle in force. Throws `policy-unavailable` when there is none, or its time is over. */
  bundle(): PolicyBundle {
    const held = this.#held;
    if (held === undefined) throw new CountersignError('policy-unavailable', 'The keys of the authors no longer vouch for the policy of the executor.');
    if (held.expiresAt * 1000 <= this.now().getTime())
      throw new CountersignError('policy-unavailable', 'The signature of the policy of the executor is too old; its authors must sign it again.');
    return held.bundle;
  }

  /** Looks whether the files were replaced, and takes up what is good of them. Never throws. */
  async refresh(): Promise<void> {
    const seen = this.#look();
    if (seen === this.#seen) return;
    this.#seen = seen;
    try {
      await this.#takeKeys();
      if (this.#authors !== undefined) await this.#replace(this.#authors);
    } catch (error) {
      // So that it is looked at, and told, again until somebody mends it.
      this.#seen = '';
      this.news({ kind: 'refused', detail: error instanceof CountersignError ? error.detail : 'It cannot be read.', stays: this.#held?.bundle.digest });
    }
  }

  async #takeKeys(): Promise<void> {
    const authors = await readAuthors(this.files.authorsKeys);
    this.#authors = authors;
    if (this.#held !== undefined && typeof (await verify('policy-bundle', this.#held.jws, authors)) === 'string') this.#held = undefined;
  }

  async #replace(authors: TrustedKeys): Promise<void> {
    const { bundle: file } = this.files;
    const jws = readText(file).trim();
    if (jws === this.#held?.jws) return;
    const opened = await openSignedPolicies(jws, authors, this.now().getTime()).catch((error: unknown) => {
      throw error instanceof CountersignError ? new CountersignError('config-invalid', `${file}: ${error.detail}`) : error;
    });
    if (opened.issuedAt < this.#newestIssuedAt)
      throw new CountersignError('config-invalid', `${file}: It was signed before the one in force; to go back, sign the old files again.`);
    this.#held = { ...opened, jws };
    this.#newestIssuedAt = opened.issuedAt;
    const { bundle, kid, issuedAt, expiresAt } = opened;
    const time = (seconds: number) => new Date(seconds * 1000).toISOString();
    this.news({ kind: 'in-force', digest: bundle.digest, kid, issuedAt: time(issuedAt), expiresAt: time(expiresAt) });
  }

  #look(): string {
    return [this.files.bundle, this.files.authorsKeys].map(stamp).join(' ');
  }
}

function stamp(file: string): string {
  try {
    const { ino, size, mtimeMs, ctimeMs } = statSync(file);
    return `${ino}:${size}:${mtimeMs}:${ctimeMs}`;
  } catch {
    return 'gone';
  }
}

/** The public keys of the authors alone: a key of a server must not stand among them, since it would then sign policy too. */
async function readAuthors(file: string): Promise<TrustedKeys> {
  let keys: Awaited<ReturnType<typeof importTrustedKeys>>;
  try {
    keys = await importTrustedKeys(JSON.parse(readText(file)) as { keys: JWK[] });
  } catch (error) {
    if (error instanceof CountersignError) throw error;
    throw new CountersignError('config-invalid', `${file} is no usable set of public keys; "countersign policy keygen" makes one.`, { cause: error });
  }
  if (keys.size === 0 || [...keys.values()].some(({ role }) => role !== 'authors'))
    throw new CountersignError('config-invalid', `${file} must hold the public keys of the authors of policy, and no others.`);
  return keys;
}

function readText(file: string): string {
  try {
    if (statSync(file).size > maxFileBytes) throw new CountersignError('config-invalid', `${file} is larger than ${maxFileBytes} bytes.`);
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof CountersignError) throw error;
    throw new CountersignError('config-invalid', `${file} cannot be read; the executor needs policy that its authors have signed: countersign policy sign.`);
  }
}
