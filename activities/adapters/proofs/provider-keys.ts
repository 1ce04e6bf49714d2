import { readFile } from 'node:fs/promises';
import type { JWK } from 'jose';
import { Sqlite } from '../../../config/sqlite.js';
import { isJsonObject } from '../../../domain/json.js';
import { openPrivateDatabase } from '../private-database.js';

const fetchTimeoutMs = 5_000;
const maxDocumentBytes = 262_144;
const maxKeys = 50;
/** A provider is not asked more often than this, whatever tokens come. */
const cooldownMs = 10_000;
/** How far past the last time a key was seen it still counts as in use: twice the time between two looks. */
const seenForSeconds = 1_200;
const keptForSeconds = 400 * 86_400;

/** Where a provider publishes its keys. */
export type KeySource = { readonly kind: 'file'; readonly file: string } | { readonly kind: 'uri'; readonly uri: string };

/** The keys of identity providers with the times at which they were seen, so that a token of yesterday verifies after a rotation. */
export type ProviderKeys = {
  /** The key of this id, if the provider had it in use at this time (seconds since 1970). */
  keyFor(issuer: string, kid: string, atSeconds: number): Promise<JWK | undefined>;
  /** Looks at every provider once. A provider that does not answer keeps the keys it had. */
  refresh(): Promise<void>;
  close(): void;
};

type Row = { jwk: string; first_seen: number; last_seen: number };

/**
 * Opens the store, in the given file or in memory.
 * @param sources the configured places by issuer
 */
export function openProviderKeys(
  sources: ReadonlyMap<string, KeySource>,
  options: { readonly file?: string; readonly now?: () => Date; readonly onFailure?: (issuer: string, error: unknown) => void } = {},
): ProviderKeys {
  const db = options.file === undefined ? new Sqlite(':memory:') : openPrivateDatabase(options.file, { timeoutMs: 10_000 });
  const nowSeconds = () => Math.floor((options.now?.() ?? new Date()).getTime() / 1000);
  db.exec(`CREATE TABLE IF NOT EXISTS provider_keys (
    issuer TEXT NOT NULL,
    kid TEXT NOT NULL,
    jwk TEXT NOT NULL,
    first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    PRIMARY KEY (issuer, kid)
  ) STRICT, WITHOUT ROWID`);
  // An id that comes with another key means that key from now on; what the earlier one signed no longer verifies.
  const seen = db.prepare(`INSERT INTO provider_keys (issuer, kid, jwk, first_seen, last_seen) VALUES (@issuer, @kid, @jwk, @at, @at)
    ON CONFLICT (issuer, kid) DO UPDATE SET first_seen = iif(jwk = excluded.jwk, first_seen, excluded.first_seen), jwk = excluded.jwk, last_seen = excluded.last_seen`);
  const select = db.prepare<[string, string], Row>('SELECT jwk, first_seen, last_seen FROM provider_keys WHERE issuer = ? AND kid = ?');
  const forget = db.prepare('DELETE FROM provider_keys WHERE last_seen < ?');
  const lastLook = new Map<string, number>();

  async function look(issuer: string, source: KeySource): Promise<void> {
    lastLook.set(issuer, Date.now());
    try {
      const keys = keysOf(source.kind === 'file' ? await readFile(source.file, 'utf8') : await fetchBounded(source.uri));
      const at = nowSeconds();
      db.transaction(() => {
        for (const jwk of keys) seen.run({ issuer, kid: jwk.kid, jwk: JSON.stringify(jwk), at });
        forget.run(at - keptForSeconds);
      })();
    } catch (error) {
      options.onFailure?.(issuer, error);
    }
  }

  return {
    keyFor: async (issuer, kid, atSeconds) => {
      const source = sources.get(issuer);
      if (source === undefined) return undefined;
      let row = select.get(issuer, kid);
      const stale = row === undefined || atSeconds > row.last_seen;
      if (stale && Date.now() - (lastLook.get(issuer) ?? 0) >= (row === undefined ? cooldownMs : cooldownMs * 6)) {
        await look(issuer, source);
        row = select.get(issuer, kid);
      }
      // A key that was taken out of use must not vouch for what is dated later.
      return row === undefined || atSeconds > row.last_seen + seenForSeconds ? undefined : (JSON.parse(row.jwk) as JWK);
    },
    refresh: async () => void (await Promise.all([...sources].map(([issuer, source]) => look(issuer, source)))),
    close: () => void db.close(),
  };
}

function keysOf(text: string): readonly (JWK & { readonly kid: string })[] {
  const document: unknown = JSON.parse(text);
  const keys = isJsonObject(document) ? document['keys'] : undefined;
  if (!Array.isArray(keys)) throw new TypeError('not a JWK set');
  return (keys as readonly JWK[])
    .filter((jwk): jwk is JWK & { readonly kid: string } => typeof jwk.kid === 'string' && jwk.kty !== 'oct' && jwk.d === undefined)
    .slice(0, maxKeys);
}

async function fetchBounded(uri: string): Promise<string> {
  const response = await fetch(uri, { redirect: 'error', signal: AbortSignal.timeout(fetchTimeoutMs), headers: { accept: 'application/json' } });
  if (response.status !== 200 || response.body === null) throw new TypeError(`the provider answered ${response.status}`);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    if (bytes > maxDocumentBytes) throw new TypeError('the provider sent too much');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
