import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { ensureAuthorsKey } from './keys.mjs';
import { root } from './paths.mjs';
import { run } from './run.mjs';
import { configFile, ensurePolicyEntry } from './sample-config.mjs';
import { Trouble } from './term.mjs';

/**
 * Signs the policies of a development system with a key of its own, as their authors would elsewhere: the executor judges by
 * nothing else. A bundle outside the data folder is somebody else's and is left alone. Needs the compiled code.
 */
export async function signPolicies(home) {
  const { parse } = await import('yaml');
  await ensurePolicyEntry(home);
  const { environment, policy, executor } = parse(await readFile(configFile(home), 'utf8'));
  const named = executor?.policy;
  if (environment !== 'development' || named === undefined) return;
  const bundle = path.resolve(home, named.bundle);
  if (path.relative(home, bundle).startsWith('..')) return;
  const key = await ensureAuthorsKey(path.join(home, 'authors'));
  const args = ['policy', 'sign', '--key', key, '--policies', path.resolve(home, policy.directory), '--out', bundle];
  try {
    await run(process.execPath, [path.join(root, 'dist/cli/main.js'), ...args], { timeoutMs: 120_000 });
  } catch (error) {
    throw new Trouble(`The policies could not be signed for the executor. ${error.message}`);
  }
}
