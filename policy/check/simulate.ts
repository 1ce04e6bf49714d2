import type { ConnectorDefinition } from '../../domain/connector.js';
import { connectorRef } from '../../domain/connector.js';
import type { JsonObject } from '../../domain/json.js';
import type { Plan } from '../../domain/plan.js';
import type { Principal } from '../../domain/principal.js';
import type { ActionRequest } from '../../domain/request.js';
import { fallsShort } from '../../domain/stricter.js';
import type { PolicyFacts } from '../context.js';
import { evaluate } from '../evaluate.js';
import { makePlan, type PlanDeps } from '../plan.js';
import { pathsIn } from './expression.js';
import { explainRules } from './rules.js';
import type { SourcePolicy } from './source.js';

/** What the evidence holds of a request and of the verdict that it got. */
export type RecordedRequest = {
  readonly actionId: string;
  readonly at: string;
  readonly action: string;
  readonly resource: { readonly type: string; readonly id: string };
  readonly requester: Principal;
  /** What policy was asked with; absent in entries from before this was recorded. */
  readonly judged?: {
    readonly parameters: JsonObject;
    readonly withheld: readonly string[];
    readonly requestedAt: string;
    readonly onBehalfOf?: string;
    readonly via?: readonly Principal[];
    readonly durationMs?: number;
    readonly tokenIssuedAt?: string;
  };
  readonly plan: Plan;
};

type Verdict = { readonly outcome: Plan['outcome']; readonly policies: readonly string[]; readonly routes: readonly string[]; readonly denial?: string };

/** What another policy would have said of a recorded request. */
export type Replayed = Pick<RecordedRequest, 'actionId' | 'at' | 'action' | 'resource'> & { readonly requester: string } & (
    | { readonly change: 'none' }
    | { readonly change: 'stricter' | 'weaker' | 'different'; readonly why: string; readonly was: Verdict; readonly would: Verdict }
    | { readonly change: 'unjudged'; readonly why: string }
  );

// Denials that do not come from policy, and that another policy could not have changed.
const ofPolicy = new Set(['policy-no-match', 'denied-by-policy', 'policy-error', 'route-unsatisfiable', 'action-unknown']);
const rank = { allow: 0, review: 1, deny: 2 } as const;

/**
 * Asks a policy about a request that was made before, at the time it was made and with the risk that was seen then. People and groups are as the directory has
 * them now. Whatever a rule that could apply would have to know and the evidence does not hold makes it unjudged.
 */
export async function replay(deps: PlanDeps, policies: readonly SourcePolicy[], recorded: RecordedRequest): Promise<Replayed> {
  const { actionId, at, action, resource, requester, plan: was, judged } = recorded;
  const head = { actionId, at, action, resource, requester: requester.id };
  const code = was.denial?.code;
  if (code !== undefined && !ofPolicy.has(code)) return { ...head, change: 'unjudged', why: `it was refused before policy was asked (${code})` };
  const definition = deps.connectors.get(action);
  if (definition === undefined) return { ...head, change: 'unjudged', why: `no connector here offers ${action}; name it with --connector or --config` };
  const request = requestOf(recorded, definition);
  let facts: PolicyFacts | undefined;
  const { plan } = await makePlan(
    {
      ...deps,
      evaluate: (bundle, asked, given) => {
        facts = { ...given, risk: was.risk, parameters: judged?.parameters ?? {} };
        return evaluate(bundle, asked, facts);
      },
    },
    request,
    new Date(was.evaluatedAt),
  );
  if (facts === undefined) return { ...head, change: 'unjudged', why: plan.denial?.detail ?? 'policy was not asked' };
  const gap = unknownTo(policies, deps, request, facts, judged);
  if (gap !== undefined) return { ...head, change: 'unjudged', why: gap };
  const compared = compare(was, { ...plan, excluded: was.excluded });
  return compared === undefined ? { ...head, change: 'none' } : { ...head, ...compared, was: verdictOf(was), would: verdictOf(plan) };
}

function requestOf({ actionId, action, resource, requester, judged, at }: RecordedRequest, definition: ConnectorDefinition): ActionRequest {
  const { requestedAt = at, onBehalfOf, via, durationMs, tokenIssuedAt } = judged ?? {};
  return {
    id: actionId as ActionRequest['id'],
    action,
    // The connector of today: what it has become is no matter of policy.
    connector: connectorRef(definition),
    resource,
    parameters: {},
    reason: '',
    requester,
    ...(onBehalfOf === undefined ? {} : { onBehalfOf }),
    ...(via === undefined ? {} : { via }),
    ...(durationMs === undefined ? {} : { durationMs }),
    ...(tokenIssuedAt === undefined ? {} : { tokenIssuedAt }),
    requestedAt,
    bodyDigest: 'sha256:00',
  };
}

/** What a rule whose head fits the request would read and the evidence does not hold. */
function unknownTo(
  policies: readonly SourcePolicy[],
  deps: PlanDeps,
  request: ActionRequest,
  facts: PolicyFacts,
  judged: RecordedRequest['judged'],
): string | undefined {
  const isUnknown = (path: string) => {
    const parameter = /^context\.parameters\.([^.]+)/.exec(path)?.[1];
    if (judged === undefined && (path === 'context.onBehalfOf' || path.startsWith('context.requester.token'))) return true;
    return path === 'context.reason' || (parameter !== undefined && (judged === undefined || judged.withheld.includes(parameter)));
  };
  const reading = policies.flatMap((policy) => {
    const path = [...pathsIn(policy.json.conditions)].find(isUnknown);
    return path === undefined ? [] : [{ policy, path }];
  });
  const rules = explainRules(
    reading.map(({ policy }) => policy),
    deps.bundle(),
    request,
    facts,
  );
  const open = reading.find((_, index) => rules[index]?.result !== 'other-scope');
  if (open === undefined) return undefined;
  const why =
    open.path === 'context.reason'
      ? 'is never kept in evidence'
      : judged === undefined
        ? 'was not kept when it was opened'
        : 'is hidden from people and so not kept';
  return `the rule "${open.policy.id}" reads ${open.path}, which ${why}`;
}

function compare(was: Plan, would: Plan): { readonly change: 'stricter' | 'weaker' | 'different'; readonly why: string } | undefined {
  if (was.outcome !== would.outcome)
    return { change: rank[would.outcome] > rank[was.outcome] ? 'stricter' : 'weaker', why: `${was.outcome} becomes ${would.outcome}` };
  if (was.outcome !== 'review') return undefined;
  const [more, less] = [fallsShort(was, would), fallsShort(would, was)];
  if (more !== undefined && less !== undefined) return { change: 'different', why: 'other people or stages, neither of which contains the other' };
  if (more !== undefined) return { change: 'stricter', why: inWords(more, 'new', 'old') };
  return less === undefined ? undefined : { change: 'weaker', why: inWords(less, 'old', 'new') };
}

// The comparison speaks of a plan that falls short of a policy; here both are policies.
function inWords(text: string, demands: string, lacks: string): string {
  return text.replaceAll(/\bof policy\b/g, `of the ${demands} policy`).replaceAll('the plan', `the ${lacks} one`);
}

function verdictOf({ outcome, policies, stages, denial }: Plan): Verdict {
  return { outcome, policies, routes: [...new Set(stages.map(({ route }) => route))], ...(denial === undefined ? {} : { denial: denial.code }) };
}
