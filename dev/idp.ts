import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { loadConfig } from '../config/load.js';

const log = pino({ name: 'idp' });
// oidc-provider talks through the console; its notices join the log, as one line of JSON each.
console.info = (text: unknown) => log.debug(String(text));
console.warn = (text: unknown) => log.debug(String(text));

try {
  const { values } = parseArgs({ options: { host: { type: 'string' } }, strict: true });
  const { startIdp } = await import('./idp-server.js');
  const idp = await startIdp(loadConfig(), {
    ...(values.host === undefined ? {} : { host: values.host }),
    onError: (error) => log.error(error, 'request failed'),
  });
  log.info({ ready: true, issuer: idp.issuer }, 'The development provider is ready. It signs in anybody; never expose it.');
  const stop = () => void idp.close().then(() => process.exit(0));
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
} catch (error) {
  log.fatal({ err: error }, error instanceof Error ? error.message : 'The development provider could not start.');
  process.exitCode = 1;
}
