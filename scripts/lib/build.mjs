import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { withLock } from './lock.mjs';
import { root } from './paths.mjs';
import { run } from './run.mjs';

const dist = path.join(root, 'dist');
// Every other folder may be reached by an import.
const notSource = /^(\.|node_modules$|dist$|test$|scripts$|docs$|tools$|bench$|examples$|teams-app$|deploy$|policies$|coverage$|test-results$)/;
const stamp = path.join(dist, '.sources.json');

/**
 * Compiles to `dist/` if a source has changed since the last time. Safe to call from several processes
 * at once: one builds, the others wait. Returns a note for the step.
 */
export async function ensureBuilt(progress = () => {}) {
  await mkdir(dist, { recursive: true });
  return withLock(path.join(dist, '.build.lock'), 300_000, async () => {
    const sources = await hashSources();
    const before = await readFile(stamp, 'utf8').then(JSON.parse, () => undefined);
    if (before !== undefined && JSON.stringify(before) === JSON.stringify(sources)) return 'up to date';
    await removeStale(before ?? {}, sources);
    await rm(stamp, { force: true });
    progress('compiling');
    if (!existsSync(path.join(dist, '.tsbuildinfo')) || before === undefined) await rm(path.join(dist, '.tsbuildinfo'), { force: true });
    await run(process.execPath, [path.join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json'], { cwd: root, onLine: progress });
    for (const file of Object.keys(sources).filter((name) => !isTypeScript(name) && !isOutside(name))) {
      await mkdir(path.dirname(path.join(dist, file)), { recursive: true });
      await copyFile(path.join(root, file), path.join(dist, file));
    }
    const bundler = path.join(dist, 'worker/bundle.js');
    if (existsSync(bundler)) {
      progress('bundling the workflows');
      await run(process.execPath, [bundler], { cwd: root, onLine: progress });
    }
    await writeFile(stamp, JSON.stringify(sources));
    return 'compiled';
  });
}

/** A content hash for each file that the build reads, by path. */
async function hashSources() {
  const folders = (await readdir(root, { withFileTypes: true }))
    .filter((entry) => entry.isDirectory() && !notSource.test(entry.name))
    .map((entry) => entry.name);
  const files = ['tsconfig.json', 'tsconfig.build.json', 'package-lock.json'];
  for (const folder of folders) {
    const entries = await readdir(path.join(root, folder), { recursive: true, withFileTypes: true }).catch(() => []);
    for (const entry of entries) if (entry.isFile()) files.push(path.relative(root, path.join(entry.parentPath ?? entry.path, entry.name)));
  }
  const hashes = await Promise.all(
    files.sort().map(async (file) => [
      file,
      createHash('sha256')
        .update(await readFile(path.join(root, file)))
        .digest('hex')
        .slice(0, 24),
    ]),
  );
  return Object.fromEntries(hashes);
}

/** Output of a source that is gone must go too, or it would still be imported. */
async function removeStale(before, now) {
  for (const file of Object.keys(before)) {
    if (Object.hasOwn(now, file) || isOutside(file)) continue;
    const out = path.join(dist, file);
    const outputs = isTypeScript(file) ? [out.replace(/\.ts$/, '.js'), out.replace(/\.ts$/, '.js.map')] : [out];
    for (const output of outputs) await rm(output, { force: true });
  }
}

const isTypeScript = (file) => file.endsWith('.ts');
const isOutside = (file) => !file.includes(path.sep);
