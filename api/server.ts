import { hkdfSync } from 'node:crypto';
import { pino, type Logger } from 'pino';
import { loadEncryptionKeys } from '../codec/keys.js';
import { createPayloadCodec } from '../codec/payload-codec.js';
import { loadConnectors } from '../config/connectors.js';
import { openKeys } from '../config/keys.js';
import { loadConfig, secretFromEnv, type LoadedConfig } from '../config/load.js';
import { openDirectory } from '../directory/open.js';
import type { Directory } from '../directory/port.js';
import type { ConnectorDefinition } from '../domain/connector.js';
import { CountersignError } from '../domain/errors.js';
import type { Actions } from './actions.js';
import { buildApp, type Extension } from './app.js';
import { codecPlugin } from './codec/plugin.js';
import { createDecisionSigner } from './decision-signer.js';
import { createDpopVerifier } from './identity/dpop.js';
import { createAccessTokenVerifier, type AccessTokenVerifier } from './identity/verify-access-token.js';
import { passkeysOf } from './passkeys/open.js';
import { createSessions, inboxPlugin, type Sessions } from './inbox/plugin.js';
import { limitsOf } from './plugins/limits.js';
import { teamsPlugin } from './teams/plugin.js';
import { explainTemporal } from '../config/temporal-trouble.js';
import { callTemporal, deadlinesMs, openTemporal } from './temporal/access.js';
import { createTemporalActions } from './temporal-actions.js';
import { version } from './version.js';

/** How long requests under way may take after SIGTERM. */
const stopWithinMs = 10_000;

async function main(log: Logger): Promise<void> {
  const config = loadConfig();
  const keys = await openKeys(config, 'decision', (trouble) => log.error(trouble, 'a key file cannot be used; what was in force stays in force'));
  const connectors = loadConnectors(config);
  const development = config.environment === 'development';
  const directory = openDirectory(config, log);
  const access = openTemporal(config);
  // The api starts without Temporal and says so on /readyz; what to change stands in its log once.
  access.connection
    .ensureConnected()
    .catch(async (error: unknown) => log.warn({ code: 'temporal-unavailable' }, (await explainTemporal(config, error)).detail));
  const actions = createTemporalActions({
    access,
    connectors,
    directory,
    signer: createDecisionSigner(keys.signing),
    trusted: keys.trusted,
    onForged: (forged) => log.error({ code: 'view-forged', ...forged }, 'the engine tells what nobody signed'),
    pendingPerSubject: limitsOf(config).pendingPerSubject,
  });
  const verifier = createAccessTokenVerifier(config.identity.issuers, {
    allowLoopbackHttp: development,
    dpop: createDpopVerifier(new Uint8Array(hkdfSync('sha256', secretFromEnv(config.api.sessionSecretEnv), '', 'countersign dpop nonce', 32))),
  });
  const app = await buildApp({
    config,
    version,
    actions,
    directory,
    connectors,
    verifier,
    publicKeys: () => keys.trusted.jwks(),
    readiness: [
      {
        name: 'temporal',
        check: async () => {
          const { namespace } = access;
          await callTemporal(access.connection, deadlinesMs.ping, () => access.connection.workflowService.describeNamespace({ namespace }));
        },
      },
      { name: 'directory', check: async () => directory.check?.() },
    ],
    extensions: extensions(config, { actions, directory, connectors, verifier }, log),
    logger: log,
  });
  const url = await app.listen({ host: config.api.host, port: config.api.port });
  log.info({ ready: true, url, publicUrl: config.api.publicUrl }, 'the api listens');

  let stopping = false;
  const stop = (signal: string): void => {
    if (stopping) return;
    stopping = true;
    log.info({ signal }, 'the api stops');
    setTimeout(() => process.exit(1), stopWithinMs).unref();
    void app
      .close()
      .then(() => access.connection.close())
      .then(
        () => process.exit(0),
        (error: unknown) => {
          log.error({ err: error }, 'the api did not stop cleanly');
          process.exit(1);
        },
      );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

/** The inbox, and the Teams endpoint where Teams is configured. */
function extensions(
  config: LoadedConfig,
  {
    actions,
    directory,
    connectors,
    verifier,
  }: {
    readonly actions: Actions;
    readonly directory: Directory;
    readonly connectors: readonly ConnectorDefinition[];
    readonly verifier: AccessTokenVerifier;
  },
  log: Logger,
): readonly Extension[] {
  const { api, identity, teams, environment } = config;
  const { clientSecretEnv, ...login } = identity.login;
  const inboxOptions = {
    actions,
    directory,
    connectors,
    publicUrl: api.publicUrl,
    sessionSecret: secretFromEnv(api.sessionSecretEnv),
    login: { ...login, ...(clientSecretEnv === undefined ? {} : { clientSecret: secretFromEnv(clientSecretEnv) }) },
    ...passkeysOf(config, log),
    operators: identity.operators,
    requestsPerMinute: limitsOf(config).requestsPerMinute,
    environment,
  };
  const sessions = createSessions(inboxOptions);
  const inbox = inboxPlugin(inboxOptions, sessions);
  const list: Extension[] = [async (scope) => void (await scope.register(inbox)), ...codecServer(config, directory, verifier, sessions)];
  if (teams === undefined) return list;
  const { appPasswordEnv } = teams;
  const credentials = { ...teams, ...(appPasswordEnv === undefined ? {} : { appPassword: secretFromEnv(appPasswordEnv) }) };
  list.push(
    async (scope) =>
      void (await scope.register(teamsPlugin, { config: credentials, actions, directory, publicUrl: api.publicUrl, log: log.child({ part: 'teams' }) })),
  );
  return list;
}

/** What decrypts for operators in Temporal UI, where there are keys and a UI. */
function codecServer(config: LoadedConfig, directory: Directory, verifier: AccessTokenVerifier, { people }: Sessions): readonly Extension[] {
  const keys = loadEncryptionKeys(config);
  const { uiUrl } = config.temporal;
  if (keys === undefined || uiUrl === undefined) return [];
  const codec = createPayloadCodec(keys, { unreadable: 'refuse' });
  const { operators } = config.identity;
  return [
    (scope) =>
      codecPlugin(scope, {
        codec,
        uiUrl,
        publicUrl: config.api.publicUrl,
        people,
        verifier,
        directory,
        operators,
        requestsPerMinute: limitsOf(config).requestsPerMinute,
      }),
  ];
}

// Whatever this process writes is for its own user alone.
process.umask(0o077);

const log = pino({
  name: 'api',
  level: process.env['COUNTERSIGN_LOG_LEVEL'] ?? 'info',
  timestamp: pino.stdTimeFunctions.isoTime,
  // Nothing of ours logs these; a library that one day does must not leak them.
  redact: { paths: ['req.headers', 'headers', 'authorization', '*.authorization', 'token', '*.token', 'password', '*.password'], censor: '[redacted]' },
});
process.on('unhandledRejection', (error) => {
  log.fatal({ err: error }, 'unhandled rejection');
  process.exit(1);
});
main(log).catch((error: unknown) => {
  if (error instanceof CountersignError) log.fatal({ code: error.code }, error.detail);
  else log.fatal({ err: error }, 'the api cannot start');
  process.exitCode = 1;
});
