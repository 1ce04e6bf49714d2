import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';

const stepMs = 180_000;

/**
 * The Python of a virtual environment in the cache folder that holds these packages of PyPI, installed there if they are not.
 * Throws if they are not to be had.
 * @param imports what must load for the environment to count as whole
 */
export function pythonPeer(name: string, packages: readonly string[], imports: string): string {
  const folder = path.join(homedir(), '.cache', 'countersign', name);
  const python = path.join(folder, 'bin', 'python');
  const ready = (): boolean => existsSync(python) && run(python, ['-c', `import ${imports}`]) === undefined;
  if (ready()) return python;
  process.stdout.write(`installing ${packages.join(' ')} from PyPI into ${folder}\n`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(path.dirname(folder), { recursive: true });
  let trouble = run('python3', ['-m', 'venv', folder]);
  // Debian packs this module apart.
  if (trouble !== undefined && process.getuid?.() === 0 && run('apt-get', ['install', '--yes', '--quiet', 'python3-venv']) === undefined)
    trouble = run('python3', ['-m', 'venv', '--clear', folder]);
  trouble ??= run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...packages]);
  if (trouble === undefined && ready()) return python;
  throw new Error(`${name} could not be installed from PyPI into ${folder}: ${trouble ?? 'it does not start'}`);
}

/** Runs a program to its end. Returns what it complained of, or nothing if it succeeded. */
export function run(program: string, parameters: readonly string[], cwd?: string): string | undefined {
  const { status, stderr, error } = spawnSync(program, [...parameters], { encoding: 'utf8', timeout: stepMs, ...(cwd === undefined ? {} : { cwd }) });
  return status === 0 ? undefined : `${program} ${parameters.slice(0, 3).join(' ')}: ${error?.message ?? stderr.slice(-500)}`;
}
