import { existsSync } from 'node:fs';
import path from 'node:path';
import { run } from './run.mjs';
import { Trouble } from './term.mjs';

const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome', '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome'];

/** The browser the tests use: `CHROMIUM`, or the first one installed. */
export function findChromium(env = process.env) {
  if (env.CHROMIUM) return existsSync(env.CHROMIUM) ? env.CHROMIUM : undefined;
  const onPath = (env.PATH ?? '').split(path.delimiter).flatMap((folder) => ['chromium', 'google-chrome'].map((name) => path.join(folder, name)));
  return [...places, ...onPath].find((file) => existsSync(file));
}

/** Finds a browser or, as root on Debian, installs one. Throws `Trouble` that says what to do otherwise. */
export async function ensureChromium(progress = () => {}) {
  const found = findChromium();
  if (found !== undefined) return found;
  const advice = 'Install Chromium or Chrome, or name one with CHROMIUM=/path/to/it; the browser tests need it.';
  if (process.env.CHROMIUM) throw new Trouble(`CHROMIUM names ${process.env.CHROMIUM}, which does not exist. ${advice}`);
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) throw new Trouble(`There is no browser here. ${advice}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  try {
    progress('apt-get update');
    await run('apt-get', ['update', '-q'], { env, onLine: progress, timeoutMs: 300_000 });
    await run('apt-get', ['install', '-y', '-q', '--no-install-recommends', 'chromium', 'fonts-dejavu-core'], { env, onLine: progress, timeoutMs: 900_000 });
  } catch (error) {
    throw new Trouble(`Chromium could not be installed with apt-get. ${advice}\n${error.message}`);
  }
  return findChromium() ?? Promise.reject(new Trouble(`apt-get installed no browser. ${advice}`));
}
