// The health check of worker and executor, which listen on no port: asks Temporal whether this container polls the
// task queue. `node dist/worker/health.js TASK_QUEUE` ends with 0 if it does.
import os from 'node:os';
import { Client, Connection } from '@temporalio/client';
import { loadConfig } from '../config/load.js';
import { temporalConnection } from '../config/temporal.js';

// Long polls last a minute; one that has not come back for two is not coming.
const staleAfterSeconds = 120;
const activityTasks = 2;

const [taskQueue] = process.argv.slice(2);
if (taskQueue === undefined) throw new Error('usage: node dist/worker/health.js TASK_QUEUE');
const config = loadConfig();
const connection = await Connection.connect({ ...temporalConnection(config), connectTimeout: '5s' });
try {
  const client = new Client({ connection, namespace: config.temporal.namespace });
  const reply = await connection.withDeadline(Date.now() + 5_000, () =>
    client.workflowService.describeTaskQueue({ namespace: config.temporal.namespace, taskQueue: { name: taskQueue }, taskQueueType: activityTasks }),
  );
  const polls = (reply.pollers ?? []).some(
    (poller) => poller.identity?.endsWith(`@${os.hostname()}`) && Date.now() / 1000 - Number(poller.lastAccessTime?.seconds ?? 0) < staleAfterSeconds,
  );
  if (!polls) {
    process.stderr.write(`no poller of ${os.hostname()} on ${taskQueue}\n`);
    process.exitCode = 1;
  }
} finally {
  await connection.close();
}
