import { parseArgs } from 'node:util';
import { vitest } from './vitest.mjs';
import { ensureInstalled } from './install.mjs';
import { step } from './term.mjs';

/** Fuzzes for as many minutes as asked. Returns the exit code. */
export async function fuzz(args) {
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options: { minutes: { type: 'string', default: '10' } } });
  const minutes = Number(values.minutes);
  if (!(minutes > 0 && minutes <= 1_440)) throw new Error('--minutes must be a number above 0 and up to 1440');
  await step('dependencies', ensureInstalled);
  return vitest(['--project', 'fuzz', ...positionals], { COUNTERSIGN_FUZZ_MINUTES: String(minutes) });
}
