import path from 'node:path';
import { root } from './paths.mjs';
import { configFile, secretNames } from './sample-config.mjs';
import { isReady, serverArguments } from './temporal.mjs';

// Only what programs need to run at all. Everything else is handed to each process by name.
const common = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'LC_ALL', 'TZ', 'NODE_EXTRA_CA_CERTS', 'NO_COLOR', 'COUNTERSIGN_LOG_LEVEL', 'SYSTEMROOT'];

const said = ({ data }) => data?.ready === true;
const dist = (file) => path.join(root, 'dist', file);

/**
 * The processes of a system on one machine, and which secrets each of them gets: the api its session
 * secret, the executor its targets, all three the key of what goes through Temporal, the others none. `extraEnv` adds variables to a process by its name.
 */
export function systemProcesses({ home, config, secrets, temporal, env = process.env, extraEnv = {} }) {
  const { ports } = config;
  const base = Object.fromEntries(common.filter((name) => env[name] !== undefined).map((name) => [name, env[name]]));
  const own = { ...base, COUNTERSIGN_CONFIG: configFile(home), COUNTERSIGN_HOME: home };
  const encryption = { [secretNames.encryption]: secrets[secretNames.encryption] };
  const withExtra = (name, given) => ({ ...given, ...extraEnv[name] });
  return [
    ...(temporal === undefined
      ? []
      : [
          {
            name: 'temporal',
            program: temporal,
            args: serverArguments({ ports, database: path.join(home, 'temporal.sqlite'), codecEndpoint: `${config.publicUrl}/codec` }),
            env: () => withExtra('temporal', { ...base, TEMPORAL_CONFIG_FILE: path.join(home, 'no-temporal-profile.toml') }),
            probe: () => isReady(temporal, config.address, config.namespace),
            readyTimeoutMs: 60_000,
            // The server warns of every connection that closes; what matters is an error.
            minLevel: 50,
            last: true,
          },
        ]),
    {
      name: 'database',
      module: dist('dev/target-db.js'),
      env: () =>
        withExtra('database', {
          ...own,
          COUNTERSIGN_TARGET_PORT: String(ports.database),
          COUNTERSIGN_TARGET_PASSWORD: secrets.COUNTERSIGN_CRM_PASSWORD,
          ...(env.COUNTERSIGN_TARGET_ENGINE ? { COUNTERSIGN_TARGET_ENGINE: env.COUNTERSIGN_TARGET_ENGINE } : {}),
        }),
      isReady: said,
      readyTimeoutMs: 120_000,
    },
    { name: 'idp', module: dist('dev/idp.js'), env: () => withExtra('idp', own), isReady: said },
    {
      name: 'worker',
      module: dist('worker/main.js'),
      env: () => withExtra('worker', { ...own, ...encryption, [secretNames.teams]: secrets.COUNTERSIGN_TEAMS_PASSWORD }),
      isReady: said,
      readyTimeoutMs: 120_000,
    },
    {
      name: 'executor',
      module: dist('worker/executor.js'),
      env: (ready) =>
        withExtra('executor', {
          ...own,
          ...encryption,
          [secretNames.target]: targetUrl(ready.database, secrets.COUNTERSIGN_CRM_PASSWORD),
          [secretNames.hookSigning]: secrets.COUNTERSIGN_HOOK_SIGNING_SECRET,
        }),
      isReady: said,
      readyTimeoutMs: 120_000,
    },
    {
      name: 'api',
      module: dist('api/server.js'),
      env: () =>
        withExtra('api', {
          ...own,
          ...encryption,
          [secretNames.session]: secrets.COUNTERSIGN_SESSION_SECRET,
          [secretNames.teams]: secrets.COUNTERSIGN_TEAMS_PASSWORD,
        }),
      probe: async () => (await fetch(`${config.publicUrl}/readyz`, { signal: AbortSignal.timeout(2_000) })).ok,
    },
  ];
}

/** The sample database says where it listens; its password is known to it and the executor only. */
function targetUrl(database, password) {
  if (database === undefined) return '';
  return `postgres://${encodeURIComponent(database.user)}:${encodeURIComponent(password)}@127.0.0.1:${database.port}/${encodeURIComponent(database.database)}`;
}
