import { generateKeyPairSync } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { JWK } from 'jose';
import { compromisedMark, markedCompromised, nextKeyFile, privateKeyFile, processRoles, publicKeysFile, type ProcessRole } from '../config/key-files.js';
import { kmsPublicJwk, type KmsKey } from '../config/kms-key.js';
import { publicJwk } from '../config/public-jwk.js';
import { CountersignError } from '../domain/errors.js';
import { importTrustedKeys, keyStatuses, type KeyStatus } from '../domain/signing.js';

/** A public key as it stands in the list. */
export type PublishedKey = JWK & {
  readonly kid: string;
  readonly countersign_role: string;
  readonly countersign_status?: KeyStatus;
  readonly countersign_held?: 'kms';
  readonly countersign_successor?: string;
  readonly countersign_not_before?: number;
  readonly countersign_not_after?: number;
  readonly countersign_retired_at?: number;
  readonly countersign_compromised_at?: number;
};

/** A key folder and the time, in seconds since 1970. */
export type KeyFolder = { readonly directory: string; readonly now: number };
/** Where a new key comes from, and how long it is valid; a file and without end when absent. */
export type NewKey = { readonly kms?: KmsKey; readonly validDays?: number };

/** How long after its publication a new key may sign: by then every process has read it. */
export const learnSeconds = 10;

const refuse = (detail: string): never => {
  throw new CountersignError('config-invalid', detail);
};

/** Makes and publishes the keys that are missing. A key that exists is never touched. Returns the ids of those it made. */
export async function createKeys(folder: KeyFolder, roles: readonly ProcessRole[] = processRoles, source: NewKey = {}): Promise<readonly string[]> {
  return changing(folder, async (keys) => {
    const made: string[] = [];
    for (const role of roles) {
      const file = privateKeyFile(folder.directory, role);
      if (source.kms === undefined && isThere(keys, role, file)) continue;
      const key = await newKey(folder, role, file, source);
      if (source.kms !== undefined && keys.some((other) => other.kid === key.kid)) continue;
      keys = [...keys.filter((other) => other.kid !== key.kid), key];
      made.push(key.kid);
      // The list first, so that no process can ever hold a key that nobody knows.
      await publish(folder, keys);
      if (source.kms === undefined) await settle(file);
    }
    return made;
  });
}

/** Makes the successor of the key in force and publishes it. It does not sign yet. Repeating it changes nothing. Returns the id of the successor. */
export async function prepareRotation(folder: KeyFolder, role: ProcessRole, source: NewKey = {}): Promise<string> {
  return changing(folder, async (keys) => {
    const file = nextKeyFile(folder.directory, role);
    const current = inForce(keys, role);
    const prepared = keys.find((key) => key.kid === current.countersign_successor) ?? (await publishedOf(file, keys));
    if (prepared !== undefined && statusOf(prepared) === 'active') return prepared.kid;
    // Compromised before it ever signed.
    if (prepared !== undefined) await rm(file, { force: true });
    const next = await newKey(folder, role, file, source);
    if (keys.some((key) => key.kid === next.kid)) refuse(`The key ${next.kid} is in the list already; a successor has to be another key.`);
    const linked = keys.map((key) => (key.kid === current.kid ? { ...key, countersign_successor: next.kid } : key));
    await publish(folder, [...linked, { ...next, countersign_not_before: folder.now }]);
    if (source.kms === undefined) await settle(file);
    return next.kid;
  });
}

/**
 * Lets the prepared successor sign, and retires the key before it `graceSeconds` from now: until then both count, so that a process
 * may still sign with the old one. Repeating it after a crash ends what was begun. Returns both ids.
 */
export async function activateRotation(
  folder: KeyFolder,
  role: ProcessRole,
  { graceSeconds, atOnce = false }: { readonly graceSeconds: number; readonly atOnce?: boolean },
): Promise<{ readonly from: string; readonly to: string }> {
  return changing(folder, async (keys) => {
    const nextFile = nextKeyFile(folder.directory, role);
    const next = (await publishedOf(nextFile, keys)) ?? keys.find((key) => key.kid === inForce(keys, role).countersign_successor);
    const from = keys.find((key) => key.countersign_successor === next?.kid);
    if (next === undefined || from === undefined || statusOf(next) !== 'active')
      return refuse(`No successor of the ${role} key is prepared; run "countersign keys rotate ${role} --prepare".`);
    const learnt = (next.countersign_not_before ?? 0) + learnSeconds;
    if (!atOnce && folder.now < learnt)
      refuse(`The successor was published a moment ago; processes have to learn it first. Try again in ${learnt - folder.now} seconds.`);
    await publish(
      folder,
      keys.map((key) =>
        key.kid === from.kid && statusOf(key) === 'active' ? { ...key, countersign_status: 'retired', countersign_retired_at: folder.now + graceSeconds } : key,
      ),
    );
    // Replaces the old private key, which nobody needs any more: what it signed is verified with its public half.
    if (next.countersign_held === undefined && existsSync(nextFile)) await rename(nextFile, privateKeyFile(folder.directory, role));
    return { from: from.kid, to: next.kid };
  });
}

/** Marks a key as compromised: from now on it vouches for nothing. There is no way back. */
export async function markCompromised(folder: KeyFolder, kid: string): Promise<PublishedKey> {
  return changing(folder, async (keys) => {
    const key = keys.find((one) => one.kid === kid);
    if (key === undefined) return refuse(`There is no key ${JSON.stringify(kid)}; "countersign keys list" shows them.`);
    // The mark first: it counts even if the list could not be written.
    await writeFile(compromisedMark(folder.directory, kid), `${new Date(folder.now * 1000).toISOString()}\n`, { mode: 0o644 });
    const marked: PublishedKey = { ...key, countersign_status: 'compromised', countersign_compromised_at: key.countersign_compromised_at ?? folder.now };
    await publish(
      folder,
      keys.map((one) => (one.kid === kid ? marked : one)),
    );
    return marked;
  });
}

/** The keys of the folder in the order in which they were made, with marks heeded. Throws `config-invalid`. */
export async function listKeys(directory: string): Promise<readonly PublishedKey[]> {
  const file = publicKeysFile(directory);
  try {
    const { keys } = JSON.parse(await readFile(file, 'utf8')) as { readonly keys: readonly PublishedKey[] };
    await importTrustedKeys({ keys });
    const marked = new Set(markedCompromised(directory));
    return keys.map((key) => (marked.has(key.kid) ? { ...key, countersign_status: 'compromised' as const } : key));
  } catch (error) {
    throw new CountersignError('config-invalid', `${file} cannot be read as a set of public keys. Old evidence needs it; restore it from a backup.`, {
      cause: error,
    });
  }
}

/** Unsaid means active. */
export function statusOf(key: PublishedKey): KeyStatus {
  return keyStatuses.find((status) => status === key.countersign_status) ?? 'active';
}

function inForce(keys: readonly PublishedKey[], role: ProcessRole): PublishedKey {
  const ofRole = keys.filter((key) => key.countersign_role === role);
  // Of a chain, the first that is active; if none is, the last there was.
  const found = ofRole.find(
    (key) => statusOf(key) === 'active' && !ofRole.some((other) => other.countersign_successor === key.kid && statusOf(other) === 'active'),
  );
  return found ?? ofRole.at(-1) ?? refuse(`There is no ${role} key yet; run "countersign keys create".`);
}

function isThere(keys: readonly PublishedKey[], role: ProcessRole, file: string): boolean {
  return keys.some((key) => key.countersign_role === role && statusOf(key) === 'active' && (existsSync(file) || key.countersign_held === 'kms'));
}

/** A new key: in KMS there is one already, elsewhere its private half is written beside `file` until `settle`. */
async function newKey(folder: KeyFolder, role: ProcessRole, file: string, source: NewKey): Promise<PublishedKey> {
  const validity = source.validDays === undefined ? {} : { countersign_not_after: folder.now + source.validDays * 86_400 };
  if (source.kms !== undefined) return { ...((await kmsPublicJwk(source.kms, role)) as PublishedKey), countersign_status: 'active', ...validity };
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  let jwk = await readPrivate(file);
  if (jwk === undefined) {
    jwk = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
    const { kid } = publicJwk(jwk, role, 'EdDSA');
    await writeWhole(`${file}.new`, `${JSON.stringify({ kty: jwk.kty, crv: jwk.crv, x: jwk.x, d: jwk.d, kid, alg: 'EdDSA', use: 'sig' })}\n`, 0o600);
  }
  return { ...(publicJwk(jwk, role, 'EdDSA') as PublishedKey), ...(jwk.kid === undefined ? {} : { kid: jwk.kid }), countersign_status: 'active', ...validity };
}

/** The key of a private file as the list has it. */
async function publishedOf(file: string, keys: readonly PublishedKey[]): Promise<PublishedKey | undefined> {
  const kid = (await readPrivate(file))?.kid;
  return keys.find((key) => key.kid === kid);
}

async function settle(file: string): Promise<void> {
  if (existsSync(`${file}.new`)) await rename(`${file}.new`, file);
}

async function readPrivate(file: string): Promise<JWK | undefined> {
  for (const name of [file, `${file}.new`]) {
    try {
      return JSON.parse(await readFile(name, 'utf8')) as JWK;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        refuse(`${name} is no usable key. Restore it from a backup; move it away only if nothing it signed is needed.`);
    }
  }
  return undefined;
}

async function publish({ directory }: KeyFolder, keys: readonly PublishedKey[]): Promise<void> {
  await importTrustedKeys({ keys });
  await writeWhole(publicKeysFile(directory), `${JSON.stringify({ keys }, null, 2)}\n`, 0o644);
}

/** Never half: a reader sees the file as it was or as it is. */
async function writeWhole(file: string, text: string, mode: number): Promise<void> {
  const temporary = `${file}.${process.pid}.tmp`;
  const handle = await open(temporary, 'w', mode);
  try {
    await handle.chmod(mode);
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, file);
}

/** One change at a time. */
async function changing<T>(folder: KeyFolder, work: (keys: readonly PublishedKey[]) => Promise<T>): Promise<T> {
  const file = publicKeysFile(folder.directory);
  await mkdir(path.dirname(file), { recursive: true, mode: 0o755 });
  const lock = path.join(path.dirname(file), '.lock');
  const handle = await open(lock, 'wx', 0o600).catch(() => refuse(`Another command is changing these keys. If none is, remove ${lock}.`));
  try {
    return await work(existsSync(file) ? await listKeys(folder.directory) : []);
  } finally {
    await handle.close();
    await rm(lock, { force: true });
  }
}
