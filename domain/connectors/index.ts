import type { ConnectorDefinition } from '../connector.js';
import { httpRequest } from './http-request.js';
import { postgresExport } from './postgres-export.js';

export { httpRequest, postgresExport };

/** The connectors that Countersign brings along. */
export const builtinConnectors: readonly ConnectorDefinition[] = [postgresExport, httpRequest];
