import { createHash } from 'node:crypto';
import pg from 'pg';
import { afterEach, describe, expect, it } from 'vitest';
import { engines, startTargetDb, temporaryFolder } from './database.js';

describe.each(engines)('the sample database on %s', { timeout: 120_000 }, (engine) => {
  const cleanUps: (() => void)[] = [];
  afterEach(() => {
    for (const cleanUp of cleanUps.splice(0)) cleanUp();
  });

  it('is filled once, survives SIGKILL, and ends cleanly on SIGTERM', async () => {
    const { folder, cleanUp } = temporaryFolder();
    cleanUps.push(cleanUp);
    const first = await startTargetDb(engine, folder);
    const rows = await ask(first.url, 'select * from customers order by id');
    expect(rows).toHaveLength(4_000);
    expect(rows[0]).toMatchObject({
      id: 1,
      name: expect.stringContaining(' '),
      email: expect.stringMatching(/@example\.(com|org|net)$/),
      card_number: expect.stringMatching(/^[\d -]{13,}$/),
    });
    expect(
      await ask(
        first.url,
        'select (select count(*)::int from products) as p, (select count(*)::int from orders) as o, (select count(*)::int from tickets) as t',
      ),
    ).toEqual([{ p: 200, o: 8_000, t: 1_000 }]);
    expect(Number((await ask(first.url, "select count(*)::int as n from customers where country = 'DE'"))[0]?.['n'])).toBeGreaterThan(500);
    await first.kill('SIGKILL');

    const started = Date.now();
    const second = await startTargetDb(engine, folder, first.port);
    expect(second.port).toBe(first.port);
    expect(Date.now() - started).toBeLessThan(60_000);
    expect(digest(await ask(second.url, 'select * from customers order by id'))).toBe(digest(rows));
    expect(await second.kill('SIGTERM')).toBe(0);
    await expect(ask(second.url, 'select 1')).rejects.toThrow();
  });

  it('lets the role of the executor read and nothing else', async () => {
    const { folder, cleanUp } = temporaryFolder();
    cleanUps.push(cleanUp);
    const db = await startTargetDb(engine, folder);
    try {
      for (const sql of [
        'delete from customers',
        'create table x (a int)',
        'update products set price = 0',
        'set default_transaction_read_only = off; delete from customers',
        'create role x superuser',
      ])
        await expect(ask(db.url, sql)).rejects.toThrow(/permission denied|read-only/);
      expect(await ask(db.url, 'select current_user::text as me, rolsuper as super from pg_roles where rolname = current_user')).toEqual([
        { me: 'countersign_reader', super: false },
      ]);
      // The embedded engine knows no passwords, which is why its every connection can only read.
      if (engine === 'postgresql') await expect(ask(db.url.replace(/:[^:@]+@/, ':wrong@'), 'select 1')).rejects.toThrow(/password/);
    } finally {
      await db.kill('SIGTERM');
    }
  });
});

const digest = (value: unknown): string => createHash('sha256').update(JSON.stringify(value)).digest('hex');

async function ask(url: string, sql: string): Promise<readonly Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end().catch(() => undefined);
  }
}
