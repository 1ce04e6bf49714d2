import { WithStartWorkflowOperation, WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from '@temporalio/client';
import { TypedSearchAttributes } from '@temporalio/common';
import type { ActionRequest } from '../../domain/request.js';
import type { ActionView } from '../../domain/view.js';
import { actionWorkflowType, searchAttributes, taskQueues, verdictUpdate, type ActionInput } from '../../workflows/contract.js';
import { callTemporal, deadlinesMs, type TemporalAccess } from './access.js';
import type { ViewReader } from './views.js';

/** Starts the action's workflow, or finds it, and returns what policy says; one round trip for a new one. */
export async function startAction(
  access: TemporalAccess,
  views: ViewReader,
  request: ActionRequest,
  signedRequest: string,
  taskQueue: string = taskQueues.worker,
): Promise<ActionView> {
  const input: ActionInput = { request, signedRequest };
  const startWorkflowOperation = new WithStartWorkflowOperation(actionWorkflowType, {
    workflowId: request.id,
    // A running action is joined; a finished one is never started again.
    workflowIdConflictPolicy: 'USE_EXISTING',
    workflowIdReusePolicy: 'REJECT_DUPLICATE',
    taskQueue,
    args: [input],
    ...describeRequest(request),
    typedSearchAttributes: new TypedSearchAttributes([
      { key: searchAttributes.status, value: 'evaluating' },
      { key: searchAttributes.action, value: request.action },
      { key: searchAttributes.resource, value: `${request.resource.type}:${request.resource.id}` },
      { key: searchAttributes.requester, value: request.requester.id },
      { key: searchAttributes.risk, value: 0 },
    ]),
  });
  // Nobody awaits the handle when the call fails; without this its rejection would end the process.
  startWorkflowOperation.workflowHandle().catch(() => undefined);
  try {
    // Always the same id: a client that repeats its request must not fill the history, which holds 2,000 updates.
    const verdict = await callTemporal(access.connection, deadlinesMs.submit, () =>
      access.client.workflow.executeUpdateWithStart(verdictUpdate, { updateId: 'verdict', startWorkflowOperation }),
    );
    // To a repeated request the engine answers what it answered then; the caller wants to know how things are now.
    return verdict.requestedAt === request.requestedAt ? await views.verdict(request, signedRequest, verdict) : (await views.read(request.id)).view;
  } catch (error) {
    if (!isFinished(error)) throw error;
    return (await views.read(request.id)).view;
  }
}

/** True when the workflow had ended before, or ended while it was asked. */
export function isFinished(error: unknown): boolean {
  if (error instanceof WorkflowExecutionAlreadyStartedError || error instanceof WorkflowNotFoundError) return true;
  const cause = error instanceof Error ? (error.cause as { type?: unknown } | undefined) : undefined;
  return cause?.type === 'AcceptedUpdateCompletedWorkflow';
}

/** What Temporal UI shows from the first moment. No parameter and none of the requester's own words. */
export function describeRequest({ action, resource, requester }: ActionRequest): { readonly staticSummary: string; readonly staticDetails: string } {
  return {
    staticSummary: plain(`${action} on ${resource.id} for ${requester.name}`, 200),
    staticDetails: plain(
      `${requester.kind === 'agent' ? 'The agent' : 'The person'} ${requester.name} (${requester.id}) asked for ${action} on the ${resource.type} ${resource.id}.`,
      500,
    ),
  };
}

// The UI reads both as Markdown: what could become a link, markup or a second line is shown as a dot.
function plain(text: string, longest: number): string {
  const points = [...text.replace(/[\p{C}\p{Zl}\p{Zp}<>[\]`*!|\\#~]/gu, '·')];
  return points.length <= longest ? points.join('') : `${points.slice(0, longest - 1).join('')}…`;
}
