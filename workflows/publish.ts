import { setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';
import { searchAttributes } from './contract.js';
import type { ActionState } from './action-state.js';
import { details } from './details.js';

/** Shows the present state to operators: search attributes for lists, details as a short story. */
export function publish(state: ActionState): void {
  upsertSearchAttributes([
    { key: searchAttributes.status, value: state.status },
    { key: searchAttributes.approver, value: state.status === 'pending' ? state.undecided.map((person) => person.id) : state.asked },
    { key: searchAttributes.risk, value: state.opened?.plan.risk.score ?? 0 },
  ]);
  describe(state);
}

/** Brings the details up to date, which costs no event. */
export function describe(state: ActionState): void {
  setCurrentDetails(details(state.view()));
}
