import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { root } from './paths.mjs';
import { run } from './run.mjs';

/** True when `node_modules` holds what the lock file says, by npm's own record of what it installed. */
export async function isInstalled(folder = root) {
  const [wanted, found] = await Promise.all([packages(path.join(folder, 'package-lock.json')), packages(path.join(folder, 'node_modules/.package-lock.json'))]);
  if (wanted === undefined || found === undefined) return false;
  return Object.entries(wanted).every(
    ([name, entry]) => name === '' || entry.optional === true || entry.link === true || found[name]?.version === entry.version,
  );
}

/** Installs the dependencies unless they are there. Returns a note for the step. */
export async function ensureInstalled(progress = () => {}) {
  if (await isInstalled()) return 'already there';
  progress('npm ci; the first time it takes a minute or two');
  await run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: root, onLine: progress });
  return 'npm ci';
}

async function packages(file) {
  try {
    return JSON.parse(await readFile(file, 'utf8')).packages;
  } catch {
    return undefined;
  }
}
