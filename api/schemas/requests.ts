import { Type, type Static } from 'typebox';
import type { JsonObject } from '../../domain/json.js';
import { Status } from './action.js';

const strict = { additionalProperties: false } as const;
// Single-line text without control characters: it reaches search attributes, summaries and logs.
const line = (maxLength: number, description: string) => Type.String({ minLength: 1, maxLength, pattern: '^[^\\p{Cc}\\p{Zl}\\p{Zp}]+$', description });

/** Body of `POST /v1/actions`. */
export const SubmitBody = Type.Object(
  {
    action: Type.String({ pattern: '^[a-z][a-z0-9-]*(\\.[a-z][a-z0-9-]*)*$', maxLength: 128, description: 'Name of a connector, see GET /v1/connectors' }),
    resource: Type.Object({ type: Type.String({ pattern: '^[A-Za-z][A-Za-z0-9._-]{0,63}$' }), id: line(180, 'The thing that the action touches') }, strict),
    parameters: Type.Unsafe<JsonObject>({ type: 'object', description: "Fits the connector's JSON Schema" }),
    reason: Type.String({ minLength: 1, maxLength: 4_000, description: 'Why, in your own words; approvers see it labelled as yours' }),
    on_behalf_of: Type.Optional(
      Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._@-]{0,127}$', description: 'Directory id of the person you act for; they cannot approve' }),
    ),
    duration: Type.Optional(
      Type.String({
        pattern: '^P(?=[^T]|T\\d)(\\d{1,3}D)?(T(\\d{1,4}H)?(\\d{1,5}M)?(\\d{1,7}S)?)?$',
        description: 'ISO 8601, e.g. PT8H; always refused, since nothing is revoked by itself yet',
      }),
    ),
  },
  strict,
);

/** Body of `POST /v1/actions/{id}/decisions`. */
export const DecisionBody = Type.Object(
  {
    verdict: Type.Enum(['approve', 'reject']),
    digest: Type.String({ pattern: '^sha256:[0-9a-f]{64}$', description: 'The digest of the action as you saw it' }),
    plan_digest: Type.Optional(
      Type.String({ pattern: '^sha256:[0-9a-f]{64}$', description: 'The digest of its plan (plan.digest); sending it saves a look-up' }),
    ),
    comment: Type.Optional(Type.String({ minLength: 1, maxLength: 1_000 })),
  },
  strict,
);

/** Body of `POST /v1/actions/{id}/cancel`; may be left out. */
export const CancelBody = Type.Union([Type.Object({ reason: Type.Optional(Type.String({ minLength: 1, maxLength: 1_000 })) }, strict), Type.Null()]);

export const IdParams = Type.Object({ id: Type.String({ maxLength: 64 }) }, strict);
export const WaitQuery = Type.Object(
  { wait: Type.Optional(Type.Integer({ minimum: 0, maximum: 60, description: 'Seconds to wait for a final state' })) },
  strict,
);
export const NoQuery = Type.Object({}, strict);

/** Query of `GET /v1/actions`. */
export const ListQuery = Type.Object(
  {
    status: Type.Optional(Type.Array(Status, { maxItems: 11, description: 'Repeat for several' })),
    action: Type.Optional(line(128, 'Name of the action')),
    resource: Type.Optional(line(255, 'type:id')),
    requester: Type.Optional(line(128, 'Directory id of the requester')),
    approver: Type.Optional(line(128, 'Directory id of somebody who may decide now')),
    since: Type.Optional(Type.String({ format: 'date-time', maxLength: 40 })),
    until: Type.Optional(Type.String({ format: 'date-time', maxLength: 40 })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: 50 })),
    cursor: Type.Optional(Type.String({ minLength: 1, maxLength: 4_096, pattern: '^[A-Za-z0-9_-]+$' })),
  },
  strict,
);
export type ListQuery = Static<typeof ListQuery>;

/** Answer of `GET /v1/actions`. */
export const ActionList = Type.Object(
  {
    items: Type.Array(
      Type.Object(
        {
          id: Type.String(),
          status: Status,
          action: Type.String(),
          resource: Type.String(),
          requester: Type.String(),
          approvers: Type.Array(Type.String()),
          risk: Type.Number(),
          requested_at: Type.String({ format: 'date-time' }),
        },
        strict,
      ),
    ),
    next_cursor: Type.Optional(Type.String()),
  },
  strict,
);

/** Answer of `GET /v1/connectors`. */
export const ConnectorList = Type.Object(
  {
    items: Type.Array(
      Type.Object(
        {
          name: Type.String(),
          version: Type.String(),
          digest: Type.String(),
          title: Type.String(),
          description: Type.String(),
          resource_types: Type.Array(Type.String()),
          parameters: Type.Unsafe<JsonObject>({ type: 'object', additionalProperties: true, description: 'JSON Schema, draft 2020-12' }),
          idempotent: Type.Boolean(),
          previews: Type.Boolean(),
          revocable: Type.Boolean(),
        },
        strict,
      ),
    ),
  },
  strict,
);
