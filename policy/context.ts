import type * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import { windowsInForce, type LocalTime } from '../domain/calendar.js';
import { describeResource } from '../domain/catalog.js';
import type { JsonObject } from '../domain/json.js';
import type { Risk } from '../domain/plan.js';
import type { ActionRequest } from '../domain/request.js';
import type { PolicyBundle } from './bundle.js';
import { declared } from './schema-shape.js';

/** What policy is asked about besides the request. */
export type PolicyFacts = {
  readonly owner?: { readonly id: string; readonly groups: readonly string[] };
  readonly beneficiary?: { readonly id: string; readonly groups: readonly string[] };
  readonly requesterGroups: readonly string[];
  /** The team of the agent that asks. */
  readonly team?: string;
  readonly risk: Risk;
  readonly local: LocalTime;
  readonly environment: string;
  /** The parameters that policy may see. */
  readonly parameters: JsonObject;
};

type Asked = Pick<cedar.StatefulAuthorizationCall, 'principal' | 'action' | 'resource' | 'context' | 'entities'>;

/** The question as the engine is asked it: who, what, on what, in which circumstances, and what is known of those named. What the schema of the folder does not declare is left out, parameters excepted: an unknown one denies. */
export function cedarRequest(bundle: PolicyBundle, request: ActionRequest, facts: PolicyFacts): Asked {
  const { requester, resource, onBehalfOf } = request;
  const shape = bundle.shape.contexts.get(request.action);
  const context = {
    reason: request.reason,
    environment: facts.environment,
    risk: facts.risk.score,
    signals: facts.risk.signals.map((signal) => signal.name),
    hour: facts.local.hour,
    minute: facts.local.minute,
    weekday: facts.local.weekday,
    date: facts.local.date,
    frozen: windowsInForce(bundle.windows, facts.local),
    parameters: facts.parameters,
    requester: declared(requesterRecord(request, facts), shape?.get('requester')),
    onBehalfOf: onBehalfOf === undefined ? undefined : { __entity: { type: 'Person', id: onBehalfOf } },
  };
  return {
    principal: { type: requester.kind === 'agent' ? 'Agent' : 'Person', id: requester.id },
    action: { type: 'Action', id: request.action },
    resource: { type: resource.type, id: resource.id },
    context: declared(context, shape),
    entities: entities(bundle, request, facts),
  };
}

function requesterRecord({ requester, tokenIssuedAt, requestedAt }: ActionRequest, { team }: PolicyFacts): Readonly<Record<string, unknown>> {
  const issued = tokenIssuedAt === undefined ? Number.NaN : Date.parse(tokenIssuedAt);
  return {
    kind: requester.kind,
    issuer: requester.issuer,
    team,
    // A token from the future is as old as none: clocks differ by seconds.
    tokenAgeSeconds: Number.isNaN(issued) ? undefined : Math.max(0, Math.floor((Date.parse(requestedAt) - issued) / 1000)),
  };
}

function entities(bundle: PolicyBundle, request: ActionRequest, facts: PolicyFacts): cedar.Entities {
  const { requester, resource } = request;
  const attrs = (type: string, all: Readonly<Record<string, unknown>>) => declared(all, bundle.shape.entities.get(type));
  const people = new Map<string, readonly string[]>();
  if (facts.owner !== undefined) people.set(facts.owner.id, facts.owner.groups);
  if (requester.kind === 'person') people.set(requester.id, facts.requesterGroups);
  if (facts.beneficiary !== undefined) people.set(facts.beneficiary.id, facts.beneficiary.groups);
  // The owner as the directory has it now: ownership can change while people decide.
  const owner = facts.owner?.id ?? (requester.kind === 'agent' ? requester.owner : '');
  const { classification, environment, personal, team } = describeResource(bundle.catalog, resource, facts.environment);
  const agent = {
    uid: { type: 'Agent', id: requester.id },
    attrs: attrs('Agent', { owner: { __entity: { type: 'Person', id: owner } }, team: facts.team }),
    parents: [],
  };
  return [
    ...(requester.kind === 'agent' ? [agent] : []),
    ...[...people].map(([id, groups]) => ({ uid: { type: 'Person', id }, attrs: {}, parents: groups.map((group) => ({ type: 'Group', id: group })) })),
    {
      uid: { type: resource.type, id: resource.id },
      attrs: attrs(resource.type, { path: resource.id, classification, environment, personalData: personal, team }),
      // A database of its own lies in its system too: a rule about the system must meet both.
      parents: [{ type: 'System', id: resource.id.split('/', 1)[0] ?? '' }],
    },
  ];
}
