import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from '@temporalio/client';
import { secretFromEnv, type LoadedConfig } from './load.js';

/** How to reach Temporal, in the form that client and worker connections share: plain, TLS, mTLS or API key. */
export function temporalConnection(config: LoadedConfig): Pick<ConnectionOptions, 'address'> & {
  tls?: { serverNameOverride?: string; serverRootCACertificate?: Buffer; clientCertPair?: { crt: Buffer; key: Buffer } };
  apiKey?: string;
} {
  const { address, tls, apiKeyEnv } = config.temporal;
  const file = (name: string) => readFileSync(config.resolve(name));
  const pair = tls?.certFile !== undefined && tls.keyFile !== undefined ? { clientCertPair: { crt: file(tls.certFile), key: file(tls.keyFile) } } : {};
  return {
    address: process.env['TEMPORAL_ADDRESS'] ?? address,
    ...(tls === undefined
      ? {}
      : {
          tls: {
            ...(tls.serverName === undefined ? {} : { serverNameOverride: tls.serverName }),
            ...(tls.caFile === undefined ? {} : { serverRootCACertificate: file(tls.caFile) }),
            ...pair,
          },
        }),
    ...(apiKeyEnv === undefined ? {} : { apiKey: secretFromEnv(apiKeyEnv) }),
  };
}
