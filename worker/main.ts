import { randomUUID } from 'node:crypto';
import { Client } from '@temporalio/client';
import { Worker } from '@temporalio/worker';
import { createActivities } from '../activities/index.js';
import { createChannels } from '../activities/adapters/channels/index.js';
import { createSqliteEvidenceLog } from '../activities/adapters/evidence/sqlite.js';
import { openProofs } from '../activities/adapters/proofs/index.js';
import { loadDataConverter } from '../codec/data-converter.js';
import { loadConnectors } from '../config/connectors.js';
import { openKeys } from '../config/keys.js';
import { loadConfig } from '../config/load.js';
import { openDirectory } from '../directory/open.js';
import { taskQueues } from '../workflows/contract.js';
import { deploymentOptions, promote, replayOpenActions, workflowBundle } from './deployment.js';
import { connectTemporal } from './connect.js';
import { openPolicyFolder } from './policy.js';
import { createLog, runProcess, shutdownSignal } from './log.js';

const log = createLog('worker');

// What this process writes is for its own account alone.
process.umask(0o077);
await runProcess(log, async () => {
  const config = loadConfig();
  const keys = await openKeys(config, 'policy', (trouble) => log.error(trouble, 'a key file cannot be used; what was in force stays in force'));
  const policy = openPolicyFolder(config, log);
  const evidence = createSqliteEvidenceLog(config.resolve(config.evidence.file));
  const directory = openDirectory(config, log);
  // What it finds is an early answer for the person; the executor looks for itself.
  const proofs = openProofs(config, directory, { onFailure: (issuer, error) => log.warn({ issuer, err: error }, "the provider's keys cannot be read now") });
  const activities = createActivities({
    bundle: policy.bundle,
    directory,
    connectors: new Map(loadConnectors(config).map((definition) => [definition.name, definition])),
    channels: createChannels(config, (skipped) => log.warn({ ...skipped, channel: 'teams' }, 'a card could not be sent to this person')),
    evidence,
    history: evidence,
    policyKey: keys.signing,
    trusted: keys.trusted,
    proofs: proofs.verify,
    timeZone: config.policy.timeZone,
    environment: config.environment,
    newId: randomUUID,
  });
  const dataConverter = loadDataConverter(config, 'mark');
  const connection = await connectTemporal(config);
  const client = new Client({ connection, namespace: config.temporal.namespace, dataConverter });
  const workflows = workflowBundle();
  await replayOpenActions(client, config.temporal.namespace, workflows, dataConverter, log);
  const worker = await Worker.create({
    connection,
    namespace: config.temporal.namespace,
    taskQueue: taskQueues.worker,
    workflowBundle: { codePath: workflows.codePath },
    activities,
    dataConverter,
    workerDeploymentOptions: deploymentOptions(workflows.buildId),
    shutdownGraceTime: '5 seconds',
    maxCachedWorkflows: 600,
  });
  const stop = shutdownSignal();
  const running = worker.run();
  await promote(client, config.temporal.namespace, workflows.buildId, log);
  log.info({ ready: true, policyDigest: policy.bundle().digest }, 'worker is ready');
  await Promise.race([stop, running]);
  if (worker.getState() === 'RUNNING') worker.shutdown();
  await running;
  policy.close();
  proofs.close();
  keys.close();
  await evidence.close();
  await connection.close();
});
