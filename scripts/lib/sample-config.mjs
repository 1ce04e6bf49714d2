import { existsSync } from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { root } from './paths.mjs';

/** The configuration file of a data folder. */
export const configFile = (home) => path.join(home, 'countersign.yaml');

/** Environment variables that the sample configuration names. */
export const secretNames = {
  session: 'COUNTERSIGN_SESSION_SECRET',
  encryption: 'COUNTERSIGN_ENCRYPTION_KEY',
  target: 'COUNTERSIGN_CRM_URL',
  hookSigning: 'COUNTERSIGN_HOOK_SIGNING_SECRET',
  teams: 'COUNTERSIGN_TEAMS_PASSWORD',
};

/** Where npm start puts the policies that it signs, and the public half of the key it signs them with. */
const signedPolicy = { bundle: 'policy.bundle.jws', authorsKeys: 'authors/authors.jwks.json' };

/** Where `npm run teams` stands in for Microsoft's cloud. It is not started with the system, so its port is not searched for. */
const relayUrl = (ports) => `http://127.0.0.1:${ports.api + 9}`;

// The same host as the inbox, whose cookie the codec server needs from a page of Temporal UI.
const temporalUiUrl = (ports) => `http://localhost:${ports.temporalUi}`;

// Passkeys need a name. The api listens on 127.0.0.1, which is what the name stands for.
const publicUrl = (ports) => `http://localhost:${ports.api}`;

/** Writes the sample configuration of a data folder unless it has one. Returns true when it was written. */
export async function ensureConfig(home, { ports, address, namespace = 'default', uiUrl }) {
  const file = configFile(home);
  if (existsSync(file)) return false;
  await save(file, sample(home, { ports, address: address ?? `127.0.0.1:${ports.temporal}`, namespace, uiUrl: uiUrl ?? temporalUiUrl(ports) }));
  return true;
}

/** Switches encryption on in a configuration that was written before there was any. Returns true when it did. */
export async function ensureEncryption(home) {
  const { parseDocument } = await import('yaml');
  const document = parseDocument(await readFile(configFile(home), 'utf8'));
  if (document.errors.length > 0 || document.has('encryption') || document.get('environment') !== 'development') return false;
  // What is open was written in clear, and has to be read to its end.
  document.set('encryption', document.createNode({ keys: [{ id: 'dev', env: secretNames.encryption }], writeWith: 'dev', readClear: true }));
  await save(configFile(home), document.toString({ lineWidth: 160 }));
  return true;
}

/** What the scripts need from the configuration, which stays the one place that says it. Needs the dependencies. */
export async function readConfig(home) {
  const { parse } = await import('yaml');
  const config = parse(await readFile(configFile(home), 'utf8'));
  return {
    publicUrl: config.api?.publicUrl,
    namespace: config.temporal?.namespace,
    address: config.temporal?.address,
    uiUrl: config.temporal?.uiUrl,
    exports: path.resolve(home, config.executor?.exports ?? 'exports'),
    ports: {
      api: config.api?.port,
      idp: config.dev?.idpPort,
      database: config.dev?.databasePort,
      temporal: portOf(`tcp://${config.temporal?.address}`),
      temporalUi: portOf(config.temporal?.uiUrl),
    },
  };
}

/** Puts other ports into the configuration and leaves everything else, comments included, as it is. */
export async function movePorts(home, ports, { embedded }) {
  const { parseDocument } = await import('yaml');
  const document = parseDocument(await readFile(configFile(home), 'utf8'));
  const before = document.getIn(['identity', 'login', 'issuer']);
  const idp = `http://127.0.0.1:${ports.idp}`;
  document.setIn(['api', 'port'], ports.api);
  document.setIn(['api', 'publicUrl'], publicUrl(ports));
  if (document.hasIn(['executor', 'passkeys', 'origin'])) document.setIn(['executor', 'passkeys', 'origin'], publicUrl(ports));
  document.setIn(['identity', 'login', 'issuer'], idp);
  const issuers = document.getIn(['identity', 'issuers']);
  for (let index = 0; index < issuers.items.length; index += 1)
    if (document.getIn(['identity', 'issuers', index, 'issuer']) === before) document.setIn(['identity', 'issuers', index, 'issuer'], idp);
  if (document.hasIn(['teams', 'serviceUrl']) && new URL(document.getIn(['teams', 'serviceUrl'])).hostname === '127.0.0.1') {
    document.setIn(['teams', 'serviceUrl'], relayUrl(ports));
    document.setIn(['teams', 'openIdMetadataUrl'], `${relayUrl(ports)}/v1/.well-known/openidconfiguration`);
    document.setIn(['teams', 'loginAuthority'], relayUrl(ports));
  }
  const providers = document.getIn(['executor', 'providers']);
  for (let index = 0; index < (providers?.items.length ?? 0); index += 1)
    if (document.getIn(['executor', 'providers', index, 'issuer']) === before) {
      document.setIn(['executor', 'providers', index, 'issuer'], idp);
      document.setIn(['executor', 'providers', index, 'jwksUri'], `${idp}/jwks`);
    }
  document.setIn(['dev', 'idpPort'], ports.idp);
  document.setIn(['dev', 'databasePort'], ports.database);
  if (embedded) {
    document.setIn(['temporal', 'address'], `127.0.0.1:${ports.temporal}`);
    document.setIn(['temporal', 'uiUrl'], temporalUiUrl(ports));
  }
  await save(configFile(home), document.toString({ lineWidth: 160 }));
}

/** Gives a configuration of an earlier version passkeys, and the address that they need. Returns true when it did. */
export async function ensurePasskeys(home) {
  const { parseDocument } = await import('yaml');
  const document = parseDocument(await readFile(configFile(home), 'utf8'));
  if (document.get('environment') !== 'development' || document.hasIn(['api', 'passkeys']) || document.hasIn(['executor', 'passkeys'])) return false;
  const port = document.getIn(['api', 'port']);
  if (document.getIn(['api', 'publicUrl']) !== `http://127.0.0.1:${port}`) return false;
  const url = publicUrl({ api: port });
  document.setIn(['api', 'publicUrl'], url);
  document.setIn(['api', 'passkeys'], document.createNode({ file: 'passkeys.sqlite' }));
  document.setIn(['executor', 'passkeys'], document.createNode({ origin: url }));
  const ui = String(document.getIn(['temporal', 'uiUrl']) ?? '');
  if (ui.startsWith('http://127.0.0.1:')) document.setIn(['temporal', 'uiUrl'], ui.replace('127.0.0.1', 'localhost'));
  await save(configFile(home), document.toString({ lineWidth: 160 }));
  return true;
}

/** Gives a configuration of an earlier version what names the signed policies. */
export async function ensurePolicyEntry(home) {
  const { parseDocument } = await import('yaml');
  const document = parseDocument(await readFile(configFile(home), 'utf8'));
  if (document.get('environment') !== 'development' || document.hasIn(['executor', 'policy'])) return;
  document.setIn(['executor', 'policy'], document.createNode(signedPolicy));
  await save(configFile(home), document.toString({ lineWidth: 160 }));
}

async function save(file, text) {
  await writeFile(`${file}.tmp`, text, { mode: 0o600 });
  await rename(`${file}.tmp`, file);
}

function portOf(url) {
  try {
    return Number(new URL(url).port) || undefined;
  } catch {
    return undefined;
  }
}

function sample(home, { ports, address, namespace, uiUrl }) {
  const policies = JSON.stringify(path.relative(home, path.join(root, 'policies')) || '.');
  const directory = JSON.stringify(path.relative(home, path.join(root, 'policies/directory.yaml')));
  const idp = `http://127.0.0.1:${ports.idp}`;
  return `# Configuration of one machine for development, written by npm start and yours from now on.
# Paths are relative to this file. Secrets are named by their environment variable and stand in secrets.env.
version: 1
environment: development

temporal:
  address: ${address}
  namespace: ${namespace}
  uiUrl: ${uiUrl}

# Everything that goes through Temporal is encrypted with the key "writeWith"; the others are read with.
encryption:
  keys:
    - id: dev
      env: ${secretNames.encryption}
  writeWith: dev

keys:
  directory: keys

api:
  host: 127.0.0.1
  port: ${ports.api}
  # A name and no number: browsers make passkeys for names only.
  publicUrl: ${publicUrl(ports)}
  sessionSecretEnv: ${secretNames.session}
  passkeys:
    file: passkeys.sqlite

identity:
  issuers:
    - issuer: ${idp}
      audience: countersign
      algorithms: [ES256]
      principal:
        claim: countersign_kind
        agent: [agent]
        person: [person]
      # Which access tokens may decide through the API; "countersign dev token" makes such ones. Others cannot.
      decide:
        claim: client_id
        values: [countersign-cli]
  login:
    issuer: ${idp}
    clientId: countersign-inbox
    scopes: [openid, profile, email]
    # What the provider is asked for when a route wants a sign-in for one decision. executor.providers checks it.
    stepUp: { mfaAcr: [mfa], maxAgeSeconds: 300 }
  operators: [g-operators]

directory:
  file: ${directory}

policy:
  directory: ${policies}
  timeZone: Etc/UTC

evidence:
  file: evidence.sqlite

# A bot that exists on this machine only: npm run teams stands in for Microsoft's cloud. docs/teams.md has a real one.
teams:
  appId: 7d5c8f2e-1111-4222-8333-444455556666
  tenantId: d6d49420-f39b-4df7-a1dc-d59a935871db
  appPasswordEnv: ${secretNames.teams}
  serviceUrl: ${relayUrl(ports)}
  tokenIssuer: https://api.botframework.com
  openIdMetadataUrl: ${relayUrl(ports)}/v1/.well-known/openidconfiguration
  loginAuthority: ${relayUrl(ports)}

executor:
  grants: grants.sqlite
  exports: exports
  connectors: [postgres.export, http.request]
  # The executor judges every plan by these policies itself. npm start signs policy.directory anew each time.
  policy:
    bundle: ${signedPolicy.bundle}
    authorsKeys: ${signedPolicy.authorsKeys}
  # What must have approved at least, whatever policy says.
  # floor:
  #   - { action: 'postgres.*', resource: 'crm/*', quorum: 2, assurance: login }
  # Whose ID tokens prove decisions of assurance login and mfa. The executor asks nobody else about them.
  providers:
    - issuer: ${idp}
      audience: countersign-inbox
      algorithms: [ES256]
      jwksUri: ${idp}/jwks
      mfaAcr: [mfa]
      maxAgeSeconds: 300
  # Passkeys count for the inbox at this address, if the provider above vouched for them when they were registered.
  passkeys:
    origin: ${publicUrl(ports)}
  targets:
    crm:
      kind: postgres
      urlEnv: ${secretNames.target}
      statementTimeoutSeconds: 60
      maxRows: 100000
    # A target for http.request; this secret signs the body.
    # hooks:
    #   kind: http
    #   baseUrl: http://127.0.0.1:9000
    #   methods: [POST]
    #   signingSecretEnv: ${secretNames.hookSigning}

dev:
  idpPort: ${ports.idp}
  databasePort: ${ports.database}
`;
}
