import { randomBytes, randomUUID } from 'node:crypto';
import { link, mkdir, open, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from 'jose';

/** Name of the provider's signing key inside its folder. */
export const signingKeyFile = 'signing.private.jwk';

/** What the development provider keeps between starts. */
export type IdpKeys = { readonly signing: JWK & { readonly kid: string }; readonly cookieKeys: readonly string[] };

/** Reads the development provider's keys, and makes the missing ones. Two processes that start at once end up with the same keys. */
export async function loadIdpKeys(folder: string): Promise<IdpKeys> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const signing = await once(path.join(folder, signingKeyFile), newSigningKey);
  const cookies = await once(path.join(folder, 'cookies.private.json'), () => Promise.resolve({ keys: [randomBytes(32).toString('base64url')] }));
  return { signing, cookieKeys: cookies.keys };
}

async function newSigningKey(): Promise<JWK & { readonly kid: string }> {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  const jwk = await exportJWK(privateKey);
  return { ...jwk, kid: await calculateJwkThumbprint(jwk), alg: 'ES256', use: 'sig' };
}

// A link, unlike a rename, fails when the name is taken: the first writer wins and nobody reads half a file.
async function once<T>(file: string, make: () => Promise<T>): Promise<T> {
  const known = await readIfThere<T>(file);
  if (known !== undefined) return known;
  const draft = `${file}.${randomUUID()}`;
  const handle = await open(draft, 'wx', 0o600);
  try {
    await handle.writeFile(JSON.stringify(await make()));
    await handle.sync();
  } finally {
    await handle.close();
  }
  try {
    await link(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await rm(draft, { force: true });
  }
  return JSON.parse(await readFile(file, 'utf8')) as T;
}

async function readIfThere<T>(file: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as T;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
