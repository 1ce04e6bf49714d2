import { ApplicationFailure, Context } from '@temporalio/activity';
import { NativeConnection, Worker } from '@temporalio/worker';
import { encryptedWith } from './encryption.js';
import { PermitError } from './permit.js';
import { rollOut } from './rollout.js';
import type { Outcome } from './used-permits.js';

const taskQueue = process.env['ACME_TASK_QUEUE'] ?? 'acme-releases';
const jwksFile = required('COUNTERSIGN_JWKS');
const stateFolder = required('ACME_STATE');
const dataConverter = encryptedWith(required('COUNTERSIGN_ENCRYPTION_KEYS'));

/** The activity that connector.json names. Its one argument is a permit; nothing else it is told counts. */
async function rolloutRelease(input: unknown): Promise<Outcome> {
  try {
    return await rollOut(input, { jwksFile, stateFolder, taskQueue, heartbeat: (progress) => Context.current().heartbeat(progress) });
  } catch (error) {
    if (error instanceof PermitError) throw ApplicationFailure.nonRetryable(`The permit is ${error.message}.`, 'grant-invalid');
    throw error;
  }
}

const connection = await NativeConnection.connect({ address: process.env['TEMPORAL_ADDRESS'] ?? '127.0.0.1:7233' });
const worker = await Worker.create({
  connection,
  namespace: process.env['TEMPORAL_NAMESPACE'] ?? 'default',
  taskQueue,
  dataConverter,
  activities: { rolloutRelease },
});
process.stdout.write(`${JSON.stringify({ ready: true, taskQueue })}\n`);
await worker.run();
await connection.close();

function required(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '') {
    process.stderr.write(`${name} is not set\n`);
    process.exit(2);
  }
  return value;
}
