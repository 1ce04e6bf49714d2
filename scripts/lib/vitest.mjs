import { spawn } from 'node:child_process';
import path from 'node:path';
import { root } from './paths.mjs';

/** Runs vitest with these arguments and further variables, its output on ours. Resolves to its exit code. */
export function vitest(args, env = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [path.join(root, 'node_modules/vitest/vitest.mjs'), 'run', ...args], {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, NO_UPDATE_NOTIFIER: '1', ...env },
    });
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}
