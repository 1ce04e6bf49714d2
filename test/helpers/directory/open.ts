import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { stringify } from 'yaml';
import { loadConfig, type LoadedConfig } from '../../../config/load.js';
import { openLiveDirectory } from '../../../directory/open.js';
import type { LiveDirectory } from '../../../directory/live/directory.js';

const sampleIdentity = {
  issuers: [
    { issuer: 'https://idp.example', audience: 'countersign', algorithms: ['RS256'], principal: { claim: 'kind', agent: ['agent'], person: ['person'] } },
  ],
  login: { issuer: 'https://idp.example', clientId: 'inbox' },
  operators: [],
};

/** A whole configuration of a temporary folder with this `directory` section and these agents. */
export function configWith(directory: object, agents: readonly object[] = [], identity: object = sampleIdentity): LoadedConfig & { remove(): void } {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'countersign-directory-'));
  const file = path.join(folder, 'countersign.yaml');
  writeFileSync(path.join(folder, 'agents.yaml'), stringify({ agents }));
  writeFileSync(
    file,
    stringify({
      version: 1,
      environment: 'development',
      temporal: { address: '127.0.0.1:7233', namespace: 'default' },
      keys: { directory: 'keys' },
      api: { host: '127.0.0.1', port: 0, publicUrl: 'http://127.0.0.1:8080', sessionSecretEnv: 'SESSION_SECRET' },
      identity,
      directory: { agents: 'agents.yaml', ...directory },
      policy: { directory: 'policies', timeZone: 'Etc/UTC' },
      evidence: { file: 'evidence.sqlite' },
      executor: { grants: 'grants.sqlite', exports: 'exports', connectors: [], targets: {} },
    }),
  );
  return Object.assign(loadConfig(file), { remove: () => rmSync(folder, { recursive: true, force: true }) });
}

/** A live directory as a process opens it. */
export function openWith(
  kind: string,
  section: object,
  secret: string,
  more: object = {},
  agents: readonly object[] = [],
): LiveDirectory & { readonly told: string[] } {
  process.env['DIRECTORY_SECRET'] = secret;
  const config = configWith({ [kind]: section, ...more }, agents);
  const told: string[] = [];
  const tell = (fields: object) => void told.push(JSON.stringify(fields));
  return Object.assign(openLiveDirectory(config, { error: tell, info: tell }), { told });
}
