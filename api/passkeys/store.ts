import { openPrivateDatabase } from '../../config/private-database.js';

/** A passkey that a person registered, with the provider's word for it. */
export type Passkey = {
  readonly credentialId: string;
  readonly personId: string;
  /** COSE, as base64url. */
  readonly publicKey: string;
  /** Digest of person, credential and key: what the provider signed, and what an executor's own list names. */
  readonly registration: string;
  readonly idToken: string;
  readonly transports: readonly string[];
  /** The person's own words. */
  readonly label: string;
  /** True where the authenticator may copy it to other devices of the person. */
  readonly synced: boolean;
  readonly registeredAt: string;
  readonly lastUsedAt?: string;
  readonly removed?: { readonly at: string; readonly by: string };
};

/** Most passkeys that one person has at a time. */
export const maxPasskeys = 10;

/** The passkeys of approvers. Nothing is ever deleted: what was removed stays on the list. */
export type PasskeyStore = {
  /** Adds one. False where the credential is known already, or the person has as many as may be. */
  add(passkey: Omit<Passkey, 'lastUsedAt' | 'removed'> & { readonly counter: number }): boolean;
  /** Those of one person that count. */
  of(personId: string): readonly Passkey[];
  /** Those of one person that were registered at this time or later, also those removed since, the newest first. */
  registeredSince(personId: string, at: string): readonly Passkey[];
  find(credentialId: string): Passkey | undefined;
  /** All, the newest first. */
  all(limit: number): readonly Passkey[];
  /** True if the authenticator's count goes on from where it was; one that keeps none always says 0. */
  goesOn(credentialId: string, counter: number): boolean;
  used(credentialId: string, counter: number, at: string): void;
  /** False where there was nothing to remove. */
  remove(credentialId: string, by: string, at: string): boolean;
  close(): void;
};

type Row = {
  credential_id: string;
  person_id: string;
  public_key: string;
  registration: string;
  id_token: string;
  transports: string;
  label: string;
  synced: number;
  registered_at: string;
  counter: number;
  last_used_at: string | null;
  removed_at: string | null;
  removed_by: string | null;
};

/** Opens the file, for its owner alone. */
export function openPasskeyStore(file: string): PasskeyStore {
  const db = openPrivateDatabase(file, { timeoutMs: 10_000 });
  db.exec(`CREATE TABLE IF NOT EXISTS passkeys (
    credential_id TEXT NOT NULL PRIMARY KEY,
    person_id TEXT NOT NULL,
    public_key TEXT NOT NULL,
    registration TEXT NOT NULL,
    id_token TEXT NOT NULL,
    transports TEXT NOT NULL,
    label TEXT NOT NULL,
    synced INTEGER NOT NULL,
    registered_at TEXT NOT NULL,
    counter INTEGER NOT NULL,
    last_used_at TEXT,
    removed_at TEXT,
    removed_by TEXT
  ) STRICT`);
  const insert = db.prepare(`INSERT OR IGNORE INTO passkeys
    (credential_id, person_id, public_key, registration, id_token, transports, label, synced, registered_at, counter)
    VALUES (@credentialId, @personId, @publicKey, @registration, @idToken, @transports, @label, @synced, @registeredAt, @counter)`);
  const ofPerson = db.prepare<[string], Row>('SELECT * FROM passkeys WHERE person_id = ? AND removed_at IS NULL ORDER BY registered_at');
  const since = db.prepare<[string, string], Row>('SELECT * FROM passkeys WHERE person_id = ? AND registered_at >= ? ORDER BY registered_at DESC LIMIT 20');
  const one = db.prepare<[string], Row>('SELECT * FROM passkeys WHERE credential_id = ?');
  const newest = db.prepare<[number], Row>('SELECT * FROM passkeys ORDER BY registered_at DESC, credential_id LIMIT ?');
  const used = db.prepare('UPDATE passkeys SET counter = max(counter, @counter), last_used_at = @at WHERE credential_id = @credentialId');
  const remove = db.prepare('UPDATE passkeys SET removed_at = @at, removed_by = @by WHERE credential_id = @credentialId AND removed_at IS NULL');
  const add = db.transaction((passkey: Parameters<PasskeyStore['add']>[0]): boolean => {
    if (ofPerson.all(passkey.personId).length >= maxPasskeys) return false;
    const { transports, synced, ...rest } = passkey;
    return insert.run({ ...rest, transports: JSON.stringify(transports), synced: synced ? 1 : 0 }).changes === 1;
  });
  return {
    add: (passkey) => add.immediate(passkey),
    of: (personId) => ofPerson.all(personId).map(passkeyOf),
    registeredSince: (personId, at) => since.all(personId, at).map(passkeyOf),
    find: (credentialId) => {
      const row = one.get(credentialId);
      return row === undefined ? undefined : passkeyOf(row);
    },
    all: (limit) => newest.all(limit).map(passkeyOf),
    goesOn: (credentialId, counter) => {
      const before = one.get(credentialId)?.counter ?? 0;
      return counter > before || (counter === 0 && before === 0);
    },
    used: (credentialId, counter, at) => void used.run({ credentialId, counter, at }),
    remove: (credentialId, by, at) => remove.run({ credentialId, by, at }).changes === 1,
    close: () => void db.close(),
  };
}

function passkeyOf(row: Row): Passkey {
  return {
    credentialId: row.credential_id,
    personId: row.person_id,
    publicKey: row.public_key,
    registration: row.registration,
    idToken: row.id_token,
    transports: textsOf(row.transports),
    label: row.label,
    synced: row.synced === 1,
    registeredAt: row.registered_at,
    ...(row.last_used_at === null ? {} : { lastUsedAt: row.last_used_at }),
    ...(row.removed_at === null ? {} : { removed: { at: row.removed_at, by: row.removed_by ?? '' } }),
  };
}

function textsOf(json: string): readonly string[] {
  const value: unknown = JSON.parse(json);
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
}
