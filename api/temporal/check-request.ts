import type { ErrorObject, ValidateFunction } from 'ajv';
import { connectorAjv } from '../../config/connectors.js';
import type { Directory } from '../../directory/port.js';
import { connectorRef, type ConnectorDefinition } from '../../domain/connector.js';
import { digestJson } from '../../domain/digest.js';
import { CountersignError } from '../../domain/errors.js';
import { actionId } from '../../domain/ids.js';
import type { Principal } from '../../domain/principal.js';
import type { ActionRequest } from '../../domain/request.js';
import type { Delegation, SubmitBody } from '../actions.js';

/** Turns what callers ask for into requests that fit their connector, or refuses them. */
export type RequestChecker = (
  principal: Principal,
  body: SubmitBody,
  idempotencyKey: string,
  now: Date,
  delegation?: Delegation,
  tokenIssuedAt?: number,
) => Promise<ActionRequest>;

/**
 * Compiles every connector's schema once. The checker throws `action-unknown`, `parameters-invalid`,
 * `duration-unsupported`, `not-permitted` and `request-malformed`; details name place and rule, never a value.
 */
export function createRequestChecker(connectors: readonly ConnectorDefinition[], directory: Directory): RequestChecker {
  const known = new Map(
    connectors.map((definition) => [definition.name, { definition, ref: connectorRef(definition), validate: connectorAjv().compile(definition.parameters) }]),
  );
  return async (principal, body, idempotencyKey, now, delegation, tokenIssuedAt) => {
    const connector = known.get(body.action);
    if (connector === undefined) throw new CountersignError('action-unknown');
    const { definition } = connector;
    if (!definition.resourceTypes.includes(body.resource.type))
      throw new CountersignError('parameters-invalid', `resource/type must be one of: ${definition.resourceTypes.join(', ')}.`);
    requireValid(connector.validate, body.parameters);
    // Nothing takes an execution back yet: who approves must not be told of an end that will not come.
    if (body.duration !== undefined) throw new CountersignError('duration-unsupported');
    if (body.on_behalf_of !== undefined && !(await mayActFor(directory, principal, body.on_behalf_of, delegation)))
      throw new CountersignError('not-permitted', 'body/on_behalf_of names nobody for whom this caller may act.');
    const onBehalfOf = delegation?.onBehalfOf ?? body.on_behalf_of;
    return {
      // An agent that acts for several people must not meet, under one key, what it asked for somebody else.
      id: actionId(principal.issuer, delegation === undefined ? principal.subject : JSON.stringify([principal.subject, delegation.onBehalfOf]), idempotencyKey),
      action: body.action,
      connector: connector.ref,
      resource: { type: body.resource.type, id: body.resource.id },
      parameters: body.parameters,
      reason: body.reason,
      requester: principal,
      ...(onBehalfOf === undefined ? {} : { onBehalfOf }),
      ...(delegation === undefined || delegation.via.length === 0 ? {} : { via: delegation.via }),
      requestedAt: now.toISOString(),
      ...(tokenIssuedAt === undefined ? {} : { tokenIssuedAt: new Date(tokenIssuedAt * 1000).toISOString() }),
      bodyDigest: digestJson(body),
    };
  };
}

// One answer for strangers, people of the directory and people who left: it must not become a way to ask who is in the directory.
async function mayActFor(directory: Directory, principal: Principal, id: string, delegation: Delegation | undefined): Promise<boolean> {
  // The token says for whom, and the issuer vouches for it; the body may repeat that.
  if (delegation !== undefined) return id === delegation.onBehalfOf;
  const known = principal.kind === 'agent' ? ((await directory.agent(principal.id))?.actsFor ?? [principal.owner]) : [principal.id];
  return known.includes(id) && (await directory.person(id))?.active === true;
}

function requireValid(validate: ValidateFunction, parameters: unknown): void {
  if (validate(parameters)) return;
  throw new CountersignError('parameters-invalid', explain(validate.errors?.[0]));
}

function explain(error: ErrorObject | undefined): string {
  const place = `parameters${(error?.instancePath ?? '').slice(0, 200)}`;
  const extra = error?.params['additionalProperty'] as unknown;
  if (typeof extra === 'string') return `${place} has a member that is not known: ${JSON.stringify(extra.slice(0, 64))}.`;
  const allowed = error?.params['allowedValues'] as unknown;
  return `${place} ${error?.message ?? 'is not valid'}${Array.isArray(allowed) ? `: ${allowed.join(', ')}` : ''}.`;
}
