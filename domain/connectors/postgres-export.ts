import type { ConnectorDefinition } from '../connector.js';

// Letters, digits, _ and $, as an unquoted PostgreSQL identifier; anything else could not be shown to people truthfully.
const identifier = { type: 'string', pattern: '^[A-Za-z_][A-Za-z0-9_$]{0,62}$' } as const;
const scalar = [{ type: 'string', maxLength: 1000 }, { type: 'number' }, { type: 'boolean' }] as const;

/** Exports rows of a PostgreSQL database to a file beside the executor. Reads only. */
export const postgresExport: ConnectorDefinition = {
  name: 'postgres.export',
  version: '1.0.0',
  title: 'Export rows from PostgreSQL',
  description:
    'Writes rows of one table or view (resource `Table`, id `<target>/<schema>.<table>`) or of one SELECT statement (resource `Database`, id `<target>`) ' +
    'to a CSV or JSON Lines file in the exports folder of the executor. It runs in a read-only transaction and changes nothing in the database. ' +
    'The file holds the real rows as they are; cells that a spreadsheet would take for formulas are not altered.',
  resourceTypes: ['Table', 'Database'],
  idempotent: true,
  previews: true,
  revocable: false,
  executionTimeoutMs: 900_000,
  parameters: {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    type: 'object',
    additionalProperties: false,
    properties: {
      columns: {
        title: 'Columns',
        description: 'The columns to export, in this order. Required for a table; there is no "all columns".',
        type: 'array',
        items: identifier,
        minItems: 1,
        maxItems: 100,
        uniqueItems: true,
        'x-display': true,
        'x-policy': true,
      },
      filter: {
        title: 'Filter',
        description: 'Conditions that must all hold. Without a filter every row of the table is exported. People see column and operator, never the value.',
        type: 'array',
        minItems: 1,
        maxItems: 20,
        items: {
          type: 'object',
          additionalProperties: false,
          required: ['column', 'op'],
          properties: {
            column: { ...identifier, title: 'Column', 'x-display': true, 'x-policy': true },
            op: { title: 'Operator', enum: ['=', '<>', '<', '>', '<=', '>=', 'like', 'in', 'is-null'], 'x-display': true },
            value: {
              title: 'Value',
              description: 'A text, number or boolean; a list of them for `in`; absent for `is-null`.',
              anyOf: [...scalar, { type: 'array', minItems: 1, maxItems: 200, items: { anyOf: scalar } }],
            },
          },
        },
      },
      order_by: {
        title: 'Order',
        description: 'Columns to sort by, most significant first.',
        type: 'array',
        minItems: 1,
        maxItems: 10,
        items: {
          type: 'object',
          additionalProperties: false,
          required: ['column'],
          properties: {
            column: { ...identifier, title: 'Column', 'x-display': true, 'x-policy': true },
            direction: { title: 'Direction', enum: ['asc', 'desc'], 'x-display': true },
          },
        },
      },
      limit: {
        title: 'Row limit',
        description: 'At most this many rows. Without it all matching rows are exported, and the export fails if they are more than the target allows.',
        type: 'integer',
        minimum: 1,
        maximum: 10_000_000,
        'x-display': true,
        'x-policy': true,
      },
      format: {
        title: 'Format',
        description: '`csv` (RFC 4180, UTF-8, header line; the default) or `jsonl` (one JSON object a line; exact numbers are texts).',
        enum: ['csv', 'jsonl'],
        'x-display': true,
        'x-policy': true,
      },
      destination: {
        title: 'Destination file',
        description: 'A file name. The file is put into a folder of its own, named after the action, so no other export is overwritten.',
        type: 'string',
        pattern: '^[a-z0-9][a-z0-9._-]{0,80}$',
        'x-display': true,
      },
      select: {
        title: 'SQL query',
        description:
          'One SELECT statement without comments, for a `Database` resource only. It is shown to approvers as it stands, so put values that people must not see into `values` and refer to them as $1, $2.',
        type: 'string',
        minLength: 8,
        maxLength: 4000,
        'x-display': true,
      },
      values: {
        title: 'Query values',
        description: 'The values of $1, $2 and so on in the query. Never shown in clear.',
        type: 'array',
        minItems: 1,
        maxItems: 50,
        items: { anyOf: [...scalar, { type: 'null' }] },
      },
    },
    dependentRequired: { values: ['select'] },
    anyOf: [{ required: ['columns'] }, { required: ['select'] }],
  },
};
