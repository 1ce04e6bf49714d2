import { connectorDigest, type ConnectorDefinition } from '../domain/connector.js';
import type { Directory, DirectoryPerson } from '../directory/port.js';
import { policyParameters } from '../domain/display.js';
import { CountersignError } from '../domain/errors.js';
import { humansBehind, type ApprovalFact } from '../domain/circles.js';
import type { Plan } from '../domain/plan.js';
import type { LocalTime } from '../domain/calendar.js';
import { describeResource } from '../domain/catalog.js';
import { assessRisk } from '../domain/risk.js';
import { historyBounds, type PastRequest } from '../domain/risk/history.js';
import { requestDigest, type ActionRequest } from '../domain/request.js';
import type { Refusal } from '../domain/separation.js';
import type { PersonId, PersonRef, Principal } from '../domain/principal.js';
import type { PolicyBundle } from './bundle.js';
import { decidableWithinMs, resolveStages } from './resolve-stages.js';
import { possibleCircles, staff, withCircles } from './staffing.js';
import { evaluate, type PolicyAnswer } from './evaluate.js';
import type { Obligations } from './obligations.js';

/** How long an approved action may wait for its execution. */
const executionWindowMs = 60 * 60_000;
const maxCircles = 20;
/** How many people are looked up at a time. */
const side = 8;

export type PlanDeps = {
  readonly bundle: () => PolicyBundle;
  readonly directory: Directory;
  readonly connectors: ReadonlyMap<string, ConnectorDefinition>;
  readonly timeZone: string;
  readonly environment: string;
  /** What stands between a plan and the engine in tools that explain a verdict or replay one; no process of a deployment sets it. */
  readonly evaluate?: typeof evaluate;
  /** Whose actions these people have approved since then, each pair once; without it no circle is known. */
  readonly approvalsBy?: (people: readonly PersonId[], since: string) => Promise<readonly ApprovalFact[]>;
  /** Earlier requests, where somebody keeps them. */
  readonly history?: RecentHistory;
  /** Signals of history that another evaluation saw, for one that has no history of its own. */
  readonly stated?: readonly string[];
};

/** What is remembered of earlier requests. */
export interface RecentHistory {
  /** The newest requests of one requester in a span of time, its end left out; newest first. Throws when it cannot be read. */
  recent(
    requester: { readonly kind: string; readonly id: string },
    span: { readonly from: string; readonly before: string; readonly limit: number },
  ): Promise<readonly PastRequest[]>;
}

/** A plan, and the humans it involves by name. */
export type PlannedAction = { readonly plan: Plan; readonly owner?: PersonRef; readonly onBehalfOf?: PersonRef };

/**
 * Evaluates policy for a request at one moment and turns the answer into a plan. Never throws: whatever cannot
 * be evaluated, looked up or satisfied becomes a denial that says so.
 * @param refusal a reason found beforehand, which denies whatever policy says
 */
export async function makePlan(deps: PlanDeps, request: ActionRequest, now: Date, refusal?: Refusal): Promise<PlannedAction> {
  const bundle = deps.bundle();
  const local = localTime(now, deps.timeZone);
  const history = await recentRequests(deps.history, request);
  const risk = assessRisk({
    request,
    local,
    resource: describeResource(bundle.catalog, request.resource, deps.environment),
    rules: bundle.risk,
    ...(history === undefined ? {} : { history }),
    ...(deps.stated === undefined ? {} : { stated: deps.stated }),
  });
  const policyDigest = bundle.digest;
  const base = { actionId: request.id, requestDigest: requestDigest(request), risk, policyDigest, evaluatedAt: now.toISOString() } as const;
  const denied = (answer: Pick<Extract<PolicyAnswer, { outcome: 'deny' }>, 'code' | 'detail' | 'policies'>, excluded: readonly string[] = []): Plan => ({
    ...base,
    outcome: 'deny',
    policies: answer.policies,
    denial: { code: answer.code, detail: answer.detail },
    stages: [],
    excluded,
    expiresAt: new Date(now.getTime() + executionWindowMs).toISOString(),
  });
  if (refusal !== undefined) return { plan: denied({ policies: [], ...refusal }) };
  try {
    const people = await involved(deps.directory, request);
    const { owner, beneficiary, requester, team, others } = people;
    const names = { ...(owner === undefined ? {} : { owner: ref(owner) }), ...(beneficiary === undefined ? {} : { onBehalfOf: ref(beneficiary) }) };
    const excluded = [...new Set([owner?.id, beneficiary?.id, requester?.id, ...others].filter((id) => id !== undefined))].sort();
    const definition = deps.connectors.get(request.action);
    if (definition === undefined)
      return { plan: denied({ policies: [], code: 'action-unknown', detail: 'No connector offers this action.' }, excluded), ...names };
    // What people may see of the parameters is told by this definition; under another one they would see something else.
    if (request.connector.name !== definition.name || request.connector.digest !== connectorDigest(definition))
      return {
        plan: denied({ policies: [], code: 'connector-mismatch', detail: 'The connector has changed since the request was made.' }, excluded),
        ...names,
      };
    const answer = (deps.evaluate ?? evaluate)(bundle, request, {
      ...(owner === undefined ? {} : { owner: { id: owner.id, groups: owner.groups } }),
      ...(beneficiary === undefined ? {} : { beneficiary: { id: beneficiary.id, groups: beneficiary.groups } }),
      requesterGroups: requester?.groups ?? [],
      ...(team === undefined ? {} : { team }),
      risk,
      local,
      environment: deps.environment,
      parameters: policyParameters(definition, request.parameters),
    });
    if (answer.outcome === 'deny') return { plan: denied(answer, excluded), ...names };
    const route = answer.outcome === 'review' ? answer.stages : [];
    const stages = await resolveStages(deps.directory, route, people, excluded);
    const circles = await possibleCircles(deps.approvalsBy, humansBehind(request, excluded), stages, now);
    const { gap, candidates } = await staff(deps.directory, stages, excluded, { facts: circles, now });
    if (gap !== undefined) return { plan: denied({ policies: answer.policies, code: 'route-unsatisfiable', detail: gap }, excluded), ...names };
    const shown = circles.filter(({ of }) => candidates.has(of)).slice(0, maxCircles);
    const { mask, executorFloor }: Obligations = answer.outcome === 'review' ? answer.obligations : {};
    const withinMs = decidableWithinMs(route);
    const decidableMs = Math.min(
      stages.reduce((sum, stage) => sum + stage.expiresInMs, 0),
      withinMs ?? Infinity,
    );
    const later = (ms: number) => new Date(now.getTime() + ms).toISOString();
    return {
      plan: {
        ...base,
        ...(shown.length === 0 ? {} : withCircles(risk, shown, candidates)),
        outcome: answer.outcome,
        policies: answer.policies,
        ...(mask === undefined ? {} : { mask }),
        ...(executorFloor === undefined ? {} : { executorFloor }),
        stages,
        excluded,
        ...(withinMs === undefined ? {} : { decideBy: later(decidableMs) }),
        expiresAt: later(decidableMs + executionWindowMs),
      },
      ...names,
    };
  } catch (error) {
    const code = error instanceof CountersignError ? error.code : 'policy-error';
    const detail = error instanceof CountersignError ? error.detail : 'The policy could not be evaluated.';
    return { plan: denied({ policies: [], code, detail }) };
  }
}

/** The humans and the agent behind a request, as the directory has them now. Throws when one of them is unknown or inactive. */
async function involved(
  directory: Directory,
  request: ActionRequest,
): Promise<{
  readonly owner?: DirectoryPerson;
  readonly beneficiary?: DirectoryPerson;
  readonly requester?: DirectoryPerson;
  /** The team that an agent belongs to. */
  readonly team?: string;
  /** Those through whose hands a delegation went, and those for whom an agent may be asking without saying so. */
  readonly others: readonly string[];
}> {
  const beneficiary =
    request.onBehalfOf === undefined ? undefined : await knownPerson(directory, request.onBehalfOf, 'The person on whose behalf this is asked');
  const others = await Promise.all((request.via ?? []).map((actor) => humanBehind(directory, actor)));
  const on = { others, ...(beneficiary === undefined ? {} : { beneficiary }) };
  if (request.requester.kind === 'person') return { requester: await knownPerson(directory, request.requester.id, 'The requester'), ...on };
  const agent = await directory.agent(request.requester.id);
  if (agent === undefined || !agent.active) throw new CountersignError('principal-unknown', 'The agent is not in the directory or not active.');
  const owner = await knownPerson(directory, agent.owner, "The agent's owner");
  // An agent that leaves out for whom it asks must not win an approver by it.
  return {
    ...on,
    owner,
    ...(agent.team === undefined ? {} : { team: agent.team }),
    others: request.onBehalfOf === undefined ? [...others, ...(await silently(directory, agent.actsFor ?? []))] : others,
  };
}

/** Those for whom an agent may be asking, by the ids that its entry has and by those that the directory has for them; inactive ones too. */
async function silently(directory: Directory, ids: readonly string[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (let at = 0; at < ids.length; at += side) {
    const people = await Promise.all(ids.slice(at, at + side).map((id) => directory.person(id)));
    // An id that is nobody's would keep nobody from approving.
    if (people.includes(undefined)) throw new CountersignError('principal-unknown', 'Somebody for whom the agent acts is not in the directory.');
    found.push(...people.flatMap((person) => person?.id ?? []));
  }
  return [...ids, ...found];
}

/** The human who answers for one actor: the owner of an agent as the directory has them now, or the person. */
async function humanBehind(directory: Directory, actor: Principal): Promise<string> {
  if (actor.kind === 'person') return (await knownPerson(directory, actor.id, 'Somebody who delegated')).id;
  const agent = await directory.agent(actor.id);
  if (agent === undefined || !agent.active) throw new CountersignError('principal-unknown', 'An agent that delegated is not in the directory or not active.');
  return (await knownPerson(directory, agent.owner, 'The owner of an agent that delegated')).id;
}

async function knownPerson(directory: Directory, id: string, what: string): Promise<DirectoryPerson> {
  const person = await directory.person(id);
  if (person === undefined || !person.active) throw new CountersignError('principal-unknown', `${what} is not in the directory or not active.`);
  return person;
}

function ref(person: DirectoryPerson): PersonRef {
  return { id: person.id, name: person.name };
}

/** Earlier requests of whoever asks, up to the moment it asked: what comes later must not change what was unusual then. */
async function recentRequests(
  history: RecentHistory | undefined,
  { requester, requestedAt }: ActionRequest,
): Promise<readonly PastRequest[] | 'unavailable' | undefined> {
  if (history === undefined) return undefined;
  try {
    const from = new Date(Date.parse(requestedAt) - historyBounds.days * 86_400_000).toISOString();
    return await history.recent({ kind: requester.kind, id: requester.id }, { from, before: requestedAt, limit: historyBounds.entries });
  } catch {
    return 'unavailable';
  }
}

const clocks = new Map<string, Intl.DateTimeFormat>();

/** A moment by the clock on the wall of a time zone. Throws on a zone that does not exist. */
export function localTime(moment: Date, timeZone: string): LocalTime {
  let clock = clocks.get(timeZone);
  if (clock === undefined) {
    const digits = { year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit' } as const;
    clock = new Intl.DateTimeFormat('en-GB', { timeZone, ...digits, hourCycle: 'h23', weekday: 'short' });
    clocks.set(timeZone, clock);
  }
  const parts = new Map(clock.formatToParts(moment).map(({ type, value }) => [type, value]));
  const part = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? '';
  return {
    hour: Number(part('hour')),
    minute: Number(part('minute')),
    weekday: ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'].indexOf(part('weekday')) + 1,
    date: `${part('year')}-${part('month')}-${part('day')}`,
  };
}
