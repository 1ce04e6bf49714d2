import type { ActionRequest } from '../domain/request.js';

export type BareInput = { readonly request: ActionRequest };
export type BareDecision = { readonly verdict: 'approve'; readonly person: string };

/** The steps of the bare workflow, which do nothing but be called. */
export type BareActivities = {
  evaluate(input: BareInput): Promise<string>;
  notify(input: BareInput): Promise<void>;
  execute(input: BareInput): Promise<string>;
};
