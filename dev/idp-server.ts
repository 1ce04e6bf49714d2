import { createServer, type RequestListener, type Server } from 'node:http';
import path from 'node:path';
import type { AddressInfo } from 'node:net';
import { directoryFile } from '../config/directory.js';
import { secretFromEnv, type LoadedConfig } from '../config/load.js';
import { CountersignError } from '../domain/errors.js';
import { loadIdpKeys } from './idp-keys.js';
import { createIdp } from './idp-provider.js';

/** A running development provider. */
export type RunningIdp = { readonly issuer: string; close(): Promise<void> };

/**
 * Starts the development provider on 127.0.0.1.
 * Throws `config-invalid` in production, for another host, or when the configured issuer is not this provider.
 */
export async function startIdp(config: LoadedConfig, options: { readonly host?: string; readonly onError: (error: unknown) => void }): Promise<RunningIdp> {
  if (config.environment !== 'development' || config.dev === undefined)
    throw new CountersignError(
      'config-invalid',
      'The development provider runs only with "environment: development" and a "dev" section. It signs in anybody.',
    );
  if (options.host !== undefined && options.host !== '127.0.0.1')
    throw new CountersignError('config-invalid', 'The development provider listens on 127.0.0.1 only. It signs in anybody.');
  const keys = await loadIdpKeys(path.join(path.dirname(config.file), 'idp'));
  // The issuer holds the port, which with port 0 is known only once the server listens.
  let handle: RequestListener = (_request, response) => response.writeHead(503).end();
  const server = createServer((request, response) => handle(request, response));
  const port = await listen(server, config.dev.idpPort);
  const { issuer, clientId, clientSecretEnv } = config.identity.login;
  const own = `http://127.0.0.1:${port}`;
  // With a sign-in elsewhere, agents may still bring tokens of this provider.
  if (config.dev.idpPort !== 0 && issuer !== own && !config.identity.issuers.some((one) => one.issuer === own)) {
    server.close();
    throw new CountersignError(
      'config-invalid',
      `identity.login.issuer is ${issuer}, but the development provider is ${own}, which no issuer names either; make them equal or do without it.`,
    );
  }
  const audience = config.identity.issuers.find((one) => one.issuer === own)?.audience ?? 'countersign';
  const idp = createIdp({
    issuer: own,
    keys,
    directoryFile: directoryFile(config),
    client: { id: clientId, publicUrl: config.api.publicUrl, ...(clientSecretEnv === undefined ? {} : { secret: secretFromEnv(clientSecretEnv) }) },
    audience,
  });
  handle = (request, response) => {
    idp(request, response).catch((error: unknown) => {
      options.onError(error);
      if (!response.headersSent) response.writeHead(500, { 'content-type': 'text/plain' });
      response.end('Something failed; see the log.\n');
    });
  };
  return { issuer: own, close: () => close(server) };
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
