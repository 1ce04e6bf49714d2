import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { loadConfig, secretFromEnv } from '../config/load.js';
import { CountersignError } from '../domain/errors.js';
import { startTeamsRelay } from './teams-relay.js';

const log = pino({ name: 'teams-relay' });
try {
  const { values } = parseArgs({ options: { connector: { type: 'string' }, person: { type: 'string' } }, strict: true });
  const { teams, environment, api } = loadConfig();
  if (teams?.appPasswordEnv === undefined || teams.serviceUrl === undefined || values.connector === undefined || values.person === undefined) {
    throw new CountersignError('config-invalid', 'The relay needs teams.appPasswordEnv and teams.serviceUrl, --connector and --person.');
  }
  const relay = await startTeamsRelay({
    config: { ...teams, appPassword: secretFromEnv(teams.appPasswordEnv) },
    environment,
    botUrl: `http://127.0.0.1:${api.port}/v1/teams/messages`,
    connectorUrl: values.connector,
    port: Number(new URL(teams.serviceUrl).port),
    aadObjectId: values.person,
    onCall: (line) => log.info(line),
  });
  log.info({ ready: true, url: relay.url }, 'The Teams relay is ready. It signs for anybody on this machine; never expose it.');
  const stop = () => void relay.close().then(() => process.exit(0));
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  process.once('disconnect', stop);
} catch (error) {
  log.fatal({ err: error }, error instanceof Error ? error.message : 'The Teams relay could not start.');
  process.exitCode = 1;
}
