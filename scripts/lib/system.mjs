import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { tryLock } from './lock.mjs';
import { signPolicies } from './policy.mjs';
import { defaultPorts, isFree, nextFree, portsFromBase, requireFree } from './ports.mjs';
import { systemProcesses } from './processes.mjs';
import { configFile, ensureConfig, ensureEncryption, ensurePasskeys, movePorts, readConfig } from './sample-config.mjs';
import { registerSearchAttributes } from './search-attributes.mjs';
import { ensureSecrets } from './secrets.mjs';
import { Supervisor } from './supervisor.mjs';
import { Trouble } from './term.mjs';

/**
 * Makes the data folder ready: keys, secrets, configuration with ports that are free. Takes the folder's
 * lock. Needs the dependencies and the compiled code. Returns what `createSystem` needs, and notes for people.
 */
export async function prepareHome(home, { env = process.env, ports: given } = {}) {
  await mkdir(home, { recursive: true, mode: 0o700 });
  const lockFile = path.join(home, 'run.lock');
  const lock = await tryLock(lockFile);
  if (!lock.taken)
    throw new Trouble(
      `Countersign already runs on ${home} (process ${lock.holder}). Use that one, stop it with Ctrl-C, or set COUNTERSIGN_HOME to another folder.`,
    );
  try {
    const address = env.TEMPORAL_ADDRESS || undefined;
    const notes = [];
    const made = await ensureKeys(path.join(home, 'keys'));
    if (made.length > 0) notes.push(`made the keys ${made.join(', ')}`);
    const secrets = await ensureSecrets(home);
    notes.push(...(await settlePorts(home, { env, given, address })));
    if (await ensureEncryption(home)) notes.push('switched encryption on; what is open and in clear is still read');
    if (await ensurePasskeys(home)) notes.push('the inbox is at http://localhost now, since passkeys need a name');
    const config = await readConfig(home);
    if (address !== undefined && config.address !== address)
      throw new Trouble(
        `TEMPORAL_ADDRESS is ${address}, but ${configFile(home)} says ${config.address}. Change one of them, or set COUNTERSIGN_HOME to another folder.`,
      );
    return { home, config, secrets, notes, embedded: address === undefined, release: () => rm(lockFile, { force: true }) };
  } catch (error) {
    await rm(lockFile, { force: true });
    throw error;
  }
}

/** The processes of a prepared folder under one supervisor, not started yet. */
export function createSystem({ home, config, secrets, release, temporal, write, onGiveUp, extraEnv, env, limits }) {
  const supervisor = new Supervisor({ logFolder: path.join(home, 'logs'), write, onGiveUp, ...limits });
  const processes = systemProcesses({ home, config, secrets, temporal, extraEnv, env });
  for (const spec of processes) supervisor.add(spec);
  const names = processes.map((one) => one.name);
  return {
    home,
    config,
    supervisor,
    names,
    /** Starts everything in order of need. `onReady` hears of each process. */
    async start(onReady = () => {}) {
      const one = async (name) => {
        await supervisor.start(name);
        onReady(name);
      };
      for (const spec of processes) {
        if (spec.module !== undefined && !existsSync(spec.module))
          throw new Trouble(`${spec.module} is missing. Run "npm run build" and look at what it says.`);
      }
      const engine = (async () => {
        if (temporal !== undefined) return one('temporal');
        await registerSearchAttributes(config.address, config.namespace);
      })();
      await allOrFirstError([engine, one('database'), one('idp'), signPolicies(home)]);
      await allOrFirstError([one('worker'), one('executor')]);
      await one('api');
    },
    async stop() {
      await supervisor.stop();
      await release?.();
    },
  };
}

/** Makes the keys that are missing, with the code that `countersign keys` uses. Needs the compiled code. */
async function ensureKeys(directory) {
  const { createKeys } = await import(new URL('../../dist/cli/keys-store.js', import.meta.url).href);
  return createKeys({ directory, now: Math.floor(Date.now() / 1000) });
}

async function settlePorts(home, { env, given, address }) {
  const asked = given ?? portsFromBase(env);
  const mine = (ports) => (address === undefined ? ports : { api: ports.api, idp: ports.idp, database: ports.database });
  if (!existsSync(configFile(home))) {
    if (asked !== undefined) await requireFree(mine(asked));
    const { ports, moved } = asked === undefined ? await nextFree(defaultPorts) : { ports: asked, moved: [] };
    await ensureConfig(home, { ports, address, namespace: env.TEMPORAL_NAMESPACE || 'default', uiUrl: env.TEMPORAL_UI_URL || undefined });
    return [`wrote ${path.basename(configFile(home))}`, ...moved.map(sentence)];
  }
  const wanted = mine(asked ?? (await readConfig(home)).ports);
  await freeSoon(wanted);
  if (asked !== undefined) await requireFree(wanted);
  const { ports, moved } = await nextFree(wanted);
  const before = mine((await readConfig(home)).ports);
  if (JSON.stringify(ports) === JSON.stringify(before)) return [];
  await movePorts(home, ports, { embedded: address === undefined });
  return moved.map(sentence);
}

const sentence = ({ name, from, to }) => `port ${from} (${name}) is in use, so ${to} is used instead; set COUNTERSIGN_PORT_BASE to choose`;

/** Processes of a supervisor that was killed need a moment to notice and go. */
async function freeSoon(ports) {
  const deadline = Date.now() + 7_000;
  while (Date.now() < deadline) {
    const free = await Promise.all(Object.values(ports).map((port) => isFree(port)));
    if (free.every(Boolean)) return;
    await sleep(200);
  }
}

/** Waits for all, but fails as soon as one does. */
async function allOrFirstError(promises) {
  for (const one of promises) one.catch(() => {});
  await Promise.all(promises);
}
