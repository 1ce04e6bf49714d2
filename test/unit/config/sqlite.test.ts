import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { expect, it } from 'vitest';

it('SQLite outlives the collection of its statements and databases', () => {
  const code = `
    const { Sqlite } = await import(${JSON.stringify(path.resolve('config/sqlite.ts'))});
    for (let i = 0; i < 10; i += 1) {
      const database = new Sqlite(':memory:');
      database.exec('CREATE TABLE t (n INTEGER)');
      for (let n = 0; n < 100; n += 1) database.prepare('INSERT INTO t VALUES (?)').run(n);
      if (database.prepare('SELECT count(*) AS n FROM t').get().n !== 100) throw new Error('rows are missing');
      if (i % 2 === 0) database.close();
      gc();
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    console.log('still here');`;
  expect(execFileSync(process.execPath, ['--expose-gc', '--import', 'tsx', '--input-type=module', '-e', code], { encoding: 'utf8' })).toBe('still here\n');
});
