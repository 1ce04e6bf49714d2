import { randomUUID } from 'node:crypto';
import { Worker } from '@temporalio/worker';
import { createConnectors } from '../activities/adapters/connectors/index.js';
import { openGrants } from '../activities/adapters/grant-store.js';
import { openProofs } from '../activities/adapters/proofs/index.js';
import { createExecutorActivities } from '../activities/executor/index.js';
import { loadDataConverter } from '../codec/data-converter.js';
import { loadConnectors } from '../config/connectors.js';
import { providerKeysFile } from '../config/grants.js';
import { openKeys } from '../config/keys.js';
import { loadConfig } from '../config/load.js';
import { openDirectory } from '../directory/open.js';
import { taskQueues } from '../workflows/contract.js';
import { openPolicy } from './policy.js';
import { connectTemporal } from './connect.js';
import { createLog, runProcess, shutdownSignal } from './log.js';

const log = createLog('executor');

// What this process writes is for its own account alone.
process.umask(0o077);
await runProcess(log, async () => {
  const config = loadConfig();
  const policy = await openPolicy(config, log);
  const keys = await openKeys(config, 'executor', (trouble) => log.error(trouble, 'a key file cannot be used; what was in force stays in force'));
  const connectors = createConnectors(config);
  const grants = await openGrants(config);
  const directory = openDirectory(config, log);
  // What the executor saw of the providers' keys must outlive their rotation.
  const remembered = providerKeysFile(config);
  const proofs = openProofs(config, directory, {
    ...(remembered === undefined ? {} : { file: remembered }),
    onFailure: (issuer, error) => log.warn({ issuer, err: error }, "the provider's keys cannot be read now"),
  });
  const allowed = new Set(config.executor.connectors);
  const activities = createExecutorActivities({
    connectors: new Map(connectors.filter((connector) => allowed.has(connector.definition.name)).map((connector) => [connector.definition.name, connector])),
    external: new Map(
      loadConnectors(config)
        .filter((definition) => definition.external !== undefined && allowed.has(definition.name))
        .map((definition) => [definition.name, definition]),
    ),
    grants,
    policy: {
      bundle: policy.bundle,
      directory,
      timeZone: config.policy.timeZone,
      environment: config.environment,
      floor: config.executor.floor ?? [],
    },
    executorKey: keys.signing,
    trusted: keys.trusted,
    now: () => new Date(),
    proofs: proofs.verify,
    newId: randomUUID,
  });
  const connection = await connectTemporal(config);
  const worker = await Worker.create({
    connection,
    namespace: config.temporal.namespace,
    taskQueue: taskQueues.executor,
    activities,
    dataConverter: loadDataConverter(config, 'refuse'),
    shutdownGraceTime: '10 seconds',
  });
  const stop = shutdownSignal();
  const running = worker.run();
  log.info({ ready: true, connectors: [...allowed], policyDigest: policy.bundle().digest }, 'executor is ready');
  await Promise.race([stop, running]);
  if (worker.getState() === 'RUNNING') worker.shutdown();
  await running;
  policy.close();
  await Promise.all(connectors.map(async (connector) => connector.close?.()));
  proofs.close();
  keys.close();
  await grants.close();
  await connection.close();
});
