import { ApplicationFailure } from '@temporalio/common';
import { DefaultLogger, makeTelemetryFilterString, Runtime } from '@temporalio/worker';
import { pino, type Logger } from 'pino';
import { createLoudness } from './loudness.js';

/** One JSON line a record on standard output; Temporal's own records join in. Requires to be called before a worker is made. */
export function createLog(name: string): Logger {
  const log = pino({ name, level: process.env['COUNTERSIGN_LOG_LEVEL'] ?? 'info', base: { name } });
  const loudness = createLoudness(Date.now);
  Runtime.install({
    shutdownSignals: [],
    // Else the core writes coloured lines of its own, task tokens included, straight to the console.
    telemetryOptions: { logging: { forward: {}, filter: makeTelemetryFilterString({ core: 'WARN', other: 'ERROR' }) } },
    logger: new DefaultLogger('WARN', ({ level, message, meta }) => {
      const error: unknown = meta?.['error'];
      const activity = typeof meta?.['activityType'] === 'string' ? { activity: meta['activityType'] } : {};
      // An error may carry payloads in its details; its name, code and message are enough here.
      const cause = error instanceof Error ? error.message.slice(0, 300) : '';
      const code = error instanceof ApplicationFailure && typeof error.type === 'string' ? { code: error.type } : {};
      const failure = error instanceof Error ? { error: { ...code, message: cause } } : {};
      const told = error instanceof Error ? { error: error.name, cause, ...code } : {};
      log[loudness({ level, message, ...activity, ...failure })]({ ...told, workflowId: meta?.['workflowId'], ...activity }, message);
    }),
  });
  return log;
}

/** Runs `main`, and ends the process with one clear line if it fails. */
export async function runProcess(log: Logger, main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    log.fatal(
      { ...(process.env['COUNTERSIGN_LOG_LEVEL'] === 'debug' && error instanceof Error ? { stack: error.stack, cause: String(error.cause) } : {}) },
      text,
    );
    process.exitCode = 1;
  }
}

/** Resolves at the first SIGTERM or SIGINT. */
export function shutdownSignal(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGTERM', () => resolve());
    process.once('SIGINT', () => resolve());
  });
}
