import { accessSync, constants, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { JWK } from 'jose';
import { CountersignError } from '../domain/errors.js';
import { importSigningKey, type SigningKey } from '../domain/signing.js';
import { privateKeyFile, processRoles, publicKeysFile, roleOfFile, type ProcessRole } from './key-files.js';
import { createKmsSigningKey } from './kms-key.js';
import { secretFromEnv, type LoadedConfig } from './load.js';
import { openTrustedKeys, type LiveTrustedKeys } from './trusted-keys.js';

// How soon a changed key file is noticed.
const rereadMs = 1_000;
// A file that stays broken is told of again and again, but not each second.
const repeatMs = 30_000;

/** What a process needs to sign and to verify, kept up to date with the key files. */
export type ProcessKeys = { readonly signing: SigningKey; readonly trusted: LiveTrustedKeys; close(): void };

/** Told when key files are unusable, with what stays in force. */
export type KeyTrouble = (trouble: { readonly code: 'config-invalid'; readonly file: string; readonly reason: string }) => void;

/**
 * Opens the private key of one role and the public keys of all. Both are read again each second, so that a rotated key and a compromised one are
 * noticed without a restart. Throws `config-invalid`, naming the file and never its content, for a key that is missing, unusable, not published
 * or not active, and if the private key of another role is within reach of this process.
 */
export async function openKeys(config: LoadedConfig, role: ProcessRole, onTrouble: KeyTrouble): Promise<ProcessKeys> {
  const directory = config.resolve(config.keys.directory);
  refuseForeignKeys(config, directory, role);
  const trusted = await usable(publicKeysFile(directory), () => openTrustedKeys(directory));
  const source = config.keys[role];
  const file = source === undefined ? privateKeyFile(directory, role) : undefined;
  const from = file ?? `keys.${role}`;
  let text = file === undefined ? undefined : await usable(file, async () => readFileSync(file, 'utf8'));
  let current = await usable(from, () => {
    if (text !== undefined) return importSigningKey(JSON.parse(text) as JWK, role);
    if (source !== undefined && 'kms' in source) return createKmsSigningKey(source.kms, role);
    return importSigningKey(JSON.parse(secretFromEnv(source?.env ?? '')) as JWK, role);
  });
  const unfit = refuseSigner(current, trusted);
  if (unfit !== undefined) throw new CountersignError('config-invalid', `${from}: ${unfit}`);

  const tell = repeatedly(onTrouble);
  const takeUp = async (): Promise<void> => {
    const reason = await trusted.refresh();
    tell(publicKeysFile(directory), reason);
    if (file !== undefined) tell(file, await readNext(file).catch(() => 'it is no private Ed25519 JWK with a kid'));
  };
  const readNext = async (name: string): Promise<string | undefined> => {
    const now = readFileSync(name, 'utf8');
    if (now === text) return undefined;
    const next = await importSigningKey(JSON.parse(now) as JWK, role);
    const refused = refuseSigner(next, trusted);
    if (refused === undefined) [current, text] = [next, now];
    return refused;
  };
  let under: Promise<void> | undefined;
  const timer = setInterval(() => void (under ??= takeUp().finally(() => (under = undefined))), rereadMs).unref();
  return { signing: following(role, () => current), trusted, close: () => clearInterval(timer) };
}

/** The private key that lies in the folder of its role, as it is now. Throws if it is not usable. */
export async function readSigningKey(directory: string, role: ProcessRole): Promise<SigningKey> {
  return importSigningKey(JSON.parse(readFileSync(privateKeyFile(directory, role), 'utf8')) as JWK, role);
}

/** A key that is, whenever it is asked to sign, the one in force then. */
function following(role: ProcessRole, current: () => SigningKey): SigningKey {
  return {
    role,
    get kid() {
      return current().kid;
    },
    get alg() {
      return current().alg;
    },
    get sign() {
      return current().sign;
    },
  };
}

function refuseSigner(key: SigningKey, trusted: LiveTrustedKeys): string | undefined {
  const published = trusted.get(key.kid);
  if (published === undefined || published.role !== key.role || published.alg !== key.alg)
    return `the key ${key.kid} is not among the public keys as one of the role ${key.role}, so nobody would believe it.`;
  if (published.status !== 'active') return `the key ${key.kid} is ${published.status}; make its successor with "countersign keys rotate".`;
  return undefined;
}

/** A process that holds the key of another could do that one's work, so it does not start. */
function refuseForeignKeys(config: LoadedConfig, directory: string, role: ProcessRole): void {
  for (const other of processRoles) {
    const source = config.keys[other];
    if (other !== role && source !== undefined && 'env' in source && process.env[source.env] !== undefined)
      throw new CountersignError('config-invalid', `The environment variable ${source.env} holds the ${other} key, which the ${role} process must not have.`);
  }
  // In development all processes run as one user on one machine, who can read every folder.
  const folders = config.environment === 'production' ? ['', ...subfolders(directory)] : ['', 'public', role];
  for (const folder of folders) {
    for (const name of entries(path.join(directory, folder))) {
      const holder = roleOfFile(name);
      const file = path.join(directory, folder, name);
      if (holder !== undefined && holder !== role && isReadable(file))
        throw new CountersignError(
          'config-invalid',
          `${file} is the private key of another role, which the ${role} process must not be able to read; give each process the folder of its own role.`,
        );
    }
  }
}

function subfolders(directory: string): readonly string[] {
  try {
    return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => (entry.isFile() ? [] : [entry.name]));
  } catch {
    return [];
  }
}

function entries(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function isReadable(file: string): boolean {
  try {
    accessSync(file, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

/** Tells of each reason at once, and again while it lasts. */
function repeatedly(onTrouble: KeyTrouble): (file: string, reason: string | undefined) => void {
  const told = new Map<string, { readonly reason: string; readonly at: number }>();
  return (file, reason) => {
    const before = told.get(file);
    if (reason === undefined) return void told.delete(file);
    if (before?.reason === reason && Date.now() - before.at < repeatMs) return;
    told.set(file, { reason, at: Date.now() });
    onTrouble({ code: 'config-invalid', file, reason });
  };
}

async function usable<T>(from: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof CountersignError) throw error;
    throw new CountersignError('config-invalid', `${from} is no usable key; make one with "countersign keys create" or mount the right one.`, { cause: error });
  }
}
