import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm, stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client, freePorts, isFree, root, type Ports } from '../../scripts/lib/testing.mjs';
import { until } from '../helpers/processes.js';

let home: string;
let ports: Ports;
const running: ChildProcess[] = [];

beforeAll(async () => {
  home = await mkdtemp(path.join(os.tmpdir(), 'countersign-start-'));
  // Five neighbouring free ports, as COUNTERSIGN_PORT_BASE takes them.
  for (;;) {
    const base = (await freePorts()).api;
    const free = await Promise.all([0, 1, 2, 3, 4].map((offset) => isFree(base + offset)));
    if (base > 65_000 || !free.every(Boolean)) continue;
    ports = { api: base, idp: base + 1, database: base + 2, temporal: base + 3, temporalUi: base + 4 };
    break;
  }
});
afterAll(async () => {
  for (const child of running) child.kill('SIGTERM');
  await Promise.all(running.map((child) => ended(child)));
  await rm(home, { recursive: true, force: true });
});

function npmStart(...args: string[]): { child: ChildProcess; output: () => string } {
  const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], XDG_CACHE_HOME: process.env['XDG_CACHE_HOME'], COUNTERSIGN_HOME: home };
  const child = spawn(process.execPath, [path.join(root, 'scripts/start.mjs'), ...args], { env: { ...env, COUNTERSIGN_PORT_BASE: String(ports.api) } });
  running.push(child);
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return { child, output: () => output };
}

function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) =>
    child.exitCode !== null || child.signalCode !== null ? resolve(child.exitCode) : child.once('exit', (code) => resolve(code)),
  );
}

async function actionOf(output: () => string, child: ChildProcess): Promise<string> {
  const found = () => /inbox\/actions\/(act_[a-z0-9]+)/.exec(output())?.[1];
  await until(() => found() !== undefined || child.exitCode !== null, 150_000, 'the inbox link is printed').catch((error: unknown) => {
    throw new Error(`${String(error)}\n${output()}`);
  });
  return found() ?? expect.fail(`npm start ended early:\n${output()}`);
}

async function allPortsFree(): Promise<boolean> {
  return (await Promise.all(Object.values(ports).map((port) => isFree(port)))).every(Boolean);
}

describe.sequential('npm start', () => {
  let first: string;

  it('brings up everything, shows where to approve, and leaves nothing behind on Ctrl-C', async () => {
    const { child, output } = npmStart();
    first = await actionOf(output, child);
    expect(output()).toContain(`http://localhost:${ports.temporalUi}/namespaces/default/workflows/${first}`);
    expect(output()).toContain('npm run teams');
    expect(output()).toContain('npm run demo -- <scenario>');
    child.kill('SIGINT');
    await ended(child);
    expect(output()).toContain('Stopped after');
    await until(allPortsFree, 10_000, 'every port is free again');
  });

  it('keeps private keys and secrets to the user, and shows no secret in any log', async () => {
    for (const name of ['keys/policy/policy.private.jwk', 'keys/decision/decision.private.jwk', 'keys/executor/executor.private.jwk', 'secrets.env'])
      expect((await stat(path.join(home, name))).mode & 0o077, name).toBe(0);
    const values = [...(await readFile(path.join(home, 'secrets.env'), 'utf8')).matchAll(/^[A-Z_]+=(.+)$/gm)].map((match) => match[1] ?? '');
    expect(values.length).toBeGreaterThan(2);
    for (const name of await readdir(path.join(home, 'logs'))) {
      const log = await readFile(path.join(home, 'logs', name), 'utf8');
      for (const value of values) expect(log.includes(value), `a secret stands in ${name}`).toBe(false);
    }
  });

  it('finds the pending action of the first start, refuses a second instance, and prints outcome and file once it is approved', async () => {
    const { child, output } = npmStart('--once');
    expect(await actionOf(output, child)).toBe(first);
    expect(output()).toMatch(/^1 action still waits for people\. The sample action of an earlier start is one of them; its deadline is 20\d\d-/m);

    const rival = npmStart('--once');
    expect(await ended(rival.child)).toBe(1);
    expect(rival.output()).toContain('already runs');

    const alice = new Client({ home, publicUrl: `http://127.0.0.1:${ports.api}`, subject: 'alice' });
    const seen = await alice.request('GET', `/v1/actions/${first}`);
    const reply = await alice.request('POST', `/v1/actions/${first}/decisions`, { body: { verdict: 'approve', digest: seen.body['digest'] } });
    expect(reply.status).toBe(200);
    expect(await ended(child)).toBe(0);
    expect(output()).toContain('The action is executed.');
    const file = path.join(home, 'exports', `${first}.csv`);
    expect(output()).toContain(file);
    const rows = (await readFile(file, 'utf8')).trim().split('\n');
    expect(rows[0]?.trim()).toBe('id,name,email,phone');
    expect(rows.length).toBeGreaterThan(10);
  });

  it('leaves nothing behind when it is killed, and starts again at once', async () => {
    const { child, output } = npmStart();
    const second = await actionOf(output, child);
    expect(second).not.toBe(first);
    child.kill('SIGKILL');
    const again = npmStart();
    expect(await actionOf(again.output, again.child)).toBe(second);
    again.child.kill('SIGTERM');
    await ended(again.child);
    await until(allPortsFree, 10_000, 'every port is free again');
  });
});
