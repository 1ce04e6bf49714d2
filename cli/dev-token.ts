import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { importJWK, SignJWT, type JWK } from 'jose';
import { directoryFile } from '../config/directory.js';
import type { LoadedConfig } from '../config/load.js';
import { createFileDirectory } from '../directory/file.js';
import { CountersignError } from '../domain/errors.js';

const lifetimeSeconds = 900;
/** The client that such a token is issued for; the sample configuration lets it decide. */
const clientId = 'countersign-cli';

/**
 * An access token as the embedded development provider would issue it to this subject of the directory, valid for
 * 15 minutes. Throws `config-invalid` outside development, without the provider's key, and for an unknown subject.
 */
export async function devToken(config: LoadedConfig, subject: string, now: Date): Promise<string> {
  if (config.environment !== 'development' || config.dev === undefined)
    throw new CountersignError('config-invalid', 'Development tokens exist only with "environment: development" and a "dev" section.');
  const issuer = `http://127.0.0.1:${config.dev.idpPort}`;
  const accepted = config.identity.issuers.find((entry) => entry.issuer === issuer);
  if (accepted === undefined) throw new CountersignError('config-invalid', `identity.issuers does not name the development provider ${issuer}.`);
  const directory = createFileDirectory(directoryFile(config), issuer);
  const person = await directory.personByAccount(issuer, subject);
  const agent = await directory.agentByAccount(issuer, subject);
  if (person === undefined && agent === undefined)
    throw new CountersignError('config-invalid', `The directory knows no development account "${subject}"; see the accounts in ${directoryFile(config)}.`);
  const kind = accepted.principal[agent === undefined ? 'person' : 'agent'][0];
  if (kind === undefined) throw new CountersignError('config-invalid', 'identity.issuers[].principal names no value for this kind of subject.');

  const jwk = await signingKey(path.join(path.dirname(config.file), 'idp', 'signing.private.jwk'));
  const issuedAt = Math.floor(now.getTime() / 1_000);
  return new SignJWT({ client_id: clientId, [accepted.principal.claim]: kind, ...(person === undefined ? {} : { acr: 'login' }) })
    .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', ...(jwk.kid === undefined ? {} : { kid: jwk.kid }) })
    .setIssuer(issuer)
    .setSubject(subject)
    .setAudience(accepted.audience)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + lifetimeSeconds)
    .setJti(randomUUID())
    .sign(await importJWK(jwk, 'ES256'));
}

async function signingKey(file: string): Promise<JWK> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as JWK;
  } catch {
    throw new CountersignError('config-invalid', `${file} cannot be read; "npm start" makes the development provider's key.`);
  }
}
