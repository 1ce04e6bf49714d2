import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { activityInfo } from '@temporalio/activity';
import { Client } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker, type WorkerOptions } from '@temporalio/worker';
import { converterOf } from './encryption.js';
import { createSqliteEvidenceLog } from '../activities/adapters/evidence/sqlite.js';
import { openGrantStore } from '../activities/adapters/grant-store-sqlite.js';
import { createExecutorActivities } from '../activities/executor/index.js';
import { createActivities } from '../activities/index.js';
import { readSigningKey } from '../config/keys.js';
import { openTrustedKeys } from '../config/trusted-keys.js';
import { createFileDirectory } from '../directory/file.js';
import { loadPolicies } from '../policy/bundle.js';
import { executorTaskQueue } from '../workflows/contract.js';
import type { BareActivities } from './bare-types.js';
import { clockMs } from './clock.js';
import { definitions, instantChannel, instantConnector, issuer, policyFolder } from './samples.js';

/** The worker processes of one engine. */
export type ChildRole = 'action-worker' | 'action-executor' | 'bare-worker' | 'bare-executor';

export type ChildConfig = {
  readonly role: ChildRole;
  readonly address: string;
  readonly taskQueue: string;
  readonly folder: string;
  readonly keys: string;
  readonly bundle: string;
  /** Whether what goes through Temporal is encrypted. */
  readonly encrypted: boolean;
};

/** What a child tells: that it polls, or that a step of a workflow began, by the monotonic clock of the machine. */
export type ChildMessage = { readonly kind: 'ready' } | { readonly kind: 'notified' | 'started'; readonly id: string; readonly atMs: number };

const config = JSON.parse(process.argv[2] ?? '') as ChildConfig;
const deploymentName = 'countersign-bench';
const tell = (message: ChildMessage): void => void process.send?.(message);
const began = (kind: 'notified' | 'started') => (id: string) => tell({ kind, id, atMs: clockMs() });

Runtime.install({ shutdownSignals: [], logger: new DefaultLogger('ERROR') });
// The parent is the only user of this process.
process.on('SIGINT', () => undefined);

const connection = await NativeConnection.connect({ address: config.address });
const worker = await Worker.create({
  connection,
  namespace: 'default',
  shutdownGraceTime: '1 second',
  ...converterOf(config.encrypted, 'mark'),
  ...(await options()),
});
process.once('disconnect', () => worker.shutdown());
const running = worker.run();
if (config.role === 'action-worker') await promote();
tell({ kind: 'ready' });
await running;
await connection.close();

/** Each worker with the stores, limits and options that its production process gives it. */
async function options(): Promise<Omit<WorkerOptions, 'connection' | 'namespace' | 'shutdownGraceTime'>> {
  const { taskQueue, bundle, folder } = config;
  switch (config.role) {
    case 'action-worker': {
      const policies = loadPolicies(policyFolder);
      const evidence = createSqliteEvidenceLog(path.join(folder, 'evidence.sqlite'));
      const activities = createActivities({
        bundle: () => policies,
        directory: createFileDirectory(path.join(policyFolder, 'directory.yaml'), issuer),
        connectors: new Map(definitions.map((definition) => [definition.name, definition])),
        channels: new Map([['teams', instantChannel(began('notified'))]]),
        evidence,
        history: evidence,
        policyKey: await readSigningKey(config.keys, 'policy'),
        trusted: await openTrustedKeys(config.keys),
        timeZone: 'Etc/UTC',
        environment: 'development',
        newId: randomUUID,
      });
      return {
        taskQueue,
        workflowBundle: { codePath: bundle },
        activities,
        maxCachedWorkflows: 600,
        workerDeploymentOptions: { useWorkerVersioning: true, version: { deploymentName, buildId: 'bench' }, defaultVersioningBehavior: 'AUTO_UPGRADE' },
      };
    }
    case 'action-executor': {
      const policies = loadPolicies(policyFolder);
      const activities = createExecutorActivities({
        connectors: new Map(definitions.map((definition) => [definition.name, instantConnector(definition, began('started'))])),
        external: new Map(),
        grants: openGrantStore(path.join(folder, 'grants.sqlite')),
        policy: {
          bundle: () => policies,
          directory: createFileDirectory(path.join(policyFolder, 'directory.yaml'), issuer),
          timeZone: 'Etc/UTC',
          environment: 'development',
          floor: [],
        },
        executorKey: await readSigningKey(config.keys, 'executor'),
        trusted: await openTrustedKeys(config.keys),
        now: () => new Date(),
        newId: randomUUID,
      });
      return { taskQueue: executorTaskQueue(taskQueue), activities };
    }
    case 'bare-worker': {
      const activities: Pick<BareActivities, 'evaluate' | 'notify'> = {
        evaluate: async () => 'review',
        notify: async () => began('notified')(activityInfo().workflowExecution?.workflowId ?? ''),
      };
      return { taskQueue, workflowBundle: { codePath: bundle }, activities, maxCachedWorkflows: 600 };
    }
    case 'bare-executor': {
      const activities: Pick<BareActivities, 'execute'> = {
        execute: async () => {
          began('started')(activityInfo().workflowExecution?.workflowId ?? '');
          return 'done';
        },
      };
      return { taskQueue: executorTaskQueue(taskQueue), activities };
    }
  }
}

async function promote(): Promise<void> {
  const client = new Client({ connection });
  for (let tries = 0; ; tries += 1) {
    try {
      await client.workflowService.setWorkerDeploymentCurrentVersion({
        namespace: 'default',
        deploymentName,
        buildId: 'bench',
        identity: 'bench',
        ignoreMissingTaskQueues: true,
      });
      return;
    } catch (error) {
      // The server learns of a version only once its first poll has arrived.
      if (tries >= 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
