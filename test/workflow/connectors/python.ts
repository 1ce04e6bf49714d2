import { spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';

/** A Python with what the Python example needs; made once where `python3` and its packages are to be had, else `undefined`. */
export function findPython(): string | undefined {
  const named = process.env['COUNTERSIGN_TEST_PYTHON'];
  if (named !== undefined && named !== '') return named;
  const folder = path.join(homedir(), '.cache', 'countersign', 'python-example');
  const python = path.join(folder, 'bin', 'python');
  const ready = (): boolean => existsSync(python) && spawnSync(python, ['-c', 'import temporalio.worker, jwt, cryptography'], { stdio: 'ignore' }).status === 0;
  if (ready()) return python;
  const steps: readonly (readonly [string, readonly string[]])[] = [
    ['python3', ['-m', 'venv', folder]],
    [python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', 'examples/release-connector-python/requirements.txt']],
  ];
  for (const [program, parameters] of steps) {
    if (spawnSync(program, [...parameters], { stdio: 'ignore', timeout: 100_000 }).status !== 0) {
      rmSync(folder, { recursive: true, force: true });
      return undefined;
    }
  }
  return ready() ? python : undefined;
}
