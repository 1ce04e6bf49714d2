import { DefaultLogger, makeTelemetryFilterString, Runtime } from '@temporalio/worker';

// Each worker tells seven lines of its life, hundreds of times in a run. What matters is at the warning level.
Runtime.install({
  shutdownSignals: [],
  logger: new DefaultLogger('ERROR'),
  telemetryOptions: { logging: { filter: makeTelemetryFilterString({ core: 'ERROR', other: 'ERROR' }), forward: {} } },
});
