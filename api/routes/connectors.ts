import type { FastifyInstance } from 'fastify';
import { connectorDigest, type ConnectorDefinition } from '../../domain/connector.js';
import { commonProblems } from '../schemas/problem.js';
import { ConnectorList, NoQuery } from '../schemas/requests.js';

/** `GET /v1/connectors`: what can be asked for, each with its JSON Schema. */
export function connectorRoutes(scope: FastifyInstance, connectors: readonly ConnectorDefinition[]): void {
  // Task queues of external connectors stay inside.
  const items = connectors.map((definition) => ({
    name: definition.name,
    version: definition.version,
    digest: connectorDigest(definition),
    title: definition.title,
    description: definition.description,
    resource_types: definition.resourceTypes,
    parameters: definition.parameters,
    idempotent: definition.idempotent,
    previews: definition.previews,
    revocable: definition.revocable,
  }));
  scope.get(
    '/connectors',
    {
      schema: {
        tags: ['connectors'],
        security: [{ bearer: [] }],
        summary: 'The actions there are',
        querystring: NoQuery,
        response: { 200: { description: 'All connectors', content: { 'application/json': { schema: ConnectorList } } }, ...commonProblems },
      },
    },
    async () => ({ items }),
  );
}
