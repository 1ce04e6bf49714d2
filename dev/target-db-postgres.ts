import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { readerRole, seedOnce } from './seed-load.js';

/** A running sample database. `exited` resolves when it ends by itself. */
export type RunningDatabase = { readonly port: number; readonly exited: Promise<void>; stop(): Promise<void> };

const admin = 'countersign_admin';
const database = 'crm';
const startTimeoutMs = 30_000;
const stopTimeoutMs = 10_000;

/** The folder with `postgres` and `initdb`, newest version first, or `undefined`. */
export function findPostgres(): string | undefined {
  const packaged = '/usr/lib/postgresql';
  const versions = existsSync(packaged) ? readdirSync(packaged).sort((one, other) => Number(other) - Number(one)) : [];
  const folders = [...(process.env['PATH'] ?? '').split(path.delimiter), ...versions.map((version) => path.join(packaged, version, 'bin'))];
  return folders.find((folder) => folder !== '' && ['postgres', 'initdb'].every((tool) => existsSync(path.join(folder, tool))));
}

type Account = { readonly uid: number; readonly gid: number };

/**
 * Starts PostgreSQL in `folder`, on 127.0.0.1 only, with its sample data.
 * Returns the reason as a string where it cannot run here at all, so that another engine may take over.
 */
export async function startPostgres(bin: string, folder: string, wantedPort: number, readerPassword: string): Promise<RunningDatabase | string> {
  const account = process.getuid?.() === 0 ? unprivileged() : undefined;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (account !== undefined) {
    chownSync(folder, account.uid, account.gid);
    // Passing through the two folders above lets nobody list them or read what lies there.
    for (const above of [path.dirname(folder), path.dirname(path.dirname(folder))]) chmodSync(above, statSync(above).mode | 0o011);
    // A folder inside a home that others cannot enter is out of reach for an account without privileges.
    const reach = spawnSync('/bin/sh', ['-c', 'cd "$0" && test -w .', folder], { ...account, cwd: '/', stdio: 'ignore' });
    if (reach.error !== undefined || reach.status !== 0) return 'the account that PostgreSQL would run as cannot enter the data folder';
  }
  const data = path.join(folder, 'data');
  const secret = path.join(folder, 'admin.password');
  if (!existsSync(path.join(data, 'PG_VERSION')) || !existsSync(secret)) initialise(bin, data, secret, account);
  await stopOrphan(data);

  const child = await launch(bin, data, wantedPort, account, readFileSync(secret, 'utf8'));
  try {
    await prepare(child.port, readFileSync(secret, 'utf8'), readerPassword);
  } catch (error) {
    await child.stop();
    throw error;
  }
  return child;
}

function unprivileged(): Account {
  const lines = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  const entry = lines.find(([name]) => name === 'postgres') ?? lines.find(([name]) => name === 'nobody');
  if (entry === undefined) throw new Error('PostgreSQL refuses to run as root, and there is no account to run it as');
  return { uid: Number(entry[2]), gid: Number(entry[3]) };
}

function initialise(bin: string, data: string, secret: string, account: Account | undefined): void {
  rmSync(data, { recursive: true, force: true });
  writeFileSync(secret, randomBytes(24).toString('base64url'), { mode: 0o600 });
  if (account !== undefined) chownSync(secret, account.uid, account.gid);
  const result = spawnSync(
    path.join(bin, 'initdb'),
    ['-D', data, '-U', admin, '--auth=scram-sha-256', `--pwfile=${secret}`, '-E', 'UTF8', '--locale=C', '--no-sync'],
    {
      ...account,
      cwd: path.dirname(data),
      encoding: 'utf8',
      env: { PATH: process.env['PATH'] },
    },
  );
  if (result.status !== 0) {
    rmSync(data, { recursive: true, force: true });
    throw new Error(`initdb failed: ${result.error?.message ?? result.stderr.trim().split('\n').at(-1) ?? ''}`);
  }
}

// After a SIGKILL of the process that started it, a server may still hold the data. It is stopped only if its
// command line names this very folder, since the id may by now belong to something else.
async function stopOrphan(data: string): Promise<void> {
  const file = path.join(data, 'postmaster.pid');
  if (!existsSync(file)) return;
  const pid = Number(readFileSync(file, 'utf8').split('\n')[0]);
  const ours = (): boolean =>
    Number.isInteger(pid) && pid > 1 && spawnSync('ps', ['-ww', '-o', 'args=', '-p', String(pid)], { encoding: 'utf8' }).stdout?.includes(data) === true;
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    if (!ours()) return;
    try {
      process.kill(pid, signal);
    } catch {
      return;
    }
    const deadline = Date.now() + 5_000;
    while (ours() && Date.now() < deadline) await delay(50);
  }
}

async function launch(bin: string, data: string, wantedPort: number, account: Account | undefined, password: string): Promise<RunningDatabase> {
  const deadline = Date.now() + startTimeoutMs;
  for (;;) {
    const port = wantedPort === 0 ? await freePort() : wantedPort;
    const child = run(bin, data, port, account);
    const exit = exitOf(child);
    let gone = false;
    void exit.then(() => (gone = true));
    let said = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-2_000)));
    while (!gone && Date.now() < deadline) {
      if (await answers(port, password)) return { port, exited: exit, stop: () => stop(child, exit) };
      await delay(50);
    }
    await stop(child, exit);
    // The port was taken meanwhile, or children of a killed server still hold its shared memory.
    if (Date.now() >= deadline) throw new Error(`PostgreSQL did not start on port ${port}: ${said.trim().split('\n').at(-1) ?? ''}`);
    await delay(250);
  }
}

function run(bin: string, data: string, port: number, account: Account | undefined): ChildProcess {
  const settings = [
    'unix_socket_directories=',
    'shared_buffers=32MB',
    'max_connections=50',
    'synchronous_commit=off',
    'jit=off',
    'log_min_messages=fatal',
    'log_min_error_statement=panic',
    'logging_collector=off',
  ];
  const command = [path.join(bin, 'postgres'), '-D', data, '-h', '127.0.0.1', '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])];
  // Where the tool exists, the server ends with this process even if it is killed.
  const guard = process.platform === 'linux' ? ['/usr/bin/setpriv', '/bin/setpriv'].find((file) => existsSync(file)) : undefined;
  const [program, ...rest] = guard === undefined ? command : [guard, '--pdeathsig', 'INT', ...command];
  return spawn(program as string, rest, { ...account, cwd: data, stdio: ['ignore', 'ignore', 'pipe'], env: { PATH: process.env['PATH'], TZ: 'UTC' } });
}

const exitOf = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });

async function stop(child: ChildProcess, exit: Promise<void>): Promise<void> {
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
    child.kill(signal);
    const timer = new AbortController();
    await Promise.race([exit, delay(stopTimeoutMs, undefined, { signal: timer.signal }).catch(() => undefined)]);
    timer.abort();
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

const connect = (port: number, password: string, name: string): pg.Client =>
  new pg.Client({ host: '127.0.0.1', port, user: admin, password, database: name, connectionTimeoutMillis: 2_000 });

// Only our own server knows this password: a stranger on the port is no answer.
async function answers(port: number, password: string): Promise<boolean> {
  const client = connect(port, password, 'postgres');
  client.on('error', () => undefined);
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function prepare(port: number, password: string, readerPassword: string): Promise<void> {
  await withClient(port, password, 'postgres', async (client) => {
    const role = await client.query('select 1 from pg_roles where rolname = $1', [readerRole]);
    if (role.rowCount === 0) await client.query(`create role ${readerRole} login nosuperuser nocreatedb nocreaterole connection limit 20`);
    await client.query(`alter role ${readerRole} password ${client.escapeLiteral(readerPassword)}`);
    await client.query(`alter role ${readerRole} set default_transaction_read_only = on`);
    const known = await client.query('select 1 from pg_database where datname = $1', [database]);
    if (known.rowCount === 0) await client.query(`create database ${database}`);
  });
  await withClient(port, password, database, async (client) => {
    await client.query('revoke create on schema public from public');
    await seedOnce(async (text, values) => (await client.query(text, values === undefined ? undefined : [...values])).rows as Record<string, unknown>[]);
  });
}

async function withClient(port: number, password: string, name: string, work: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = connect(port, password, name);
  client.on('error', () => undefined);
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}
