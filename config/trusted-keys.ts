import { readFileSync, statSync } from 'node:fs';
import type { JWK } from 'jose';
import { importTrustedKeys, type TrustedKey, type TrustedKeys } from '../domain/signing.js';
import { compromisedMark, markedCompromised, publicKeysFile } from './key-files.js';

/** Trusted keys as they stand in the folder now. */
export interface LiveTrustedKeys extends TrustedKeys {
  /** The public JWKs, with what is known of their status. */
  jwks(): readonly JWK[];
  /** Reads the folder again. Resolves to the reason why what it holds cannot be used; what was in force stays in force then. */
  refresh(): Promise<string | undefined>;
}

/**
 * Reads `public/public.jwks.json` and the marks beside it, and does so again on `refresh`. A key that was once seen as compromised
 * stays so until the process ends. Throws if the set cannot be used the first time.
 */
export async function openTrustedKeys(directory: string): Promise<LiveTrustedKeys> {
  const keys = new FolderKeys(directory);
  await keys.read();
  return keys;
}

class FolderKeys implements LiveTrustedKeys {
  #text: string | undefined;
  #jwks: readonly JWK[] = [];
  #keys: ReadonlyMap<string, TrustedKey> = new Map();
  /** Since when, in seconds since 1970. */
  readonly #compromised = new Map<string, number>();

  constructor(private readonly directory: string) {}

  get(kid: string): TrustedKey | undefined {
    const key = this.#keys.get(kid);
    const compromisedAt = this.#compromised.get(kid);
    return key === undefined || compromisedAt === undefined ? key : { ...key, status: 'compromised', compromisedAt };
  }

  jwks(): readonly JWK[] {
    return this.#jwks.map((jwk) => {
      const compromisedAt = this.#compromised.get(jwk.kid ?? '');
      return compromisedAt === undefined ? jwk : { ...jwk, countersign_status: 'compromised', countersign_compromised_at: compromisedAt };
    });
  }

  async refresh(): Promise<string | undefined> {
    try {
      await this.read();
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : 'it cannot be read';
    }
  }

  async read(): Promise<void> {
    // First and apart from the list: a list that is broken must not keep a stolen key in force.
    this.#readMarks();
    const text = readFileSync(publicKeysFile(this.directory), 'utf8');
    if (text === this.#text) return;
    const { keys } = JSON.parse(text) as { readonly keys?: unknown };
    if (!Array.isArray(keys)) throw new TypeError('it is no JWK set');
    for (const jwk of keys as readonly unknown[]) this.#readStatus(jwk);
    this.#keys = await importTrustedKeys({ keys: keys as JWK[] });
    this.#jwks = keys as JWK[];
    this.#text = text;
  }

  #readMarks(): void {
    for (const kid of markedCompromised(this.directory)) {
      if (!this.#compromised.has(kid)) this.#compromised.set(kid, Math.floor(statSync(compromisedMark(this.directory, kid)).mtimeMs / 1000));
    }
  }

  /** Heeds a status although another entry of the list may make the whole of it unusable. */
  #readStatus(jwk: unknown): void {
    if (typeof jwk !== 'object' || jwk === null) return;
    const { kid, countersign_status: status, countersign_compromised_at: at } = jwk as Readonly<Record<string, unknown>>;
    if (status !== 'compromised' || typeof kid !== 'string') return;
    // Mark and list are written one after the other and can name different seconds; the earlier counts.
    const known = this.#compromised.get(kid) ?? Math.floor(Date.now() / 1000);
    this.#compromised.set(kid, typeof at === 'number' && Number.isSafeInteger(at) ? Math.min(at, known) : known);
  }
}
