import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import type { ErrorCode } from '../domain/errors.js';
import type { JsonObject } from '../domain/json.js';
import type { PlanStage, Risk } from '../domain/plan.js';
import type { LocalTime } from '../domain/risk.js';
import type { ActionRequest } from '../domain/request.js';
import type { PolicyBundle } from './bundle.js';

/** What policy is asked about besides the request. */
export type PolicyFacts = {
  readonly owner?: { readonly id: string; readonly groups: readonly string[] };
  readonly beneficiary?: { readonly id: string; readonly groups: readonly string[] };
  readonly requesterGroups: readonly string[];
  readonly risk: Risk;
  readonly local: LocalTime;
  readonly environment: string;
  /** The parameters that policy may see. */
  readonly parameters: JsonObject;
};

/** What policy answers. */
export type PolicyAnswer =
  | { readonly outcome: 'allow'; readonly policies: readonly string[] }
  | { readonly outcome: 'review'; readonly policies: readonly string[]; readonly stages: readonly PlanStage[] }
  | { readonly outcome: 'deny'; readonly policies: readonly string[]; readonly code: ErrorCode; readonly detail: string };

/**
 * Asks the policies. A matching forbid denies; no match denies; any error denies; of matching permits the
 * strictest counts: every route that one of them asks for must be gone through.
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
  return { outcome: 'review', policies, stages };
}

/** The question as the engine is asked it: who, what, on what, in which circumstances, and what is known of those named. */
export function cedarRequest(
  request: ActionRequest,
  facts: PolicyFacts,
): Pick<cedar.StatefulAuthorizationCall, 'principal' | 'action' | 'resource' | 'context' | 'entities'> {
  const { requester, resource } = request;
  return {
    principal: { type: requester.kind === 'agent' ? 'Agent' : 'Person', id: requester.id },
    action: { type: 'Action', id: request.action },
    resource: { type: resource.type, id: resource.id },
    context: {
      reason: request.reason,
      environment: facts.environment,
      risk: facts.risk.score,
      signals: facts.risk.signals.map((signal) => signal.name),
      hour: facts.local.hour,
      weekday: facts.local.weekday,
      parameters: facts.parameters as Record<string, cedar.CedarValueJson>,
      ...(request.onBehalfOf === undefined ? {} : { onBehalfOf: { __entity: { type: 'Person', id: request.onBehalfOf } } }),
    },
    entities: entities(request, facts),
  };
}

function ask(bundle: PolicyBundle, request: ActionRequest, facts: PolicyFacts): cedar.Response | string {
  try {
    const answer = cedar.statefulIsAuthorized({
      ...cedarRequest(request, facts),
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

function entities(request: ActionRequest, facts: PolicyFacts): cedar.Entities {
  const { requester, resource } = request;
  const group = (id: string) => ({ type: 'Group', id });
  const people = new Map<string, readonly string[]>();
  if (facts.owner !== undefined) people.set(facts.owner.id, facts.owner.groups);
  if (requester.kind === 'person') people.set(requester.id, facts.requesterGroups);
  if (facts.beneficiary !== undefined) people.set(facts.beneficiary.id, facts.beneficiary.groups);
  // The owner as the directory has it now: ownership can change while people decide.
  const owner = facts.owner?.id ?? (requester.kind === 'agent' ? requester.owner : '');
  // A database of its own lies in its system too: a rule about the system must meet both.
  const parent = [{ type: 'System', id: resource.id.split('/', 1)[0] ?? '' }];
  return [
    ...(requester.kind === 'agent'
      ? [{ uid: { type: 'Agent', id: requester.id }, attrs: { owner: { __entity: { type: 'Person', id: owner } } }, parents: [] }]
      : []),
    ...[...people].map(([id, groups]) => ({ uid: { type: 'Person', id }, attrs: {}, parents: groups.map(group) })),
    { uid: { type: resource.type, id: resource.id }, attrs: { path: resource.id }, parents: parent },
  ];
}
