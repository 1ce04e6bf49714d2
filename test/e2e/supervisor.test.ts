import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Supervisor, isRunning, root } from '../../scripts/lib/testing.mjs';
import { until } from '../helpers/processes.js';

let folder: string;
let supervisor: Supervisor | undefined;
let lines: string[];
const env = () => ({ PATH: process.env['PATH'] });
const isReady = (line: { data?: Readonly<Record<string, unknown>> | undefined }) => line.data?.['ready'] === true;

beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'countersign-supervisor-'));
  lines = [];
});
afterEach(async () => {
  await supervisor?.stop();
  supervisor = undefined;
  await rm(folder, { recursive: true, force: true });
});

async function script(name: string, text: string): Promise<string> {
  const file = path.join(folder, name);
  await writeFile(file, text);
  return file;
}

const obedient = `console.log(JSON.stringify({ ready: true, level: 30 })); setInterval(() => {}, 1000);`;
const stubborn = `process.on('SIGTERM', () => {}); ${obedient}`;
const make = (options: ConstructorParameters<typeof Supervisor>[0] = {}) =>
  (supervisor = new Supervisor({ write: (line) => lines.push(line), backoffMs: 50, graceMs: 500, ...options }));

describe('the supervisor', () => {
  it('starts a killed process again and says so', async () => {
    const one = make().add({ name: 'one', module: await script('one.mjs', obedient), env, isReady });
    await one.start('one');
    const before = one.info('one').pid;
    one.kill('one');
    await until(() => one.info('one').state === 'ready' && one.info('one').pid !== before, 10_000, 'a successor is ready');
    expect(one.info('one').restarts).toBe(1);
    expect(lines.join('\n')).toContain('was ended by SIGKILL; starting it again');
  });

  it('gives up on a process that keeps crashing, with its last words', async () => {
    const given: string[] = [];
    const one = make({ crashLimit: 3, onGiveUp: (name) => given.push(name) });
    one.add({ name: 'one', module: await script('one.mjs', `throw new Error('the disk is on fire');`), env, isReady });
    await expect(one.start('one')).rejects.toThrow(/3 crashes within a minute[^]*the disk is on fire/);
    expect(given).toEqual(['one']);
    expect(one.info('one').state).toBe('given-up');
  });

  it('stops a process that ignores the request, and a program inside its guard', async () => {
    const both = make()
      .add({ name: 'stubborn', module: await script('stubborn.mjs', stubborn), env, isReady })
      .add({ name: 'program', program: 'sleep', args: ['600'], env, probe: async () => true });
    await both.start('stubborn');
    await both.start('program');
    await until(() => both.info('program').pid !== undefined, 5_000, 'the program has an id');
    const pids = [both.info('stubborn').pid, both.info('program').pid];
    await both.stop();
    for (const pid of pids) await until(async () => !(await isRunning(pid ?? 0)), 5_000, `process ${pid} is gone`);
    expect(pids.every((pid) => pid !== undefined)).toBe(true);
  });

  it('hands a process only the environment that is meant for it', async () => {
    const file = await script('one.mjs', `console.log(JSON.stringify({ ready: true, names: Object.keys(process.env) })); setInterval(() => {}, 1000);`);
    const one = make().add({ name: 'one', module: file, env, isReady });
    await one.start('one');
    const names = one.info('one').ready?.['names'] as string[];
    expect(names.filter((name) => !['PATH', 'NODE_CHANNEL_FD', 'NODE_CHANNEL_SERIALIZATION_MODE'].includes(name))).toEqual([]);
  });

  it('leaves nothing behind when it is killed itself', async () => {
    const child = await script('child.mjs', obedient);
    const parent = await script(
      'parent.mjs',
      `import { Supervisor } from ${JSON.stringify(path.join(root, 'scripts/lib/supervisor.mjs'))};
       import { writeFileSync } from 'node:fs';
       const s = new Supervisor({ write: () => {} });
       const env = () => ({ PATH: process.env.PATH });
       s.add({ name: 'a', module: ${JSON.stringify(child)}, env, isReady: (line) => line.data?.ready === true });
       s.add({ name: 'b', program: 'sleep', args: ['600'], env, probe: async () => s.info('b').pid !== undefined });
       await s.start('a'); await s.start('b');
       writeFileSync(${JSON.stringify(path.join(folder, 'pids.tmp'))}, JSON.stringify([s.info('a').pid, s.info('b').pid]));
       (await import('node:fs')).renameSync(${JSON.stringify(path.join(folder, 'pids.tmp'))}, ${JSON.stringify(path.join(folder, 'pids'))});`,
    );
    const process_ = spawn(process.execPath, [parent], { stdio: 'ignore' });
    const read = () => readFile(path.join(folder, 'pids'), 'utf8').catch(() => undefined);
    await until(async () => (await read()) !== undefined, 20_000, 'both run');
    const pids = JSON.parse((await read()) ?? '[]') as number[];
    for (const pid of pids) expect(await isRunning(pid)).toBe(true);
    process_.kill('SIGKILL');
    for (const pid of pids) await until(async () => !(await isRunning(pid)), 10_000, `process ${pid} is gone`);
  });
});
