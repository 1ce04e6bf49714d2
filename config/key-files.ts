import { readdirSync } from 'node:fs';
import path from 'node:path';
import type { KeyRole } from '../domain/signing.js';

/** The roles whose keys processes hold. The authors of policy keep theirs away from every server. */
export const processRoles = ['policy', 'decision', 'executor'] as const satisfies readonly KeyRole[];
export type ProcessRole = (typeof processRoles)[number];

const markSuffix = '.compromised';
const privateSuffix = '.private.jwk';

/** The public halves of all keys, in a folder of their own that every process may read. */
export const publicKeysFile = (directory: string): string => path.join(directory, 'public', 'public.jwks.json');

/** The private key that a role signs with, in a folder that its process alone may read. */
export const privateKeyFile = (directory: string, role: ProcessRole): string => path.join(directory, role, `${role}${privateSuffix}`);

/** The private key that a role will sign with after its rotation. */
export const nextKeyFile = (directory: string, role: ProcessRole): string => path.join(directory, role, `${role}.next${privateSuffix}`);

/** A file whose mere presence says that a key is compromised, whatever state the list of keys is in. */
export const compromisedMark = (directory: string, kid: string): string => path.join(directory, 'public', `${kid}${markSuffix}`);

/** The ids of keys that are marked in the folder. */
export function markedCompromised(directory: string): readonly string[] {
  return readdirSync(path.join(directory, 'public'))
    .filter((name) => name.endsWith(markSuffix))
    .map((name) => name.slice(0, -markSuffix.length));
}

/** The role that a file holds a private key of, by its name. */
export function roleOfFile(name: string): string | undefined {
  return name.endsWith(privateSuffix) ? name.slice(0, -privateSuffix.length).replace(/\.next$/, '') : undefined;
}
