import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's folder. */
export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');

/** The folder with everything that a running system writes. */
export function homeFolder(env = process.env) {
  return path.resolve(root, env.COUNTERSIGN_HOME || '.countersign');
}

/** The folder for things worth keeping between clones. */
export function cacheFolder(env = process.env) {
  return path.join(env.XDG_CACHE_HOME || path.join(os.homedir(), '.cache'), 'countersign');
}
