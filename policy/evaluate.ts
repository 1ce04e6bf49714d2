import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import type { ErrorCode } from '../domain/errors.js';
import type { ActionRequest } from '../domain/request.js';
import type { PolicyBundle } from './bundle.js';
import { cedarRequest, type PolicyFacts } from './context.js';
import { obliged, strictest, type Obligations } from './obligations.js';
import type { RouteStage } from './routes.js';

/** What policy answers. */
export type PolicyAnswer =
  | { readonly outcome: 'allow'; readonly policies: readonly string[] }
  | { readonly outcome: 'review'; readonly policies: readonly string[]; readonly stages: readonly RouteStage[]; readonly obligations: Obligations }
  | { readonly outcome: 'deny'; readonly policies: readonly string[]; readonly code: ErrorCode; readonly detail: string };

/**
 * Asks the policies. A matching forbid denies; no match denies; any error denies; of matching permits the
 * strictest counts: every route that one of them asks for must be gone through, as the strictest of their obligations leave it.
 */
export function evaluate(bundle: PolicyBundle, request: ActionRequest, facts: PolicyFacts): PolicyAnswer {
  const answer = ask(bundle, request, facts);
  if (typeof answer === 'string') return { outcome: 'deny', policies: [], code: 'policy-error', detail: answer };
  const { decision, diagnostics } = answer;
  // The engine skips a policy that fails, a forbid too, and may then allow: any error must deny.
  const failed = diagnostics.errors[0];
  if (failed !== undefined)
    return { outcome: 'deny', policies: [failed.policyId], code: 'policy-error', detail: `The policy "${failed.policyId}" could not be evaluated.` };
  const policies = [...diagnostics.reason].sort();
  if (decision === 'deny') {
    if (policies.length === 0) return { outcome: 'deny', policies, code: 'policy-no-match', detail: 'No policy permits this action.' };
    return { outcome: 'deny', policies, code: 'denied-by-policy', detail: `Forbidden by ${policies.map((id) => `"${id}"`).join(', ')}.` };
  }
  const matched = policies.map((id) => bundle.policies.get(id));
  if (matched.length === 0 || matched.some((entry) => entry === undefined || entry.effect !== 'permit'))
    return { outcome: 'deny', policies, code: 'policy-error', detail: 'The engine named a policy that is not in force.' };
  const routes = [...new Set(matched.flatMap((entry) => entry?.review ?? []))].sort();
  if (routes.length === 0) return { outcome: 'allow', policies };
  const stages = routes.flatMap((route) => bundle.routes.get(route) ?? []);
  if (routes.some((route) => (bundle.routes.get(route)?.length ?? 0) === 0))
    return { outcome: 'deny', policies, code: 'policy-error', detail: 'A route has no stage.' };
  const obligations = strictest(matched.flatMap((entry) => entry?.obligations ?? []));
  return { outcome: 'review', policies, stages: stages.map((stage) => obliged(stage, obligations)), obligations };
}

function ask(bundle: PolicyBundle, request: ActionRequest, facts: PolicyFacts): cedar.Response | string {
  try {
    const answer = cedar.statefulIsAuthorized({
      ...cedarRequest(bundle, request, facts),
      preparsedSchemaName: bundle.preparsed.schema,
      preparsedPolicySetId: bundle.preparsed.policies,
      validateRequest: true,
    });
    if (answer.type === 'failure') return 'The request does not fit the policy schema.';
    return answer.response;
  } catch {
    return 'The policy engine failed.';
  }
}
