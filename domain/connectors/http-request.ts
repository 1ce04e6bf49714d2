import type { ConnectorDefinition } from '../connector.js';

const headerValue = { type: 'string', maxLength: 256, pattern: '^[\\x20-\\x7e]*$' } as const;

/** Sends one signed HTTP request to a configured target. */
export const httpRequest: ConnectorDefinition = {
  name: 'http.request',
  version: '1.0.0',
  title: 'Send an HTTP request',
  description:
    'Sends one request to an endpoint (resource `Endpoint`, id `<target>/<path>`) of a target that the executor knows. The request carries the action id as ' +
    '`Idempotency-Key` and, where the target has a secret, an HTTP message signature over method, target, body digest and key. Redirects are not followed. ' +
    'Of the response only status, type, size and digest are reported.',
  resourceTypes: ['Endpoint'],
  idempotent: false,
  previews: true,
  revocable: false,
  executionTimeoutMs: 120_000,
  parameters: {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    type: 'object',
    additionalProperties: false,
    required: ['method'],
    properties: {
      method: {
        title: 'Method',
        description: 'The HTTP method; the target lists those it allows.',
        enum: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
        'x-display': true,
        'x-policy': true,
      },
      query: {
        title: 'Query',
        description: 'Query parameters by name. People see the names, never the values.',
        type: 'object',
        maxProperties: 30,
        propertyNames: { pattern: '^[A-Za-z0-9._~-]{1,64}$' },
        additionalProperties: { type: 'string', maxLength: 1000 },
      },
      headers: {
        title: 'Headers',
        description: 'The few headers that a requester may set; credentials and signature are added by the executor.',
        type: 'object',
        additionalProperties: false,
        properties: {
          accept: { ...headerValue, title: 'Accept', 'x-display': true },
          'accept-language': { ...headerValue, title: 'Accept-Language', 'x-display': true },
          'if-match': { ...headerValue, title: 'If-Match', 'x-display': true },
          'if-none-match': { ...headerValue, title: 'If-None-Match', 'x-display': true },
          prefer: { ...headerValue, title: 'Prefer', 'x-display': true },
        },
      },
      body: {
        title: 'Body',
        description: 'JSON, sent in canonical form (RFC 8785), at most 256 KiB. Not with GET, HEAD or DELETE. People see its shape, never its content.',
      },
    },
  },
};
