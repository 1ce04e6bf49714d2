import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Trouble } from './term.mjs';

/** Takes the lock file, or returns the id of the live process that holds it. The lock of a dead process is taken over. */
export async function tryLock(file) {
  const mine = `${file}.${process.pid}`;
  await writeFile(mine, String(process.pid));
  try {
    for (;;) {
      try {
        await link(mine, file);
        return { taken: true };
      } catch (error) {
        if (error.code !== 'EEXIST') throw error;
      }
      const holder = Number(await readFile(file, 'utf8').catch(() => ''));
      if (holder === process.pid) return { taken: true, stale: true };
      if (holder > 0 && (await isAlive(holder))) return { taken: false, holder };
      await rm(file, { force: true });
    }
  } finally {
    await rm(mine, { force: true });
  }
}

/** Runs `work` while holding the lock file, waiting for it at most `timeoutMs`. */
export async function withLock(file, timeoutMs, work) {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const lock = await tryLock(file);
    if (lock.taken) break;
    if (Date.now() > deadline) throw new Trouble(`Process ${lock.holder} has held ${file} for too long. If it is not a build, remove that file.`);
    await sleep(200);
  }
  try {
    return await work();
  } finally {
    await rm(file, { force: true });
  }
}

/** True when the process exists and has not ended. */
export async function isRunning(pid) {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (error.code !== 'EPERM') return false;
  }
  // One that ended but was not collected by its parent still has an entry.
  const status = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return !/\) [ZX] /.test(status);
}

/** True when the process runs and is a Node process, as far as this system can tell: ids are used again. */
export async function isAlive(pid) {
  if (!(await isRunning(pid))) return false;
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return command === '' || /node|npm/.test(command);
}
