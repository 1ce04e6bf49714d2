import { Type, type Static, type TSchema } from 'typebox';
import { assurances, decisionChannels } from '../../domain/principal.js';
import { actionStatuses, type ActionView } from '../../domain/view.js';
import type { DecisionRecord } from '../../domain/decision.js';
import type { Viewer } from '../actions.js';
import { viewOf } from '../temporal/authorise.js';

const strict = { additionalProperties: false } as const;
const object = <P extends Record<string, TSchema>>(properties: P) => Type.Object(properties, strict);
const Time = Type.String({ format: 'date-time' });
const Digest = Type.String({ pattern: '^sha256:[0-9a-f]{64}$' });
const Person = object({ id: Type.String(), name: Type.String() });
const Fact = object({ label: Type.String(), value: Type.String() });
const Coded = object({ code: Type.String(), detail: Type.String() });

/** Status of an action. */
export const Status = Type.Enum([...actionStatuses] as [(typeof actionStatuses)[number], ...(typeof actionStatuses)[number][]]);

/** One sentence of the story; `seq` is also the event id of the event stream. */
export const StoryEvent = object({ seq: Type.Integer(), at: Time, kind: Type.String(), text: Type.String(), person: Type.Optional(Person) });

const chatWords = 'What stands behind a decision; chat rests on the api alone, the others on a proof that the executor checks';

const Decision = object({
  decision_id: Type.String(),
  at: Time,
  accepted: Type.Boolean(),
  verdict: Type.Optional(Type.Enum(['approve', 'reject'])),
  person: Type.Optional(Person),
  channel: Type.Optional(Type.Enum([...decisionChannels] as ['api', ...(typeof decisionChannels)[number][]])),
  assurance: Type.Optional(Type.Enum([...assurances] as ['chat', ...(typeof assurances)[number][]], { description: chatWords })),
  comment: Type.Optional(Type.String()),
  stage: Type.Optional(Type.Integer()),
  round: Type.Integer(),
  refusal: Type.Optional(Coded),
  circle: Type.Optional(object({ with: Person, at: Time })),
});

const Outcome = object({
  status: Type.Enum(['succeeded', 'failed', 'cancelled', 'unknown']),
  code: Type.Optional(Type.String()),
  detail: Type.Optional(Type.String()),
  check: Type.Optional(Type.String({ description: 'What a person should check at the target' })),
  facts: Type.Optional(Type.Array(Fact)),
  result_digest: Type.Optional(Digest),
  started_at: Type.Optional(Time),
  finished_at: Time,
  receipt: Type.Optional(Type.String({ description: "The executor's signature over this outcome, a compact JWS; absent where it vouches for none" })),
});

const Actor = object({ kind: Type.Enum(['agent', 'person']), id: Type.String(), name: Type.String() });

const Stage = object({
  index: Type.Integer(),
  count: Type.Integer(),
  name: Type.String(),
  quorum: Type.Integer(),
  assurance: Type.String({ description: chatWords }),
  approvals: Type.Array(Person),
  approvers: Type.Array(Person, { description: 'Who may decide now' }),
  escalation_level: Type.Integer(),
});

/** An action as callers see it. */
export const Action = Type.Object(
  {
    id: Type.String(),
    status: Status,
    action: Type.String(),
    title: Type.String(),
    connector: object({ name: Type.String(), version: Type.String(), digest: Digest }),
    resource: object({ type: Type.String(), id: Type.String() }),
    requester: Actor,
    owner: Type.Optional(Person),
    on_behalf_of: Type.Optional(Person),
    via: Type.Optional(Type.Array(Actor, { description: 'Through whose hands the delegation went' })),
    reason: Type.String({ description: "The requester's own words; untrusted text" }),
    fields: Type.Array(
      object({
        path: Type.String(),
        group: Type.Optional(Type.String({ description: 'What it is a part of, such as the filter whose column it names' })),
        label: Type.String(),
        value: Type.String(),
        masked: Type.Boolean(),
        truncated: Type.Boolean(),
      }),
    ),
    preview: Type.Optional(object({ facts: Type.Array(Fact), warnings: Type.Array(Type.String()) })),
    preview_error: Type.Optional(Type.String()),
    doubt: Type.Optional(Type.String({ description: 'Why it can no longer be decided or executed although it was signed: a key was marked compromised' })),
    digest: Type.Unsafe<string>({ ...Digest, description: 'What a decision must name' }),
    plan: object({
      digest: Digest,
      policy_digest: Digest,
      policies: Type.Array(Type.String()),
      round: Type.Integer(),
      risk: object({ score: Type.Number(), signals: Type.Array(object({ name: Type.String(), points: Type.Number(), detail: Type.String() })) }),
      stage: Type.Optional(Stage),
    }),
    denial: Type.Optional(Coded),
    requested_at: Time,
    expires_at: Time,
    deadline_at: Type.Optional(Time),
    ended_at: Type.Optional(Time),
    decisions: Type.Array(Decision),
    refused_count: Type.Integer(),
    channels: Type.Array(object({ kind: Type.String(), state: Type.Enum(['sending', 'sent', 'failing']), detail: Type.Optional(Type.String()) })),
    outcome: Type.Optional(Outcome),
    story: Type.Array(StoryEvent),
    links: object({ self: Type.String(), events: Type.String(), cancel: Type.String(), decisions: Type.String(), inbox: Type.String() }),
  },
  { ...strict, $id: 'Action' },
);
export type WireAction = Static<typeof Action>;

/** The members of `value` that are not undefined. */
function defined<T extends Record<string, unknown>>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as never;
}

/** An action for the wire as this viewer may see it: snake_case, with links, without what only the inside needs. */
export function toWire(whole: ActionView, viewer: Viewer, publicUrl: string): WireAction {
  const view = viewOf(whole, viewer);
  const self = `${publicUrl}/v1/actions/${view.id}`;
  const { stage, outcome } = view;
  return defined({
    id: view.id,
    status: view.status,
    action: view.action,
    title: view.title,
    connector: view.connector,
    resource: view.resource,
    requester: view.requester,
    owner: view.owner,
    on_behalf_of: view.onBehalfOf,
    via: view.via,
    reason: view.reason,
    fields: view.fields,
    preview: view.preview,
    preview_error: view.previewError,
    doubt: view.doubt,
    digest: view.digest,
    plan: defined({
      digest: view.planDigest,
      policy_digest: view.policyDigest,
      policies: view.policies,
      round: view.round,
      risk: view.risk,
      stage: stage === undefined ? undefined : stageToWire(stage),
    }),
    denial: view.denial,
    requested_at: view.requestedAt,
    expires_at: view.expiresAt,
    deadline_at: view.deadlineAt,
    ended_at: view.endedAt,
    decisions: view.decisions.map(decisionToWire),
    refused_count: view.refusedCount,
    channels: view.channels,
    outcome: outcome === undefined ? undefined : outcomeToWire(outcome),
    story: view.story,
    links: { self, events: `${self}/events`, cancel: `${self}/cancel`, decisions: `${self}/decisions`, inbox: `${publicUrl}/inbox/actions/${view.id}` },
  }) as WireAction;
}

function stageToWire({ escalationLevel, ...stage }: NonNullable<ActionView['stage']>) {
  return { ...stage, escalation_level: escalationLevel };
}

// Groups of a decider are for the executor, not for callers.
function decisionToWire({ decisionId, decision, ...record }: DecisionRecord) {
  return defined({
    decision_id: decisionId,
    at: record.at,
    accepted: record.accepted,
    verdict: decision?.verdict,
    person: decision === undefined ? undefined : { id: decision.person.id, name: decision.person.name },
    channel: decision?.channel,
    assurance: record.proven ?? decision?.assurance,
    comment: decision?.comment,
    stage: record.stage,
    round: record.round,
    refusal: record.refusal,
    circle: record.circle,
  });
}

function outcomeToWire(outcome: NonNullable<ActionView['outcome']>) {
  const get = (name: string): unknown => (outcome as Record<string, unknown>)[name];
  return defined({
    status: outcome.status,
    code: get('code'),
    detail: get('detail'),
    check: get('check'),
    facts: get('facts'),
    result_digest: get('resultDigest'),
    started_at: get('startedAt'),
    finished_at: outcome.finishedAt,
    receipt: outcome.receipt,
  });
}
