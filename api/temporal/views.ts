import { QueryRejectedError, WorkflowNotFoundError } from '@temporalio/client';
import { CountersignError } from '../../domain/errors.js';
import { isActionId } from '../../domain/ids.js';
import { isFinal, type ActionView } from '../../domain/view.js';
import { viewQuery } from '../../workflows/contract.js';
import { callTemporal, deadlinesMs, type TemporalAccess } from './access.js';

/**
 * The action as its workflow tells it, whoever asks: authorisation is the caller's to do.
 * A workflow that was terminated or failed is told as `error`. Throws `not-found` and `temporal-unavailable`.
 */
export async function readView(access: TemporalAccess, id: string): Promise<ActionView> {
  if (!isActionId(id)) throw new CountersignError('not-found');
  try {
    return await callTemporal(access.connection, deadlinesMs.query, () => access.reader.getHandle(id).query(viewQuery));
  } catch (error) {
    if (error instanceof QueryRejectedError)
      return ended(await callTemporal(access.connection, deadlinesMs.query, () => access.client.workflow.getHandle(id).query(viewQuery)));
    if (error instanceof WorkflowNotFoundError) throw new CountersignError('not-found');
    throw error;
  }
}

// Its workflow will never move again, whatever it last said of itself.
function ended(view: ActionView): ActionView {
  if (isFinal(view.status)) return view;
  const { stage: _stage, deadlineAt: _deadlineAt, ...rest } = view;
  const story = [
    ...view.story,
    {
      seq: (view.story.at(-1)?.seq ?? 0) + 1,
      at: new Date().toISOString(),
      kind: 'error' as const,
      text: 'Its workflow was stopped from outside; it will not run.',
    },
  ];
  return { ...rest, status: 'error', story };
}
