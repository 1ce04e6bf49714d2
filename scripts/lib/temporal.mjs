import { createWriteStream, existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { cacheFolder, root } from './paths.mjs';
import { run } from './run.mjs';
import { Trouble } from './term.mjs';

/** The Temporal CLI that `tools/temporal/go.mod` pins, and the oldest server that the workflows run on. */
export const temporalVersion = '1.8.2';
const oldestServer = [1, 28];

const executable = process.platform === 'win32' ? 'temporal.exe' : 'temporal';

/** Search attributes of the action workflow; `workflows/contract.ts` uses the same names. */
export const searchAttributes = {
  CountersignStatus: 'Keyword',
  CountersignAction: 'Keyword',
  CountersignResource: 'Keyword',
  CountersignRequester: 'Keyword',
  CountersignApprover: 'KeywordList',
  CountersignRisk: 'Int',
};

/**
 * Finds the Temporal CLI, which holds the development server: on PATH, in the cache, by download, or by
 * building it from source. Returns its path with a note on where it came from.
 */
export async function findTemporal({ progress = () => {}, env = process.env } = {}) {
  for (const folder of (env.PATH ?? '').split(path.delimiter).filter(Boolean)) {
    const file = path.join(folder, executable);
    if (existsSync(file) && (await isUsable(file))) return { file, note: file };
  }
  const cached = path.join(cacheFolder(env), `temporal-cli-${temporalVersion}`, executable);
  if (existsSync(cached) && (await isUsable(cached))) return { file: cached, note: 'cached' };
  const problems = [];
  for (const [name, obtain] of [
    ['download', download],
    ['build', build],
  ]) {
    try {
      await intoCache(cached, (folder) => obtain(folder, progress));
      return { file: cached, note: name };
    } catch (error) {
      problems.push(`${name}: ${error.message.split('\n').slice(0, 6).join('\n  ')}`);
      progress(`${name} did not work`);
    }
  }
  throw new Trouble(
    `The Temporal server could not be obtained.\n${problems.join('\n')}\nInstall the Temporal CLI so that "temporal" is on PATH, install Go and run again, or set TEMPORAL_ADDRESS to a server you have.`,
  );
}

/** True when the binary runs and its server is new enough for updates with start. */
export async function isUsable(file) {
  const text = await run(file, ['--version'], { timeoutMs: 20_000 }).catch(() => '');
  const found = /Server (\d+)\.(\d+)/.exec(text);
  if (found === null) return false;
  const [major, minor] = [Number(found[1]), Number(found[2])];
  return major > oldestServer[0] || (major === oldestServer[0] && minor >= oldestServer[1]);
}

/** Arguments of the embedded server. Without `database` it keeps everything in memory. */
export function serverArguments({ ports, database, headless = false, codecEndpoint }) {
  // One shard polls its queues at most 20 times a second by default, which would show as 50 ms in every step.
  const rates = ['transfer', 'timer', 'visibility', 'outbound'].flatMap((queue) => ['--dynamic-config-value', `history.${queue}ProcessorMaxPollRPS=1000`]);
  return [
    ...['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(ports.temporal), '--log-level', 'warn', '--log-format', 'json'],
    ...(headless ? ['--headless'] : ['--ui-port', String(ports.temporalUi), '--ui-disable-news-fetch']),
    // Its pages ask there for what is encrypted, with the inbox's login where the person lets them.
    ...(codecEndpoint === undefined || headless ? [] : ['--ui-codec-endpoint', codecEndpoint]),
    ...(database === undefined ? [] : ['--db-filename', database, '--sqlite-pragma', 'journal_mode=wal', '--sqlite-pragma', 'synchronous=normal']),
    ...rates,
    ...Object.entries(searchAttributes).flatMap(([name, type]) => ['--search-attribute', `${name}=${type}`]),
  ];
}

/** True once the server answers for its namespace and knows the search attributes. */
export async function isReady(file, address, namespace = 'default') {
  const args = ['operator', 'search-attribute', 'list', '--address', address, '--namespace', namespace, '--command-timeout', '3s', '--output', 'json'];
  // The person's own Temporal profile must not point this elsewhere.
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, TEMPORAL_CONFIG_FILE: '/dev/null' };
  const text = await run(file, [...args, '--disable-config-file', '--disable-config-env'], { timeoutMs: 6_000, env }).catch(() => '');
  return Object.keys(searchAttributes).every((name) => text.includes(name));
}

async function intoCache(file, obtain) {
  const parent = path.dirname(file);
  await mkdir(path.dirname(parent), { recursive: true });
  const folder = await mkdtemp(`${parent}-`);
  try {
    await obtain(folder);
    const made = path.join(folder, executable);
    await chmod(made, 0o755);
    if (!(await isUsable(made))) throw new Error('what arrived does not run here');
    await mkdir(parent, { recursive: true });
    await rename(made, file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function download(folder, progress) {
  const platform = { linux: 'linux', darwin: 'darwin', win32: 'windows' }[process.platform];
  const arch = { x64: 'amd64', arm64: 'arm64' }[process.arch];
  if (platform === undefined || arch === undefined) throw new Error(`there is none for ${process.platform} ${process.arch}`);
  progress('downloading');
  const url = `https://temporal.download/cli/archive/v${temporalVersion}?platform=${platform}&arch=${arch}`;
  // The headers must come soon, since a blocked network often just stays silent; the body may take its time.
  const abort = new AbortController();
  let timer = setTimeout(() => abort.abort(new Error('no answer within 10 s')), 10_000);
  try {
    const response = await fetch(url, { signal: abort.signal }).catch((error) => {
      throw new Error(error.cause?.message ?? error.message);
    });
    clearTimeout(timer);
    if (!response.ok || response.body === null) throw new Error(`the server answered ${response.status}`);
    timer = setTimeout(() => abort.abort(new Error('not done within 5 minutes')), 300_000);
    const archive = path.join(folder, 'archive.tar.gz');
    await pipeline(Readable.fromWeb(response.body), createWriteStream(archive));
    await run('tar', ['-xzf', archive, '-C', folder, executable], { timeoutMs: 60_000 });
  } finally {
    clearTimeout(timer);
  }
}

async function build(folder, progress) {
  await run('go', ['version'], { timeoutMs: 20_000 }).catch(() => {
    throw new Error('Go is not installed');
  });
  let packages = 0;
  progress('building it with Go; takes 4 to 8 minutes, once');
  await run('go', ['build', '-v', '-trimpath', '-ldflags', '-s -w', '-o', path.join(folder, executable), 'github.com/temporalio/cli/cmd/temporal'], {
    cwd: path.join(root, 'tools/temporal'),
    timeoutMs: 2_400_000,
    onLine: (line) => progress(line.startsWith('go: downloading') ? line : `building it with Go, once; ${(packages += 1)} packages compiled (${line})`),
  });
}
