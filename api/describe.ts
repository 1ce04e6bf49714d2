import type { Config } from '../config/schema.js';
import { buildApp } from './app.js';

const config: Config = {
  version: 1,
  environment: 'production',
  temporal: { address: 'temporal:7233', namespace: 'default' },
  keys: { directory: 'keys' },
  api: { host: '127.0.0.1', port: 0, publicUrl: 'https://countersign.example', sessionSecretEnv: 'COUNTERSIGN_SESSION_SECRET' },
  identity: { issuers: [], login: { issuer: 'https://login.example', clientId: 'countersign-inbox' }, operators: [] },
  directory: { file: 'directory.yaml' },
  policy: { directory: 'policies', timeZone: 'Etc/UTC' },
  evidence: { file: 'evidence.sqlite' },
  executor: { grants: 'grants.sqlite', exports: 'exports', connectors: [], targets: {} },
};

/** The OpenAPI document of the API as it is, without anything behind it. */
export async function describeApi(): Promise<object> {
  const nobody = async (): Promise<never> => Promise.reject(new TypeError('this app only describes itself'));
  const app = await buildApp({
    config,
    version: '1',
    actions: {
      submit: nobody,
      view: nobody,
      wait: nobody,
      watch: () => ({ [Symbol.asyncIterator]: () => ({ next: nobody }) }),
      decide: nobody,
      cancel: nobody,
      list: nobody,
    },
    directory: {
      personByAccount: nobody,
      personByTeams: nobody,
      person: nobody,
      agentByAccount: nobody,
      agent: nobody,
      agentsOwnedBy: nobody,
      members: nobody,
      hasGroup: nobody,
    },
    connectors: [],
    verifier: nobody,
    publicKeys: () => [],
    readiness: [],
  });
  await app.ready();
  const document = app.swagger();
  await app.close();
  return document;
}
