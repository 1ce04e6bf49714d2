import type { ValidateFunction } from 'ajv/dist/2020.js';
import { Type, type Static } from 'typebox';
import { connectorAjv } from '../../config/connectors.js';
import type { Directory } from '../../directory/port.js';
import { connectorRef, type ConnectorDefinition } from '../../domain/connector.js';
import { CountersignError } from '../../domain/errors.js';
import type { JsonObject } from '../../domain/json.js';
import type { Principal } from '../../domain/principal.js';
import type { ActionRequest } from '../../domain/request.js';

const Id = Type.String({ minLength: 1, maxLength: 128 });

/** A request that somebody might make: the body of `POST /v1/actions`, and who sends it, which there the token says. */
export const Proposal = Type.Object(
  {
    requester: Type.Optional(Id),
    action: Type.String({ minLength: 1, maxLength: 128 }),
    resource: Type.Object(
      { type: Type.String({ minLength: 1, maxLength: 64 }), id: Type.String({ minLength: 1, maxLength: 1_024 }) },
      { additionalProperties: false },
    ),
    parameters: Type.Optional(Type.Unsafe<JsonObject>({ type: 'object' })),
    reason: Type.Optional(Type.String({ maxLength: 10_000 })),
    on_behalf_of: Type.Optional(Id),
    duration: Type.Optional(Type.Unknown()),
  },
  { additionalProperties: false },
);
export type Proposal = Static<typeof Proposal>;

/** The request that the api would make of a proposal, and what it would object to in its parameters. Throws `config-invalid` for an unknown requester. */
export async function toRequest(
  proposal: Proposal,
  requester: string | undefined,
  world: { readonly directory: Directory; readonly connectors: ReadonlyMap<string, ConnectorDefinition> },
  now: Date,
): Promise<{ readonly request: ActionRequest; readonly objection?: string }> {
  const id = proposal.requester ?? requester;
  if (id === undefined) throw new CountersignError('config-invalid', 'It does not say who asks; name an agent or a person of the directory as "requester".');
  const definition = world.connectors.get(proposal.action);
  const parameters = proposal.parameters ?? {};
  const objection = definition === undefined ? undefined : refuseParameters(definition, parameters);
  return {
    request: {
      id: `act_${'a'.repeat(32)}`,
      action: proposal.action,
      connector: definition === undefined ? { name: proposal.action, version: '0', digest: 'sha256:00' } : connectorRef(definition),
      resource: proposal.resource,
      parameters,
      reason: proposal.reason ?? '',
      requester: await principal(world.directory, id),
      ...(proposal.on_behalf_of === undefined ? {} : { onBehalfOf: proposal.on_behalf_of }),
      requestedAt: now.toISOString(),
      bodyDigest: 'sha256:00',
    },
    ...(objection === undefined ? {} : { objection }),
  };
}

async function principal(directory: Directory, id: string): Promise<Principal> {
  const agent = await directory.agent(id);
  const token = { issuer: '', subject: id };
  if (agent !== undefined) return { kind: 'agent', id, name: agent.name, owner: agent.owner, ...token };
  const person = await directory.person(id);
  if (person === undefined) throw new CountersignError('config-invalid', `The directory knows neither an agent nor a person "${id}".`);
  return { kind: 'person', id, name: person.name, ...token };
}

const validators = new WeakMap<ConnectorDefinition, ValidateFunction>();

function refuseParameters(definition: ConnectorDefinition, parameters: JsonObject): string | undefined {
  const validate = validators.get(definition) ?? connectorAjv().compile(definition.parameters);
  validators.set(definition, validate);
  if (validate(parameters)) return undefined;
  const error = validate.errors?.at(-1);
  return `parameters${error?.instancePath ?? ''} ${error?.message ?? 'are not valid'}`;
}
