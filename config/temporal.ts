import { X509Certificate, createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from '@temporalio/client';
import { CountersignError } from '../domain/errors.js';
import { secretFromEnv, type LoadedConfig } from './load.js';

/** How to reach Temporal, in the form that client and worker connections share. */
export type TemporalConnection = Pick<ConnectionOptions, 'address'> & {
  readonly address: string;
  tls?: { serverNameOverride?: string; serverRootCACertificate?: Buffer; clientCertPair?: { crt: Buffer; key: Buffer } };
  apiKey?: string;
};

/**
 * Plain, TLS, mutual TLS or API key, as `temporal` says. An API key never travels without TLS. Throws `config-invalid` for half a client
 * certificate, and for files that cannot be used.
 */
export function temporalConnection(config: LoadedConfig): TemporalConnection {
  const { address, tls, apiKeyEnv } = config.temporal;
  const encrypted = tls ?? (apiKeyEnv === undefined ? undefined : {});
  return {
    address: process.env['TEMPORAL_ADDRESS'] ?? address,
    ...(encrypted === undefined ? {} : { tls: tlsOf(encrypted, config) }),
    ...(apiKeyEnv === undefined ? {} : { apiKey: secretFromEnv(apiKeyEnv) }),
  };
}

function tlsOf(tls: NonNullable<LoadedConfig['temporal']['tls']>, config: LoadedConfig): NonNullable<TemporalConnection['tls']> {
  const { serverName, caFile, certFile, keyFile } = tls;
  if ((certFile === undefined) !== (keyFile === undefined))
    throw new CountersignError('config-invalid', `${config.file}: temporal.tls.certFile and temporal.tls.keyFile belong together; one of them is missing.`);
  const read = (member: string, name: string, check: (pem: Buffer) => unknown): Buffer => {
    try {
      const pem = readFileSync(config.resolve(name));
      check(pem);
      return pem;
    } catch {
      throw new CountersignError('config-invalid', `${config.file}: temporal.tls.${member} names ${config.resolve(name)}, which cannot be read as PEM.`);
    }
  };
  const certificate = (pem: Buffer) => new X509Certificate(pem);
  return {
    ...(serverName === undefined ? {} : { serverNameOverride: serverName }),
    ...(caFile === undefined ? {} : { serverRootCACertificate: read('caFile', caFile, certificate) }),
    ...(certFile === undefined || keyFile === undefined
      ? {}
      : { clientCertPair: { crt: read('certFile', certFile, certificate), key: read('keyFile', keyFile, (pem) => createPrivateKey(pem)) } }),
  };
}
