import { CountersignError } from '../../../domain/errors.js';
import type { ReadTransaction } from './postgres-export-client.js';
import { namedColumns, type ExportOrder } from './postgres-export-sql.js';

/** Compares every column an order names with those the executor's role can see. Throws `target-refused`. */
export async function checkColumns(transaction: ReadTransaction, order: ExportOrder): Promise<void> {
  if (order.source.kind !== 'table') return;
  const { schema, table } = order.source;
  const rows = await transaction.query<{ name: string }>({
    text: 'select column_name::text as name from information_schema.columns where table_schema = $1 and table_name = $2',
    values: [schema, table],
  });
  if (rows.length === 0) throw new CountersignError('target-refused', `There is no table ${schema}.${table} that the executor's role may read.`);
  const known = new Set(rows.map(({ name }) => name));
  const unknown = namedColumns(order).filter((name) => !known.has(name));
  if (unknown.length > 0)
    throw new CountersignError('target-refused', `${schema}.${table} has no column ${unknown.slice(0, 10).join(', ')} that the executor's role may read.`);
}
