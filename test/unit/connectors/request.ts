import type { ConnectorDefinition } from '../../../domain/connector.js';
import { connectorRef } from '../../../domain/connector.js';
import type { JsonObject } from '../../../domain/json.js';
import type { ActionId, ActionRequest } from '../../../domain/request.js';
import type { ConnectorContext } from '../../../activities/ports.js';

let count = 0;

/** A request for a connector, as the api would freeze it. */
export function requestOf(definition: ConnectorDefinition, resource: { type: string; id: string }, parameters: JsonObject): ActionRequest {
  count += 1;
  const id: ActionId = `act_${String(count).padStart(32, 'a')}`;
  return {
    id,
    action: definition.name,
    connector: connectorRef(definition),
    resource,
    parameters,
    reason: 'a test',
    requester: { kind: 'agent', id: 'invoice-bot', name: 'Invoice bot', owner: 'dave', issuer: 'development', subject: 'invoice-bot' },
    requestedAt: '2026-04-01T00:00:00.000Z',
    bodyDigest: `sha256:${'0'.repeat(64)}`,
  };
}

/** A context that records its heartbeats. */
export function contextOf(signal: AbortSignal = new AbortController().signal): ConnectorContext & { readonly beats: JsonObject[] } {
  const beats: JsonObject[] = [];
  return { signal, heartbeat: (progress) => void beats.push(progress), now: () => new Date(), beats };
}
