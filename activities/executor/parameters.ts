import type { ValidateFunction } from 'ajv';
import { connectorAjv } from '../../config/connectors.js';
import type { ConnectorDefinition } from '../../domain/connector.js';
import { CountersignError } from '../../domain/errors.js';
import type { ActionRequest } from '../../domain/request.js';

/** Throws `parameters-invalid` unless a request fits the schema and the resource types of this definition. */
export type RequireFit = (definition: ConnectorDefinition, request: ActionRequest) => void;

/**
 * Compiles the schemas of these definitions, each once. The api has compared a request with them before, but the executor
 * believes nobody: connectors may rely on the schema. Throws on a definition whose schema is none.
 */
export function compileSchemas(definitions: Iterable<ConnectorDefinition>): RequireFit {
  const validators = new Map<ConnectorDefinition, ValidateFunction>();
  for (const definition of definitions) validators.set(definition, connectorAjv().compile(definition.parameters));
  return (definition, request) => {
    const fits = validators.get(definition);
    if (fits === undefined) throw new CountersignError('action-unknown', 'This executor runs no such connector.');
    if (!definition.resourceTypes.includes(request.resource.type))
      throw new CountersignError('parameters-invalid', `${definition.name} does not work on resources of this type.`);
    // The place in the schema is the connector's own text; the place in the data would be the requester's.
    if (!fits(request.parameters))
      throw new CountersignError('parameters-invalid', `The parameters do not fit the schema of ${definition.name} (${fits.errors?.[0]?.schemaPath ?? '#'}).`);
  };
}
