import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { columnWarnings } from '../../../activities/adapters/connectors/postgres-export-preview.js';
import { refuseSelect } from '../../../activities/adapters/connectors/postgres-export-select.js';
import { exportStatement, readOrder } from '../../../activities/adapters/connectors/postgres-export-sql.js';
import { postgresExport } from '../../../domain/connectors/index.js';
import { requestOf } from './request.js';

const order = (type: string, id: string, parameters: object) => readOrder(requestOf(postgresExport, { type, id }, parameters as never));

describe('the statement of an export', () => {
  it('holds quoted names, and values only beside it', () => {
    const read = order('Table', 'crm/public.customers', {
      columns: ['id', 'Name'],
      filter: [
        { column: 'country', op: '=', value: "D'E" },
        { column: 'id', op: 'in', value: [1, 2] },
        { column: 'notes', op: 'is-null' },
        { column: 'name', op: 'like', value: 'A%' },
      ],
      order_by: [{ column: 'id', direction: 'desc' }],
    });
    expect(exportStatement(read, 10)).toEqual({
      text: 'select "id", "Name" from "public"."customers" where "country" = $1 and "id" = any($2) and "notes" is null and "name"::text like $3 order by "id" desc limit 10',
      values: ["D'E", ['1', '2'], 'A%'],
    });
  });

  it('never holds a character of a filter value, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (value) => {
        const marked = `⟦${value}⟧`;
        const { text, values } = exportStatement(
          order('Table', 'crm/public.customers', { columns: ['id'], filter: [{ column: 'name', op: '=', value: marked }] }),
          1,
        );
        expect(text).toBe('select "id" from "public"."customers" where "name" = $1 limit 1');
        expect(values).toEqual([marked]);
      }),
    );
  });

  it.each([
    ['an unknown type', 'Bucket', 'crm/public.customers', { columns: ['id'] }],
    ['a table without columns', 'Table', 'crm/public.customers', {}],
    ['a table with a query', 'Table', 'crm/public.customers', { columns: ['id'], select: 'select 1' }],
    ['a table without schema', 'Table', 'crm/customers', { columns: ['id'] }],
    ['a table that breaks out', 'Table', 'crm/public.customers"; drop table x; --', { columns: ['id'] }],
    ['a path for a table', 'Table', '../crm/public.customers', { columns: ['id'] }],
    ['a column that breaks out', 'Table', 'crm/public.customers', { columns: ['id" --'] }],
    ['a database with columns', 'Database', 'crm', { select: 'select 1', columns: ['id'] }],
    ['a database without query', 'Database', 'crm', { columns: ['id'] }],
    ['a table as a database', 'Database', 'crm/public.customers', { select: 'select 1' }],
    ['a list where one value belongs', 'Table', 'crm/public.customers', { columns: ['id'], filter: [{ column: 'id', op: '=', value: [1] }] }],
    ['one value where a list belongs', 'Table', 'crm/public.customers', { columns: ['id'], filter: [{ column: 'id', op: 'in', value: 1 }] }],
    ['a value for is-null', 'Table', 'crm/public.customers', { columns: ['id'], filter: [{ column: 'id', op: 'is-null', value: 1 }] }],
    ['a missing value', 'Table', 'crm/public.customers', { columns: ['id'], filter: [{ column: 'id', op: '=' }] }],
    ['an operator that breaks out', 'Table', 'crm/public.customers', { columns: ['id'], filter: [{ column: 'id', op: '= 1 or 1 =', value: 1 }] }],
  ])('refuses %s', (_, type, id, parameters) => {
    expect(() => exportStatement(order(type, id, parameters), 1)).toThrow(expect.objectContaining({ code: 'parameters-invalid' }));
  });
});

describe('a query', () => {
  it.each([
    'select 1',
    'SELECT a FROM b WHERE c = $1',
    "with x as (select ';' as a) select * from x",
    "select 'it''s -- no comment' as a, \"/* nor this */\" from t",
    "select E'a\\'; b' as a",
    'select $tag$ ; ) -- $tag$ as a',
  ])('may be %s', (sql) => {
    expect(refuseSelect(sql)).toBeUndefined();
  });

  it.each([
    'delete from customers',
    'selectx',
    'select 1; select 2',
    'select 1;',
    'select 1 -- approve me',
    'select /* approve me */ 1',
    'select 1) as a, (select 2',
    'select (1',
    "select 'open",
    'select "open',
    'select $$open',
    "select 'a\\' ; delete from x; --'",
    "select e'\\\\' ; delete from x --'",
    'select \u0000 1',
    "copy (select 1) to program 'x'",
    'explain select 1',
  ])('may not be %j', (sql) => {
    expect(refuseSelect(sql)).toBeTypeOf('string');
  });
});

describe('warnings by column name', () => {
  it.each([
    ['card_number', 'Payment data'],
    ['iban', 'Payment data'],
    ['emailAddress', 'Personal data'],
    ['first_name', 'Personal data'],
    ['password_hash', 'Credentials'],
    ['notes', 'Free text that may hold anything'],
  ])('%s looks like %s', (column, kind) => {
    expect(columnWarnings([column])).toEqual([`${kind}, judging by the column names: ${column}.`]);
  });
  it('says nothing of harmless names', () => {
    expect(columnWarnings(['id', 'sku', 'price', 'total', 'placed_at', 'country', 'company', 'expansion'])).toEqual([]);
  });
});
