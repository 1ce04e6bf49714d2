import { secretFromEnv, type LoadedConfig } from '../../../config/load.js';
import { httpRequest, postgresExport } from '../../../domain/connectors/index.js';
import type { Connector } from '../../ports.js';
import { createHttpRequest } from './http-request.js';
import { readBaseUrl, type HttpTarget } from './http-request-target.js';
import { createPostgresExport, type PostgresTarget } from './postgres-export.js';

const defaultMaxRows = 1_000_000;
const defaultStatementTimeoutSeconds = 300;
const defaultHttpTimeoutSeconds = 30;

/**
 * The built-in connectors that the configuration names, with the secrets of their targets read from the environment.
 * Names of connectors outside the executor are left to the caller. Throws `config-invalid`.
 */
export function createConnectors(config: LoadedConfig): readonly Connector[] {
  const databases = new Map<string, PostgresTarget>();
  const endpoints = new Map<string, HttpTarget>();
  for (const [name, target] of Object.entries(config.executor.targets)) {
    switch (target.kind) {
      case 'postgres':
        databases.set(name, {
          url: secretFromEnv(target.urlEnv),
          statementTimeoutMs: (target.statementTimeoutSeconds ?? defaultStatementTimeoutSeconds) * 1000,
          maxRows: target.maxRows ?? defaultMaxRows,
        });
        break;
      case 'http':
        endpoints.set(name, {
          name,
          base: readBaseUrl(name, target.baseUrl),
          methods: target.methods,
          idempotent: target.idempotent ?? false,
          timeoutMs: (target.timeoutSeconds ?? defaultHttpTimeoutSeconds) * 1000,
          ...(target.signingSecretEnv === undefined ? {} : { signingSecret: new TextEncoder().encode(secretFromEnv(target.signingSecretEnv)) }),
          ...(target.bearerTokenEnv === undefined ? {} : { bearerToken: secretFromEnv(target.bearerTokenEnv) }),
        });
        break;
    }
  }
  const make = new Map<string, () => Connector>([
    [postgresExport.name, () => createPostgresExport(databases, config.resolve(config.executor.exports))],
    [httpRequest.name, () => createHttpRequest(endpoints)],
  ]);
  return config.executor.connectors.flatMap((name) => make.get(name)?.() ?? []);
}
