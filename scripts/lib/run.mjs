import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { Trouble } from './term.mjs';

/**
 * Runs a command to its end and returns what it printed. Throws `Trouble` with the last lines when it
 * fails, cannot be started or takes longer than `timeoutMs`.
 */
export function run(command, args, { cwd, env, timeoutMs = 1_200_000, onLine, keep = 40 } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env: env ?? process.env, stdio: ['ignore', 'pipe', 'pipe'] });
    const stdout = [];
    const both = [];
    const read = (stream, mine) =>
      createInterface({ input: stream }).on('line', (line) => {
        mine?.push(line);
        both.push(line);
        onLine?.(line);
      });
    read(child.stdout, stdout);
    read(child.stderr);
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, timeoutMs);
    const stop = () => child.kill('SIGTERM');
    process.once('exit', stop);
    child.once('error', (error) => {
      clearTimeout(timer);
      process.off('exit', stop);
      reject(new Trouble(`${command} could not be started: ${error.message}`));
    });
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      process.off('exit', stop);
      if (code === 0) return resolve(stdout.join('\n'));
      const why = late ? `took longer than ${Math.round(timeoutMs / 1000)} s` : `ended with ${signal ?? `code ${code}`}`;
      reject(new Trouble(`${[command, ...args].join(' ').slice(0, 200)} ${why}:\n${both.slice(-keep).join('\n')}`));
    });
  });
}
