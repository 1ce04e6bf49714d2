import { execFile } from 'node:child_process';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestSystem } from '../../helpers/processes.js';
import { blocks, root, runnableDocuments } from './documents.js';

const documents = runnableDocuments()
  .map(({ name, text }) => ({ name, commands: blocks(text).filter((block) => block.language === 'sh') }))
  .filter(({ commands }) => commands.length > 0);

let system: TestSystem;
let temporalFolder: string;
beforeAll(async () => {
  // By a name the compiler does not follow: the script has no types, and this is all that is needed of it.
  const script: string = new URL('../../../scripts/lib/temporal.mjs', import.meta.url).href;
  const { findTemporal } = (await import(script)) as { findTemporal: () => Promise<{ readonly file: string }> };
  temporalFolder = path.dirname((await findTemporal()).file);
  system = await TestSystem.start();
});
afterAll(async () => {
  await system.stop();
});

/** What stands in the documents for a system started with npm start is another folder and other ports here. */
function here(command: string): string {
  return command
    .replaceAll('http://localhost:7780', system.publicUrl)
    .replaceAll('127.0.0.1:7233', system.config.address)
    .replaceAll(/(?<![\w/])\.countersign\//g, `${system.home}/`);
}

function run(script: string): Promise<{ readonly code: number; readonly output: string }> {
  const env = {
    PATH: `${process.env['PATH'] ?? ''}${path.delimiter}${temporalFolder}`,
    HOME: process.env['HOME'],
    COUNTERSIGN_HOME: system.home,
    TEMPORAL_CONFIG_FILE: '/dev/null',
  };
  return new Promise((resolve) => {
    const child = execFile('sh', ['-c', script], { cwd: root, env, timeout: 170_000, maxBuffer: 16_777_216 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      resolve({ code, output: `${stdout}${code === 0 ? '' : `\n${stderr}`}` });
    });
    child.stdin?.end();
  });
}

const mark = (index: number) => `@@@ block ${index} @@@`;

describe('the commands of the documents work as they stand', () => {
  it('finds the commands of the README', () => {
    expect(documents.map(({ name }) => name)).toContain('README.md');
  });

  it.each(documents)('$name', async ({ name, commands }) => {
    // One shell for all blocks of a document, as for somebody who pastes one after the other.
    const script = ['set -eu', ...commands.map(({ code }, index) => `printf '\\n%s\\n' '${mark(index)}'\n${here(code)}`)].join('\n');
    const { code, output } = await run(script);
    expect(code, `${name}:\n${output}`).toBe(0);
    for (const [index, block] of commands.entries()) {
      const printed = output.split(mark(index))[1]?.split(mark(index + 1))[0] ?? '';
      expect(block.expect.length, `${name}:${block.line} says what it prints`).toBeGreaterThan(0);
      for (const text of block.expect) expect(printed, `${name}:${block.line}`).toContain(here(text));
    }
  });
});
