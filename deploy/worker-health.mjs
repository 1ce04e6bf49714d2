// The health check of worker and executor, which listen on no port: asks Temporal whether this container
// polls the task queue. `node worker-health.mjs TASK_QUEUE`
import os from 'node:os';
import { Client, Connection } from '@temporalio/client';
import { loadConfig } from '../dist/config/load.js';
import { temporalConnection } from '../dist/config/temporal.js';

const [taskQueue] = process.argv.slice(2);
const config = loadConfig();
const connection = await Connection.connect({ ...temporalConnection(config), connectTimeout: '5s' });
try {
  const client = new Client({ connection, namespace: config.temporal.namespace });
  const reply = await connection.withDeadline(Date.now() + 5_000, () =>
    client.workflowService.describeTaskQueue({
      namespace: config.temporal.namespace,
      taskQueue: { name: taskQueue },
      taskQueueType: 2,
    }),
  );
  // Long polls last a minute; one that has not come back for two is not coming.
  const fresh = (poller) => Date.now() / 1000 - Number(poller.lastAccessTime?.seconds ?? 0) < 120;
  const mine = (reply.pollers ?? []).filter((poller) => poller.identity?.endsWith(`@${os.hostname()}`) && fresh(poller));
  if (mine.length === 0) {
    console.error(`no poller of ${os.hostname()} on ${taskQueue}`);
    process.exitCode = 1;
  }
} finally {
  await connection.close();
}
