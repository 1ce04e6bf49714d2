// What the tests use of these scripts; testing.d.mts gives the types.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { ensureBuilt } from './build.mjs';
import { ensureInstalled } from './install.mjs';
import { Supervisor } from './supervisor.mjs';
import { createSystem, prepareHome } from './system.mjs';
import { findTemporal, isReady, serverArguments } from './temporal.mjs';
import { freePorts } from './ports.mjs';
import { configFile } from './sample-config.mjs';

export { Client, devToken } from './client.mjs';
export { isRunning } from './lock.mjs';
export { root } from './paths.mjs';
export { freePorts, isFree } from './ports.mjs';
export { scenarios } from './scenarios.mjs';
export { Supervisor } from './supervisor.mjs';

/** Brings dependencies and `dist/` up to date. */
export async function makeBuilt() {
  await ensureInstalled();
  await ensureBuilt();
}

/** Starts a Temporal server that keeps everything in memory, on free ports. */
export async function startMemoryTemporal() {
  const { file } = await findTemporal();
  const ports = await freePorts();
  const address = `127.0.0.1:${ports.temporal}`;
  const lines = [];
  const supervisor = new Supervisor({ write: (line) => lines.push(line), crashLimit: 3 });
  supervisor.add({
    name: 'temporal',
    program: file,
    args: serverArguments({ ports, headless: true }),
    env: () => ({ PATH: process.env.PATH, HOME: process.env.HOME, TEMPORAL_CONFIG_FILE: path.join(os.tmpdir(), 'no-temporal-profile.toml') }),
    probe: () => isReady(file, address),
  });
  try {
    await supervisor.start('temporal');
  } catch (error) {
    await supervisor.stop();
    throw error;
  }
  return { address, namespace: 'default', binary: file, stop: () => supervisor.stop() };
}

/** Starts a whole system in a folder of its own on free ports. Everything is stopped again when it does not come up. */
export async function startWholeSystem({ home: given, edit, extraEnv = {}, limits } = {}) {
  const { file } = await findTemporal();
  const home = given ?? (await mkdtemp(path.join(os.tmpdir(), 'countersign-')));
  const env = { ...process.env, TEMPORAL_ADDRESS: '', COUNTERSIGN_PORT_BASE: '' };
  const prepared = await prepareHome(home, { env, ports: await freePorts() });
  if (edit !== undefined) await writeFile(configFile(home), edit(await readFile(configFile(home), 'utf8')));
  const lines = [];
  const system = createSystem({
    ...prepared,
    temporal: file,
    env,
    extraEnv,
    limits: { crashLimit: 1_000, backoffMs: 100, ...limits },
    write: (line) => {
      lines.push(line);
      if (lines.length > 5_000) lines.shift();
    },
  });
  const stop = async ({ keep = false } = {}) => {
    await system.stop();
    if (!keep && given === undefined) await rm(home, { recursive: true, force: true });
  };
  try {
    await system.start();
  } catch (error) {
    await system.stop();
    error.message += `\n${lines.slice(-60).join('\n')}`;
    throw error;
  }
  return { home, config: prepared.config, secrets: prepared.secrets, supervisor: system.supervisor, lines, stop };
}
