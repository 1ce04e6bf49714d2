import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { JWK } from 'jose';
import { CountersignError } from '../domain/errors.js';
import { importSigningKey, importTrustedKeys, type KeyRole, type SigningKey, type TrustedKeys } from '../domain/signing.js';
import type { LoadedConfig } from './load.js';

/** The private key of one role, from `<keys.directory>/<role>.private.jwk`. Throws `config-invalid` without its content. */
export async function loadSigningKey(config: LoadedConfig, role: KeyRole): Promise<SigningKey> {
  const file = path.join(config.resolve(config.keys.directory), `${role}.private.jwk`);
  return load(file, () => importSigningKey(readJson(file) as JWK, role));
}

/** All public keys, from `<keys.directory>/public.jwks.json`. Throws `config-invalid`. */
export async function loadTrustedKeys(config: LoadedConfig): Promise<TrustedKeys> {
  const file = path.join(config.resolve(config.keys.directory), 'public.jwks.json');
  return load(file, () => importTrustedKeys(readJson(file) as { keys: JWK[] }));
}

async function load<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new CountersignError('config-invalid', `${file} is no usable key file; make one with "npm start" or mount the right one.`, { cause: error });
  }
}

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(file, 'utf8'));
}
