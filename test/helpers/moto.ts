import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { homedir } from 'node:os';
import path from 'node:path';
import { eventually } from './eventually.js';

// No extras: what the emulated services beyond KMS need is large.
const packages = ['moto>=5.2,<6', 'flask>=3,<4', 'flask-cors>=5'];
const stepMs = 180_000;

/** AWS as `moto` emulates it, on loopback. Its requests need some credentials; any will do. */
export type Moto = { readonly endpoint: string; stop(): Promise<void> };

/** Starts `moto`, after installing it into a cache folder if it is not there. Throws if it is not to be had. */
export async function startMoto(): Promise<Moto> {
  const python = installed();
  const port = await freePort();
  const child = spawn(python, ['-m', 'moto.server', '-H', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' });
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const endpoint = `http://127.0.0.1:${port}`;
  const answers = async (): Promise<boolean> => {
    if (child.exitCode !== null) throw new Error(`moto ended with ${child.exitCode}`);
    return fetch(`${endpoint}/moto-api/data.json`, { signal: AbortSignal.timeout(2_000) }).then(
      (reply) => reply.ok,
      () => false,
    );
  };
  const stop = async (): Promise<void> => {
    child.kill();
    await gone;
  };
  try {
    await eventually(answers, 60_000, 'moto answers');
  } catch (error) {
    await stop();
    throw error;
  }
  return { endpoint, stop };
}

function installed(): string {
  const folder = path.join(homedir(), '.cache', 'countersign', 'moto-5.2');
  const python = path.join(folder, 'bin', 'python');
  const ready = (): boolean => existsSync(python) && run(python, ['-c', 'import moto.server, moto.kms, flask, flask_cors']) === undefined;
  if (ready()) return python;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(path.dirname(folder), { recursive: true });
  let trouble = run('python3', ['-m', 'venv', folder]);
  // Debian packs this module apart.
  if (trouble !== undefined && process.getuid?.() === 0 && run('apt-get', ['install', '--yes', '--quiet', 'python3-venv']) === undefined)
    trouble = run('python3', ['-m', 'venv', '--clear', folder]);
  trouble ??= run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...packages]);
  if (trouble === undefined && ready()) return python;
  throw new Error(`moto could not be installed from PyPI into ${folder}: ${trouble ?? 'it does not start'}`);
}

/** Runs a program to its end. Returns what it complained of, or nothing if it succeeded. */
function run(program: string, parameters: readonly string[]): string | undefined {
  const { status, stderr, error } = spawnSync(program, [...parameters], { encoding: 'utf8', timeout: stepMs });
  return status === 0 ? undefined : `${program} ${parameters.slice(0, 3).join(' ')}: ${error?.message ?? stderr.slice(-500)}`;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
