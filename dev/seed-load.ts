/** A connection that may create tables. */
export type Loader = (text: string, values?: readonly unknown[]) => Promise<readonly Record<string, unknown>[]>;

/** The role the executor reads with. */
export const readerRole = 'countersign_reader';

const version = 1;
const batchRows = 1_000;

/**
 * Creates and fills the sample tables once, in one transaction, and lets the reader's role read them.
 * Requires that the role exists. Returns whether anything was to do.
 */
export async function seedOnce(run: Loader): Promise<boolean> {
  await run('create table if not exists public.countersign_seed (version integer not null)');
  if ((await run('select version from public.countersign_seed')).some((row) => row['version'] === version)) return false;
  // Only now: the library of sample data takes longer to load than the rest of the start.
  const { sampleTables } = await import('./seed-data.js');
  await run('begin');
  for (const { name, columns, rows } of sampleTables) {
    await run(`drop table if exists public.${name} cascade`);
    await run(`create table public.${name} (${columns.map((column) => column.join(' ')).join(', ')})`);
    const names = columns.map(([column]) => column).join(', ');
    const types = columns.map(([column, type]) => `${column} ${type.split(' ')[0]}`).join(', ');
    for (const batch of batches(rows(), batchRows))
      await run(`insert into public.${name} (${names}) select ${names} from jsonb_to_recordset($1::jsonb) as row(${types})`, [JSON.stringify(batch)]);
    await run(`grant select on public.${name} to ${readerRole}`);
  }
  await run('create index on public.orders (customer_id)');
  await run('create index on public.customers (country)');
  await run('delete from public.countersign_seed');
  await run(`insert into public.countersign_seed values (${version})`);
  await run('commit');
  await run('analyze');
  return true;
}

function* batches<T>(items: Iterable<T>, size: number): Iterable<readonly T[]> {
  let batch: T[] = [];
  for (const item of items) {
    batch.push(item);
    if (batch.length === size) {
      yield batch;
      batch = [];
    }
  }
  if (batch.length > 0) yield batch;
}
