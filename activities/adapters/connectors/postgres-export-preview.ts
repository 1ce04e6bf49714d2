import pg from 'pg';
import type { ConnectorPreview } from '../../../domain/preview-mask.js';
import type { ReadTransaction } from './postgres-export-client.js';
import { checkColumns } from './postgres-export-columns.js';
import { exportStatement, filterSummary, type ExportOrder } from './postgres-export-sql.js';

const maxListed = 100;
const notLookedAt = 'unknown; a query is not looked at before it is approved';

type Where = { readonly file: string; readonly maxRows: number };

/**
 * Says what the export of a table would yield, from the catalogue and, with a filter, the planner's estimate, which reads no row. The estimate
 * tells of the rows that match, so a preview is for those who decide: the api keeps it from whoever asked.
 */
export async function previewTable(transaction: ReadTransaction, order: ExportOrder, where: Where): Promise<ConnectorPreview> {
  const { source, parameters } = order;
  if (source.kind !== 'table') throw new TypeError('only a table is looked at before it is approved');
  await checkColumns(transaction, order);
  const types = await columnTypes(transaction, source);
  const size = await tableSize(transaction, source);
  const matching = parameters.filter === undefined ? undefined : await estimate(transaction, order);
  const columns = parameters.columns ?? [];
  const named = columns.slice(0, maxListed).map((name) => `${name} (${types.get(name) ?? 'unknown'})`);
  const wholeTable = parameters.filter === undefined && parameters.limit === undefined;
  return {
    facts: [
      { label: 'Source', value: `${source.schema}.${source.table} of ${order.target}`, of: [] },
      { label: 'Rows', value: rowsText(size, parameters.limit, parameters.filter !== undefined, matching), of: ['limit', 'filter'] },
      { label: 'Columns', value: named.join(', ') + (columns.length > maxListed ? ` and ${columns.length - maxListed} more` : ''), of: ['columns'] },
      { label: 'Filter', value: filterSummary(order), of: ['filter'] },
      ...(parameters.order_by === undefined
        ? []
        : [{ label: 'Order', value: parameters.order_by.map(({ column, direction }) => `${column} ${direction ?? 'asc'}`).join(', '), of: ['order_by'] }]),
      ...fileFacts(order, where),
    ],
    warnings: [
      ...(parameters.limit === undefined ? [{ text: `No row limit: every matching row is exported, up to ${where.maxRows}.`, of: ['limit'] }] : []),
      ...(wholeTable ? [{ text: 'No filter: the whole table is exported.', of: ['filter', 'limit'] }] : []),
      ...(wholeTable && size !== undefined && size > where.maxRows
        ? [{ text: `Likely to fail: the target allows at most ${where.maxRows} rows.`, of: ['filter', 'limit'] }]
        : []),
      ...columnWarnings(columns).map((text) => ({ text, of: ['columns'] })),
    ],
  };
}

/** Says what is known of the export of a query from its text alone: to plan or describe it could already run functions of it. */
export function previewSelect(order: ExportOrder, where: Where): ConnectorPreview {
  const { source, parameters } = order;
  if (source.kind !== 'select') throw new TypeError('a table has no query');
  const { limit } = parameters;
  return {
    facts: [
      { label: 'Source', value: `a query on ${order.target}`, of: [] },
      { label: 'Rows', value: limit === undefined ? notLookedAt : `at most ${count(limit)}; how many is ${notLookedAt}`, of: ['limit'] },
      { label: 'Columns', value: notLookedAt, of: [] },
      ...fileFacts(order, where),
    ],
    warnings: [
      ...(limit === undefined ? [{ text: `No row limit: every row of the query is exported, up to ${where.maxRows}.`, of: ['limit'] }] : []),
      ...columnWarnings(namesIn(source.sql)).map((text) => ({ text, of: ['select'] })),
    ],
  };
}

const count = (rows: number): string => rows.toLocaleString('en-US');

const fileFacts = (order: ExportOrder, where: Where): ConnectorPreview['facts'] => [
  { label: 'Format', value: order.format === 'csv' ? 'CSV' : 'JSON Lines', of: ['format'] },
  { label: 'File', value: where.file, of: ['destination', 'format'] },
];

/** How many rows, from the limit, the size of the whole table, and the estimate of those that match. */
function rowsText(size: number | undefined, limit: number | undefined, filtered: boolean, matching: number | undefined): string {
  const table = size === undefined ? 'a table whose size is unknown' : `about ${count(size)}`;
  if (!filtered) return `${limit === undefined ? 'all' : `at most ${count(limit)}`} of ${table}`;
  const match = matching === undefined ? 'those that match the filter, whose number could not be estimated' : `about ${count(matching)} match the filter`;
  return `${match}, of ${table}${limit === undefined ? '' : `; at most ${count(limit)} are exported`}`;
}

/**
 * The planner's estimate of the rows that match, to two digits, which is more than it knows. Undefined when it gives none, as for a value
 * that fits no number: the export itself will say what is wrong with that.
 */
async function estimate(transaction: ReadTransaction, order: ExportOrder): Promise<number | undefined> {
  const { text, values } = exportStatement(order, Number.MAX_SAFE_INTEGER);
  try {
    const [row] = await transaction.query<{ 'QUERY PLAN': unknown }>({ text: `explain (format json) ${text}`, values });
    const [plan] = row?.['QUERY PLAN'] as readonly { readonly Plan: { readonly 'Plan Rows': unknown } }[];
    const rows = plan?.Plan['Plan Rows'];
    return typeof rows === 'number' && Number.isFinite(rows) && rows >= 0 ? Number(rows.toPrecision(2)) : undefined;
  } catch (error) {
    // The database's own words may hold a value of the filter.
    if (error instanceof pg.DatabaseError || error instanceof TypeError) return undefined;
    throw error;
  }
}

type Table = { readonly schema: string; readonly table: string };

async function columnTypes(transaction: ReadTransaction, { schema, table }: Table): Promise<ReadonlyMap<string, string>> {
  const rows = await transaction.query<{ name: string; type: string }>({
    text: `select a.attname::text as name, format_type(a.atttypid, null) as type
      from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
      where n.nspname = $1 and c.relname = $2 and a.attnum > 0 and not a.attisdropped`,
    values: [schema, table],
  });
  return new Map(rows.map(({ name, type }) => [name, type]));
}

// What the last ANALYZE or VACUUM left in the catalogue. A view has no such number, and a table that was never looked at -1.
async function tableSize(transaction: ReadTransaction, { schema, table }: Table): Promise<number | undefined> {
  const [row] = await transaction.query<{ size: string }>({
    text: `select c.reltuples::float8::text as size from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where n.nspname = $1 and c.relname = $2 and c.relkind in ('r', 'm', 'p', 'f')`,
    values: [schema, table],
  });
  const size = Number(row?.size ?? -1);
  return size >= 0 ? Math.round(size) : undefined;
}

// Every word of a query but literals and the types of casts.
function namesIn(sql: string): readonly string[] {
  const words = sql.replaceAll(/'(?:[^']|'')*'/g, ' ').replaceAll(/::\s*[A-Za-z_][A-Za-z0-9_]*/g, ' ');
  return [...new Set(words.match(/[A-Za-z_][A-Za-z0-9_]*/g) ?? [])];
}

const kinds = [
  {
    what: 'Payment data',
    words: /^(card|cards|cardnumber|pan|iban|bic|cvv|cvc|creditcard|accountnumber|sortcode)$/,
    pairs: /(credit|debit)_?card|account_(no|number)|card_/,
  },
  {
    what: 'Credentials',
    words: /^(password|passwd|pwd|secret|token|apikey|otp|salt|privatekey|credential|credentials)$/,
    pairs: /(api|private|access)_?key|password|secret/,
  },
  {
    what: 'Personal data',
    words:
      /^(name|firstname|lastname|surname|email|mail|phone|mobile|telephone|fax|address|street|zip|postcode|birthdate|birthday|dob|ssn|passport|nationality|gender|religion|ip|salary|diagnosis)$/,
    pairs: /(first|last|full|user)_?name|e_?mail|phone|date_of_birth|birth_|national_id|tax_id|social_security/,
  },
  { what: 'Free text that may hold anything', words: /^(note|notes|comment|comments|body|message|messages|description|remarks|text)$/, pairs: /free_?text/ },
] as const;

/** One warning a kind of sensitive data that the names of columns suggest. */
export function columnWarnings(columns: readonly string[]): readonly string[] {
  return kinds.flatMap(({ what, words, pairs }) => {
    const found = columns.filter((column) => {
      const name = column.replaceAll(/([a-z])([A-Z])/g, '$1_$2').toLowerCase();
      return pairs.test(name) || name.split('_').some((word) => words.test(word));
    });
    return found.length === 0
      ? []
      : [`${what}, judging by the column names: ${found.slice(0, 20).join(', ')}${found.length > 20 ? ` and ${found.length - 20} more` : ''}.`];
  });
}
