import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { DataConverter } from '@temporalio/common';
import { ActivityFailure, ApplicationFailure, Client, Connection, WorkflowFailedError } from '@temporalio/client';
import { bundleWorkflowCode, NativeConnection, Worker, type WorkflowBundle } from '@temporalio/worker';
import { failureConverterPath } from '../../codec/data-converter.js';
import { testConverter } from '../helpers/encryption.js';

let bundled: Promise<WorkflowBundle> | undefined;

/** The workflows of the attacker. */
export function attackerBundle(): Promise<WorkflowBundle> {
  bundled ??= bundleWorkflowCode({
    failureConverterPath,
    workflowsPath: fileURLToPath(new URL('./attacker-workflow.ts', import.meta.url)),
    logger: { log() {}, trace() {}, debug() {}, info() {}, warn() {}, error: console.error },
  });
  return bundled;
}

/**
 * Runs an activity of ours from a workflow of the attacker's own. Needs access to Temporal, and the encryption key: without it
 * nothing is read of what is sent (s12).
 */
export async function attacker<T>(
  address: string,
  call: { readonly taskQueue: string; readonly activity: string; readonly input: unknown },
  dataConverter: DataConverter = testConverter('refuse'),
): Promise<T | { readonly refused: string; readonly message: string }> {
  const connection = await NativeConnection.connect({ address });
  const clientConnection = await Connection.connect({ address });
  try {
    const taskQueue = `attacker-${randomUUID()}`;
    const worker = await Worker.create({ connection, taskQueue, workflowBundle: await attackerBundle(), dataConverter });
    return await worker.runUntil(
      new Client({ connection: clientConnection, dataConverter }).workflow.execute('direct', {
        workflowId: randomUUID(),
        taskQueue,
        args: [call],
      }) as Promise<T>,
    );
  } catch (error) {
    const cause = error instanceof WorkflowFailedError && error.cause instanceof ActivityFailure ? error.cause.cause : undefined;
    if (cause instanceof ApplicationFailure) return { refused: cause.type ?? '', message: cause.message };
    throw error;
  } finally {
    await clientConnection.close();
    await connection.close();
  }
}
