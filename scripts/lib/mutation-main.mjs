import { spawn } from 'node:child_process';
import path from 'node:path';
import { ensureInstalled } from './install.mjs';
import { root } from './paths.mjs';
import { step } from './term.mjs';

/** Runs Stryker with our configuration; further arguments go to it. Returns its exit code: not 0 when the score is below the threshold. */
export async function mutation(args) {
  await step('dependencies', ensureInstalled);
  return new Promise((resolve, reject) => {
    const binary = path.join(root, 'node_modules/@stryker-mutator/core/bin/stryker.js');
    const child = spawn(process.execPath, [binary, 'run', 'test/mutation/stryker.json', ...args], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}
