import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPostgresExport } from '../../../activities/adapters/connectors/postgres-export.js';
import type { Connector } from '../../../activities/ports.js';
import { postgresExport } from '../../../domain/connectors/index.js';
import type { JsonObject } from '../../../domain/json.js';
import { withoutMasked } from '../../../domain/preview-mask.js';
import { contextOf, requestOf } from '../../unit/connectors/request.js';
import { engines, startTargetDb, temporaryFolder, until, type TargetDb } from './database.js';

const table = (name: string, parameters: JsonObject) => requestOf(postgresExport, { type: 'Table', id: `crm/public.${name}` }, parameters);
const database = (parameters: JsonObject) => requestOf(postgresExport, { type: 'Database', id: 'crm' }, parameters);
// Some hundred million rows, produced as slowly as they are read.
const endless = 'select a.id, a.notes from customers a, customers b, orders c';

describe.each(engines)('postgres.export on %s', (engine) => {
  const home = temporaryFolder();
  const exports = path.join(home.folder, 'exports');
  let db: TargetDb;
  let connector: Connector;
  const connectorWith = (maxRows: number, url = db.url, statementTimeoutMs = 30_000) =>
    createPostgresExport(new Map([['crm', { url, statementTimeoutMs, maxRows }]]), exports);

  beforeAll(async () => {
    db = await startTargetDb(engine, home.folder);
    connector = connectorWith(1_000_000);
  }, 120_000);
  afterAll(async () => {
    await db.kill('SIGTERM');
    home.cleanUp();
  });

  it('exports the real rows as CSV with a digest of the very file', async () => {
    const request = table('customers', {
      columns: ['id', 'name', 'email', 'notes'],
      filter: [{ column: 'country', op: '=', value: 'DE' }],
      order_by: [{ column: 'id' }],
      limit: 500,
      format: 'csv',
    });
    connector.check(request);
    const context = contextOf();
    const outcome = await connector.execute(request, context);
    const file = path.join(exports, `${request.id}.csv`);
    const text = readFileSync(file, 'utf8');
    expect(outcome).toMatchObject({
      status: 'succeeded',
      resultDigest: `sha256:${createHash('sha256').update(text).digest('hex')}`,
      facts: [
        { label: 'Rows', value: '500' },
        { label: 'Columns', value: 'id, name, email, notes' },
        { label: 'Bytes', value: String(Buffer.byteLength(text)) },
        { label: 'File', value: file },
      ],
    });
    const lines = text.split('\r\n');
    expect(lines).toHaveLength(502);
    expect(lines[0]).toBe('id,name,email,notes');
    expect(lines[1]).toMatch(/^\d+,[^,]+,\S+@example\.(com|org|net),/);
    expect(context.beats.at(-1)).toEqual({ rows: 500 });
  });

  it('overwrites its own file, and no other, when it runs again', async () => {
    const first = table('products', { columns: ['sku'], order_by: [{ column: 'sku', direction: 'desc' }], destination: 'prices.csv', limit: 3 });
    const second = table('products', { columns: ['sku'], destination: 'prices.csv', limit: 1 });
    const once = await connector.execute(first, contextOf());
    await connector.execute(second, contextOf());
    const again = await connector.execute(first, contextOf());
    expect(again).toMatchObject({ status: 'succeeded', resultDigest: once.status === 'succeeded' ? once.resultDigest : '' });
    expect(readFileSync(path.join(exports, first.id, 'prices.csv'), 'utf8')).toBe('sku\r\nP-00200\r\nP-00199\r\nP-00198\r\n');
    expect(readdirSync(path.join(exports, first.id))).toEqual(['prices.csv']);
  });

  it('writes JSON Lines with exact numbers as texts and JSON as JSON', async () => {
    const request = database({
      select: `select 1::int4 as n, 12345678901234567890.10::numeric as d, true as b, '{"a": [1]}'::jsonb as j, null::text as z, E'a"b\\nc' as t, '2026-01-02 03:04:05+00'::timestamptz as at`,
      format: 'jsonl',
    });
    await connector.execute(request, contextOf());
    expect(JSON.parse(readFileSync(path.join(exports, `${request.id}.jsonl`), 'utf8'))).toEqual({
      n: 1,
      d: '12345678901234567890.10',
      b: true,
      j: { a: [1] },
      z: null,
      t: 'a"b\nc',
      at: '2026-01-02 03:04:05+00',
    });
  });

  it('quotes CSV as RFC 4180 has it and tells NULL from an empty text', async () => {
    const request = database({ select: `select 'a,b' as "x,y", 'say "hi"' as q, E'two\\nlines' as l, null::text as n, '' as e, '=1+1' as f` });
    await connector.execute(request, contextOf());
    expect(readFileSync(path.join(exports, `${request.id}.csv`), 'utf8')).toBe('"x,y",q,l,n,e,f\r\n"a,b","say ""hi""","two\nlines",,"",=1+1\r\n');
  });

  it.each([
    ['=', "x' or '1'='1", 0],
    ['=', "'; drop table customers; --", 0],
    ['like', "%' or true --", 0],
    ['in', ["x') or ('1'='1", 'a","b'], 0],
    ['<>', "x' and false --", 4000],
    ['is-null', undefined, 0],
  ] as const)('takes a hostile filter value for a value: %s %s', async (op, value, rows) => {
    const request = table('customers', { columns: ['id'], filter: [{ column: 'name', op, ...(value === undefined ? {} : { value }) }] });
    expect(await connector.execute(request, contextOf())).toMatchObject({
      status: 'succeeded',
      facts: expect.arrayContaining([{ label: 'Rows', value: String(rows) }]),
    });
  });

  it.each([
    ['an unknown column', table('customers', { columns: ['id', 'password'] }), 'target-refused'],
    ['an unknown column in the filter', table('customers', { columns: ['id'], filter: [{ column: 'nope', op: 'is-null' }] }), 'target-refused'],
    ['an unknown table', table('nothing', { columns: ['id'] }), 'target-refused'],
    ['a table the role may not read', table('countersign_seed', { columns: ['version'] }), 'target-refused'],
    ['a value of another type', table('orders', { columns: ['id'], filter: [{ column: 'total', op: '>', value: 'secret-value' }] }), 'target-refused'],
    ['a write hidden in a query', database({ select: 'with gone as (delete from customers returning *) select * from gone' }), 'target-refused'],
    ['a second statement', database({ select: "select 1) as x; delete from customers; select * from (select '1'" }), 'parameters-invalid'],
    ['a function that writes', database({ select: "select nextval('nothing')" }), 'target-refused'],
    ['two columns of one name', database({ select: 'select 1 as a, 2 as a' }), 'target-refused'],
    ['too few values', database({ select: 'select $2::text as t', values: ['a'] }), 'target-refused'],
  ])('refuses %s without telling values, and leaves no file', async (_, request, code) => {
    let seen: unknown;
    try {
      connector.check(request);
      seen = await connector.execute(request, contextOf());
    } catch (error) {
      seen = { status: 'failed', code: (error as { code: string }).code, detail: (error as Error).message };
    }
    expect(seen).toMatchObject({ status: 'failed', code });
    expect(JSON.stringify(seen)).not.toContain('secret-value');
    expect(readdirSync(exports).filter((name) => name.includes(request.id))).toEqual([]);
  });

  it('fails rather than cut off what exceeds the most rows of the target', async () => {
    const small = connectorWith(1_500);
    const request = table('customers', { columns: ['id'] });
    expect(await small.execute(request, contextOf())).toMatchObject({ status: 'failed', code: 'target-refused' });
    expect(existsSync(path.join(exports, `${request.id}.csv`))).toBe(false);
    expect(() => small.check(table('customers', { columns: ['id'], limit: 1_501 }))).toThrow(expect.objectContaining({ code: 'parameters-invalid' }));
  });

  it('previews rows, columns with types, file and filter without values', async () => {
    const request = table('customers', {
      columns: ['id', 'email', 'card_number', 'notes'],
      filter: [{ column: 'country', op: '=', value: 'DE' }],
      format: 'csv',
    });
    const preview = withoutMasked(await connector.preview!(request, contextOf()));
    expect(preview.facts).toEqual(
      expect.arrayContaining([
        { label: 'Rows', value: expect.stringMatching(/^about [\d,]{3,5} match the filter, of about 4,000$/) },
        { label: 'Columns', value: 'id (integer), email (text), card_number (text), notes (text)' },
        { label: 'Filter', value: 'country = (hidden value)' },
        { label: 'File', value: `${request.id}.csv` },
      ]),
    );
    expect(preview.warnings.join(' ')).toMatch(/No row limit.*Payment data, .*: card_number\..*Personal data, .*: email\..*Free text.*: notes\./);
    expect(JSON.stringify(preview)).not.toContain('DE');
    expect(readdirSync(exports).filter((name) => name.includes(request.id))).toEqual([]);
  });

  it('previews nothing that tells of a masked parameter', async () => {
    const request = table('customers', {
      columns: ['id', 'email', 'card_number'],
      filter: [{ column: 'country', op: '=', value: 'DE' }],
      order_by: [{ column: 'email' }],
      limit: 321,
      destination: 'out.csv',
    });
    const told = async (...mask: string[]) => JSON.stringify(withoutMasked(await connector.preview!(request, contextOf()), mask));
    const all = /card_number|email|321|country|out\.csv|[Pp]ersonal/;
    expect(await told()).toMatch(all);
    const most = await told('columns', 'limit', 'order_by');
    expect(most).not.toMatch(/card_number|email|321|[Pp]ersonal|No row limit/);
    expect(most).toMatch(/country.*out\.csv/);
    expect(await told('filter.column')).not.toMatch(/country|match the filter/);
    expect(await told('columns', 'limit', 'order_by', 'filter', 'destination')).not.toMatch(all);
    expect(withoutMasked(await connector.preview!(table('customers', { columns: ['id'] }), contextOf()), ['limit']).warnings).toEqual([]);
    const query = withoutMasked(await connector.preview!(database({ select: 'select email from customers', limit: 321 }), contextOf()), ['select', 'limit']);
    expect(JSON.stringify(query)).not.toMatch(/email|321/);
  });

  it('estimates how many rows match a filter, from what the planner knows, and reads none of them', async () => {
    const rows = async (name: string, parameters: JsonObject) =>
      (await connector.preview!(table(name, { columns: ['id'], ...parameters }), contextOf())).facts.find(({ label }) => label === 'Rows')?.value;
    const country = (value: string) => ({ filter: [{ column: 'country', op: '=', value }], limit: 500 });
    const estimated = async (value: string) =>
      Number(
        /^about ([\d,]+) match the filter, of about 4,000; at most 500 are exported$/
          .exec((await rows('customers', country(value))) ?? '')?.[1]
          ?.replaceAll(',', ''),
      );
    const client = new pg.Client(db.url);
    await client.connect();
    const { rows: counted } = await client.query<{ n: number }>("select count(*)::int as n from customers where country = 'DE'");
    await client.end();
    const real = counted[0]?.n ?? 0;
    expect(real).toBeGreaterThan(100);
    expect(Math.abs((await estimated('DE')) - real)).toBeLessThan(real);
    expect(await estimated('no such country')).toBeLessThan(real / 4);
    expect(await rows('customers', {})).toBe('all of about 4,000');
    // A value that fits no number is an error of the database, which may quote it.
    const strange = await rows('orders', { filter: [{ column: 'total', op: '>', value: 'not a number' }], limit: 5 });
    expect(strange).toBe('those that match the filter, whose number could not be estimated, of about 8,000; at most 5 are exported');
  });

  it('attack: a query that the planner would evaluate is not even sent before it is approved', async () => {
    const nowhere = connectorWith(1_000, 'postgres://nobody@127.0.0.1:1/crm');
    const leak = database({
      select: "select 1 as n, email from customers where query_to_xml('select card_number from customers', true, true, '')::text like 'x%'",
    });
    const preview = withoutMasked(await nowhere.preview!(leak, contextOf()));
    expect(preview.facts).toContainEqual({ label: 'Rows', value: 'unknown; a query is not looked at before it is approved' });
    expect(preview.facts).toContainEqual({ label: 'Columns', value: 'unknown; a query is not looked at before it is approved' });
    expect(preview.warnings.join(' ')).toMatch(/Personal data, .*\bemail\b/);
  });

  it('stops at the target and keeps no file when it is cancelled in mid-stream', async () => {
    const request = database({ select: endless, limit: 1_000_000 });
    const abort = new AbortController();
    const context = contextOf(abort.signal);
    const running = connector.execute(request, context);
    await until(() => context.beats.length > 2);
    abort.abort(new Error('cancelled'));
    expect(await running).toMatchObject({ status: 'cancelled' });
    expect(readdirSync(exports).filter((name) => name.includes(request.id))).toEqual([]);
    await until(async () => !(await backends(db.url)).includes(`countersign ${request.id}`));
  });

  it('tells that nothing happened when the target is not there', async () => {
    const request = table('products', { columns: ['sku'] });
    await expect(connectorWith(10, 'postgres://nobody:secret-value@127.0.0.1:1/crm').execute(request, contextOf())).rejects.toMatchObject({
      code: 'target-unavailable',
      message: expect.not.stringContaining('secret-value'),
    });
  });
});

describe.runIf(engines.includes('postgresql'))('postgres.export on a real server', () => {
  const home = temporaryFolder();
  const exports = path.join(home.folder, 'exports');
  let db: TargetDb;
  const connector = (statementTimeoutMs = 30_000) =>
    createPostgresExport(new Map([['crm', { url: db.url, statementTimeoutMs, maxRows: 10_000_000 }]]), exports);
  beforeAll(async () => {
    db = await startTargetDb('postgresql', home.folder);
  }, 120_000);
  afterAll(async () => {
    await db.kill('SIGTERM');
    home.cleanUp();
  });

  it('cancels a statement that has not yet given a row', async () => {
    const request = database({ select: 'select count(*) from (select pg_sleep(60)) as t' });
    const abort = new AbortController();
    const running = connector().execute(request, contextOf(abort.signal));
    await until(async () => (await backends(db.url)).includes(`countersign ${request.id}`));
    const started = Date.now();
    abort.abort(new Error('cancelled'));
    expect(await running).toMatchObject({ status: 'cancelled' });
    expect(Date.now() - started).toBeLessThan(3_000);
    await until(async () => !(await backends(db.url)).includes(`countersign ${request.id}`), 3_000);
  });

  it('fails when the statement takes longer than the target allows', async () => {
    expect(await connector(300).execute(database({ select: 'select pg_sleep(10)::text as t' }), contextOf())).toMatchObject({
      status: 'failed',
      code: 'target-refused',
      detail: expect.stringContaining('57014'),
    });
  });

  it('holds a large export neither in memory nor half on the disk', async () => {
    const request = database({ select: endless, limit: 400_000 });
    const before = process.memoryUsage().rss;
    let most = 0;
    const context = { ...contextOf(), heartbeat: () => void (most = Math.max(most, process.memoryUsage().rss)) };
    const outcome = await connector().execute(request, context);
    expect(outcome).toMatchObject({ status: 'succeeded', facts: expect.arrayContaining([{ label: 'Rows', value: '400000' }]) });
    expect(most - before).toBeLessThan(150 * 1024 * 1024);
  });

  it('tells that nothing happened when the target is killed in mid-stream, and recovers after it', async () => {
    const request = database({ select: endless, limit: 10_000_000 });
    const context = contextOf();
    const running = connector().execute(request, context);
    const outcome = running.catch((error: unknown) => error);
    await until(() => context.beats.length > 2);
    await db.kill('SIGKILL');
    expect(await outcome).toMatchObject({ code: 'target-unavailable' });
    expect(readdirSync(exports).filter((name) => name.includes(request.id))).toEqual([]);
    db = await startTargetDb('postgresql', home.folder);
    expect(await connector().execute(table('products', { columns: ['sku'] }), contextOf())).toMatchObject({ status: 'succeeded' });
  });
});

async function backends(url: string): Promise<readonly string[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<{ name: string }>('select application_name as name from pg_stat_activity')).rows.map(({ name }) => name);
  } finally {
    await client.end();
  }
}
