import { CountersignError } from '../../../domain/errors.js';
import type { Json } from '../../../domain/json.js';
import type { ActionRequest } from '../../../domain/request.js';
import { refuseSelect } from './postgres-export-select.js';

type Scalar = string | number | boolean;
type Condition = {
  readonly column: string;
  readonly op: '=' | '<>' | '<' | '>' | '<=' | '>=' | 'like' | 'in' | 'is-null';
  readonly value?: Scalar | readonly Scalar[];
};
type Parameters = {
  readonly columns?: readonly string[];
  readonly filter?: readonly Condition[];
  readonly order_by?: readonly { readonly column: string; readonly direction?: 'asc' | 'desc' }[];
  readonly limit?: number;
  readonly format?: 'csv' | 'jsonl';
  readonly destination?: string;
  readonly select?: string;
  readonly values?: readonly (Scalar | null)[];
};

/** What a request asks to export, checked. */
export type ExportOrder = {
  readonly target: string;
  readonly source: { readonly kind: 'table'; readonly schema: string; readonly table: string } | { readonly kind: 'select'; readonly sql: string };
  readonly parameters: Parameters;
  readonly format: 'csv' | 'jsonl';
};

/** A statement with the values that go beside it, never into it. */
export type Statement = { readonly text: string; readonly values: readonly Json[] };

const identifier = /^[A-Za-z_][A-Za-z0-9_$]{0,62}$/;
const resourceId = /^([a-z][a-z0-9-]{0,62})(?:\/([A-Za-z_][A-Za-z0-9_$]{0,62})\.([A-Za-z_][A-Za-z0-9_$]{0,62}))?$/;
const invalid = (detail: string) => new CountersignError('parameters-invalid', detail);

/** Reads a request. Requires parameters that fit the schema of the connector; throws `parameters-invalid` if the parts make no sense together. */
export function readOrder(request: ActionRequest): ExportOrder {
  const parameters = request.parameters as Parameters;
  const match = resourceId.exec(request.resource.id);
  const [, target, schema, table] = match ?? [];
  if (target === undefined) throw invalid('The resource id must be <target>/<schema>.<table>, or <target> for a query.');
  const format = parameters.format ?? 'csv';

  switch (request.resource.type) {
    case 'Table': {
      if (schema === undefined || table === undefined) throw invalid('A Table is named <target>/<schema>.<table>.');
      if (parameters.select !== undefined) throw invalid('"select" is for Database resources; name columns instead.');
      if (parameters.columns === undefined) throw invalid('"columns" is required for a Table.');
      for (const condition of parameters.filter ?? []) checkCondition(condition);
      return { target, source: { kind: 'table', schema, table }, parameters, format };
    }
    case 'Database': {
      if (schema !== undefined) throw invalid('A Database is named by its target alone.');
      if (parameters.select === undefined) throw invalid('"select" is required for a Database.');
      for (const name of ['columns', 'filter', 'order_by'] as const)
        if (parameters[name] !== undefined) throw invalid(`"${name}" is for Table resources; write it into the query.`);
      const problem = refuseSelect(parameters.select);
      if (problem !== undefined) throw invalid(problem);
      return { target, source: { kind: 'select', sql: parameters.select }, parameters, format };
    }
    default:
      throw invalid('postgres.export works on Table and Database resources.');
  }
}

function checkCondition({ op, value, column }: Condition): void {
  const list = Array.isArray(value);
  if (op === 'is-null' ? value !== undefined : value === undefined)
    throw invalid(`The filter on "${column}" ${op === 'is-null' ? 'takes no value' : 'lacks its value'}.`);
  if ((op === 'in') !== list && op !== 'is-null') throw invalid(`The filter on "${column}" needs ${op === 'in' ? 'a list of values' : 'a single value'}.`);
  if (op === 'like' && typeof value !== 'string') throw invalid(`The filter on "${column}" needs a text to compare with.`);
}

/** Quotes an identifier. Throws `parameters-invalid` on one the schema should not have let through. */
export function quoteIdentifier(name: string): string {
  if (!identifier.test(name)) throw invalid('A name of a column or table is not allowed.');
  return `"${name}"`;
}

/** The statement of an order, at most `limit` rows. Every value of the requester is a parameter. */
export function exportStatement(order: ExportOrder, limit: number): Statement {
  if (!Number.isSafeInteger(limit) || limit < 0) throw invalid('The row limit is not a number of rows.');
  const { source, parameters } = order;
  // As a subquery it can be nothing but a query: data-modifying WITH is an error below the top level.
  if (source.kind === 'select')
    return { text: `select * from (\n${source.sql}\n) as countersign_export limit ${limit}`, values: [...(parameters.values ?? [])] };

  const values: Json[] = [];
  const add = (value: Json): string => `$${values.push(value)}`;
  const where = (parameters.filter ?? []).map((condition) => conditionSql(condition, add));
  const sort = (parameters.order_by ?? []).map(({ column, direction }) => `${quoteIdentifier(column)} ${direction === 'desc' ? 'desc' : 'asc'}`);
  const text = [
    `select ${(parameters.columns ?? []).map(quoteIdentifier).join(', ')}`,
    `from ${quoteIdentifier(source.schema)}.${quoteIdentifier(source.table)}`,
    ...(where.length === 0 ? [] : [`where ${where.join(' and ')}`]),
    ...(sort.length === 0 ? [] : [`order by ${sort.join(', ')}`]),
    `limit ${limit}`,
  ].join(' ');
  return { text, values };
}

function conditionSql({ column, op, value }: Condition, add: (value: Json) => string): string {
  const name = quoteIdentifier(column);
  switch (op) {
    case 'is-null':
      return `${name} is null`;
    case 'in':
      return `${name} = any(${add((value as readonly Scalar[]).map(String))})`;
    case 'like':
      return `${name}::text like ${add(value as string)}`;
    case '=':
    case '<>':
    case '<':
    case '>':
    case '<=':
    case '>=':
      // Sent as text, so that the database converts it to the type of the column.
      return `${name} ${op} ${add(String(value))}`;
    default:
      throw invalid('A filter has an unknown operator.');
  }
}

/** Every column an order on a table speaks of, each once. */
export function namedColumns({ parameters }: ExportOrder): readonly string[] {
  return [
    ...new Set([
      ...(parameters.columns ?? []),
      ...(parameters.filter ?? []).map(({ column }) => column),
      ...(parameters.order_by ?? []).map(({ column }) => column),
    ]),
  ];
}

/** The filter for people: columns and operators, values hidden. */
export function filterSummary({ parameters }: ExportOrder): string {
  const parts = (parameters.filter ?? []).map(({ column, op, value }) =>
    op === 'is-null' ? `${column} is null` : `${column} ${op} ${Array.isArray(value) ? `(${value.length} hidden values)` : '(hidden value)'}`,
  );
  return parts.length === 0 ? 'none' : parts.join(' and ');
}
