import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import { Worker, type WorkerDeploymentOptions } from '@temporalio/worker';
import type { Logger } from 'pino';
import { actionWorkflowType, taskQueues } from '../workflows/contract.js';

const deploymentName = 'countersign';
const replayLimit = 100;
const notFound = 5;

export type WorkflowBundle = { readonly codePath: string; readonly buildId: string };

/** The workflow code this build brings, made by `npm run build`. */
export function workflowBundle(): WorkflowBundle {
  const read = (name: string) => new URL(`../${name}`, import.meta.url);
  const { buildId } = JSON.parse(readFileSync(read('workflow-bundle.json'), 'utf8')) as { buildId: string };
  return {
    codePath: process.env['COUNTERSIGN_WORKFLOW_BUNDLE'] ?? read('workflow-bundle.js').pathname,
    buildId: process.env['COUNTERSIGN_BUILD_ID'] ?? buildId,
  };
}

/** Workflows move to the newest version by themselves: see docs/decisions/0002-auto-upgrade.md. */
export function deploymentOptions(buildId: string): WorkerDeploymentOptions {
  return { useWorkerVersioning: true, version: { deploymentName, buildId }, defaultVersioningBehavior: 'AUTO_UPGRADE' };
}

/**
 * Replays actions that are open now against this build, unless it is the current one already.
 * Throws when one of them would not go on, before this build gets to see any; `COUNTERSIGN_PROMOTE=force` skips it.
 */
export async function replayOpenActions(client: Client, namespace: string, bundle: WorkflowBundle, dataConverter: DataConverter, log: Logger): Promise<void> {
  // Restarting what runs anyway must never depend on some workflow that an intruder may have made unreadable.
  if (process.env['COUNTERSIGN_PROMOTE'] === 'force' || (await currentBuild(client, namespace)) === bundle.buildId) return;
  let replayed = 0;
  const query = `WorkflowType = '${actionWorkflowType}' AND ExecutionStatus = 'Running'`;
  async function* histories() {
    for await (const execution of client.workflow.list({ query })) {
      if (replayed >= replayLimit) return;
      replayed += 1;
      yield { workflowId: execution.workflowId, history: await client.workflow.getHandle(execution.workflowId, execution.runId).fetchHistory() };
    }
  }
  for await (const result of Worker.runReplayHistories({ workflowBundle: { codePath: bundle.codePath }, dataConverter }, histories())) {
    if (result.error !== undefined)
      throw new Error(`this build cannot go on with the open action ${result.workflowId}; the version before it stays in force: ${result.error.message}`);
  }
  log.info({ replayed }, 'open actions replay with this build');
}

/** The build that new and open actions run on now, if one was ever promoted. */
export async function currentBuild(client: Client, namespace: string): Promise<string | undefined> {
  try {
    const { workerDeploymentInfo } = await client.workflowService.describeWorkerDeployment({ namespace, deploymentName });
    return workerDeploymentInfo?.routingConfig?.currentDeploymentVersion?.buildId ?? undefined;
  } catch (error) {
    if ((error as { code?: number }).code === notFound) return undefined;
    throw error;
  }
}

/** Makes this build the one that new and open actions run on. Requires that its worker polls already. */
export async function promote(client: Client, namespace: string, buildId: string, log: Logger): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    try {
      await client.workflowService.setWorkerDeploymentCurrentVersion({
        namespace,
        deploymentName,
        buildId,
        identity: `countersign-worker@${process.pid}`,
        ignoreMissingTaskQueues: true,
      });
      log.info({ buildId, taskQueue: taskQueues.worker }, 'this build is current');
      return;
    } catch (error) {
      // The server learns of a version only once its first poll has arrived.
      if (tries >= 100) throw error;
      await delay(100);
    }
  }
}
