import os from 'node:os';
import path from 'node:path';
import { ensureInstalled } from './install.mjs';
import { freePorts } from './ports.mjs';
import { Supervisor } from './supervisor.mjs';
import { findTemporal, isReady, serverArguments } from './temporal.mjs';
import { step } from './term.mjs';

/** Obtains what the bench needs and runs it from its TypeScript sources, with servers set up as by `npm start`. */
export async function main(argv) {
  await step('dependencies', ensureInstalled);
  let binary;
  await step('Temporal server', async (progress) => {
    const { file, note } = await findTemporal({ progress });
    binary = file;
    return note;
  });
  const supervisors = new Set();
  const stopAll = () => Promise.all([...supervisors].map((supervisor) => supervisor.stop()));
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void stopAll().finally(() => process.exit(130)));

  const startServer = async (database) => {
    const ports = await freePorts();
    const address = `127.0.0.1:${ports.temporal}`;
    const supervisor = new Supervisor({ write: () => {} });
    supervisors.add(supervisor);
    supervisor.add({
      name: 'temporal',
      program: binary,
      args: serverArguments({ ports, database, headless: true }),
      env: () => ({ PATH: process.env.PATH, HOME: process.env.HOME, TEMPORAL_CONFIG_FILE: path.join(os.tmpdir(), 'no-temporal-profile.toml') }),
      probe: () => isReady(binary, address),
    });
    await supervisor.start('temporal');
    return {
      address,
      stop: async () => {
        supervisors.delete(supervisor);
        await supervisor.stop();
      },
    };
  };
  const { register } = await import('tsx/esm/api');
  register();
  const { bench } = await import('../../bench/main.ts');
  try {
    await bench(argv, { step, startServer });
  } finally {
    await stopAll();
  }
}
