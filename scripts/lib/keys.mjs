import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { chmod, link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Trouble } from './term.mjs';

/**
 * Makes the key with which a development system signs its own policies, in a folder that no server is given, and returns its
 * file. Elsewhere "countersign policy keygen" makes it, on a machine of the authors.
 */
export async function ensureAuthorsKey(folder) {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const file = path.join(folder, 'authors.private.jwk');
  await createOnce(file, () => JSON.stringify(newKey('authors')), 0o600);
  const text = `${JSON.stringify({ keys: [publicHalf(await readKey(file), 'authors')] }, null, 2)}\n`;
  await writeAtomically(path.join(folder, 'authors.jwks.json'), text, 0o644);
  return file;
}

function newKey(role) {
  const jwk = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  return { kty: 'OKP', crv: 'Ed25519', x: jwk.x, d: jwk.d, kid: `${role}-${thumbprint(jwk).slice(0, 16)}`, alg: 'EdDSA', use: 'sig' };
}

/** RFC 7638: the members in lexical order, without white space. */
function thumbprint(jwk) {
  return createHash('sha256')
    .update(JSON.stringify({ crv: jwk.crv, kty: jwk.kty, x: jwk.x }))
    .digest('base64url');
}

function publicHalf(key, role) {
  return { kty: key.kty, crv: key.crv, x: key.x, kid: key.kid, alg: key.alg, use: key.use, countersign_role: role };
}

async function readKey(file) {
  try {
    const key = JSON.parse(await readFile(file, 'utf8'));
    const derived = createPublicKey(createPrivateKey({ key, format: 'jwk' })).export({ format: 'jwk' });
    if (derived.x !== key.x || typeof key.kid !== 'string') throw new Error('its halves do not belong together');
    return key;
  } catch (error) {
    throw new Trouble(`${file} is not a usable Ed25519 key: ${error.message}. Restore it from a backup; move it away only if nothing it signed is needed.`);
  }
}

/** Writes `file` unless it exists, never half. Returns true when it was written. */
async function createOnce(file, content, mode) {
  const temporary = `${file}.${process.pid}.tmp`;
  await writeFile(temporary, `${content()}\n`, { mode, flag: 'wx' });
  await chmod(temporary, mode);
  try {
    await link(temporary, file);
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    return false;
  } finally {
    await rm(temporary, { force: true });
  }
}

async function writeAtomically(file, text, mode) {
  const temporary = `${file}.${process.pid}.tmp`;
  await writeFile(temporary, text, { mode });
  await rename(temporary, file);
}
