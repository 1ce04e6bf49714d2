import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import type { DirectoryFile } from '../../directory/schema.js';
import type { Plan } from '../../domain/plan.js';
import type { ActionRequest } from '../../domain/request.js';
import type { PolicyFile } from '../bundle.js';
import { cedarRequest, type PolicyFacts } from '../context.js';
import { evaluate } from '../evaluate.js';
import { makePlan, type PlanDeps } from '../plan.js';
import { explainStages, type StageExplanation } from './approvers.js';
import { explainRules, type RuleExplanation } from './rules.js';
import { readSource } from './source.js';

/** Why a request gets the verdict it gets. */
export type Explanation = {
  readonly asked: { readonly requester: string; readonly action: string; readonly resource: string; readonly onBehalfOf?: string };
  readonly asOf: string;
  readonly local: string;
  readonly plan: Plan;
  /** Empty when the verdict was there before a rule was asked. */
  readonly rules: readonly RuleExplanation[];
  readonly stages: readonly StageExplanation[];
  /** What keeps the request from fitting the schema at all. */
  readonly misfit?: string;
};

/** Makes the plan for a request as the worker would, and tells of every rule and person what they have to do with it. */
export async function explainRequest(
  deps: PlanDeps,
  files: readonly PolicyFile[],
  folder: string,
  people: DirectoryFile,
  request: ActionRequest,
  now: Date,
): Promise<Explanation> {
  let facts: PolicyFacts | undefined;
  const heard: typeof evaluate = (bundle, asked, given) => {
    facts = given;
    return evaluate(bundle, asked, given);
  };
  const { plan } = await makePlan({ ...deps, evaluate: heard }, request, now);
  const { policies } = readSource(files, folder);
  const misfit = facts === undefined ? undefined : misfitOf(deps, request, facts);
  const { requester, action, resource, onBehalfOf } = request;
  return {
    asked: {
      requester: requester.id,
      action,
      resource: `${resource.type}::${JSON.stringify(resource.id)}`,
      ...(onBehalfOf === undefined ? {} : { onBehalfOf }),
    },
    asOf: now.toISOString(),
    local: new Intl.DateTimeFormat('en-GB', { timeZone: deps.timeZone, weekday: 'long', hour: '2-digit', minute: '2-digit' }).format(now),
    plan,
    rules: facts === undefined || misfit !== undefined ? [] : explainRules(policies, deps.bundle(), request, facts),
    stages: await explainStages(deps.directory, people, request, plan),
    ...(misfit === undefined ? {} : { misfit }),
  };
}

function misfitOf(deps: PlanDeps, request: ActionRequest, facts: PolicyFacts): string | undefined {
  const { preparsed } = deps.bundle();
  const answer = cedar.statefulIsAuthorized({
    ...cedarRequest(deps.bundle(), request, facts),
    preparsedSchemaName: preparsed.schema,
    preparsedPolicySetId: preparsed.policies,
    validateRequest: true,
  });
  return answer.type === 'failure' ? answer.errors.map(({ message }) => message).join('; ') : undefined;
}
