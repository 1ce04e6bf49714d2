import net from 'node:net';
import { Trouble } from './term.mjs';

const host = '127.0.0.1';

/** The ports of a fresh data folder when nobody says otherwise. */
export const defaultPorts = { api: 7780, idp: 7781, database: 7782, temporal: 7233, temporalUi: 8233 };

/** True when nothing listens on this port of the loopback address. */
export function isFree(port) {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** Five ports that were free a moment ago, all different. */
export async function freePorts() {
  const servers = await Promise.all(
    Object.keys(defaultPorts).map(
      () =>
        new Promise((resolve, reject) => {
          const server = net.createServer();
          server.once('error', reject);
          server.listen(0, host, () => resolve(server));
        }),
    ),
  );
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return Object.fromEntries(Object.keys(defaultPorts).map((name, index) => [name, ports[index]]));
}

/** The ports `COUNTERSIGN_PORT_BASE` asks for, or undefined. */
export function portsFromBase(env = process.env) {
  if (!env.COUNTERSIGN_PORT_BASE) return undefined;
  const base = Number(env.COUNTERSIGN_PORT_BASE);
  if (!Number.isInteger(base) || base < 1024 || base > 65_000)
    throw new Trouble('COUNTERSIGN_PORT_BASE must be a number from 1024 to 65000; five ports from there on are used.');
  return { api: base, idp: base + 1, database: base + 2, temporal: base + 3, temporalUi: base + 4 };
}

/** Throws when a port that was asked for is taken, and says what to do. */
export async function requireFree(ports) {
  for (const [name, port] of Object.entries(ports)) {
    if (!(await isFree(port)))
      throw new Trouble(
        `Port ${port} (${name}) is in use. Stop what listens there, or set COUNTERSIGN_PORT_BASE to the first of five free ports, for example 17780.`,
      );
  }
}

/** `wanted`, with each taken port replaced by the next free one. Returns the ports and what was moved. */
export async function nextFree(wanted) {
  const ports = {};
  const moved = [];
  for (const [name, first] of Object.entries(wanted)) {
    let port = first;
    while (Object.values(ports).includes(port) || !(await isFree(port))) {
      port += 1;
      if (port > first + 200) throw new Trouble(`No free port from ${first} on for ${name}. Set COUNTERSIGN_PORT_BASE to the first of five free ports.`);
    }
    if (port !== first) moved.push({ name, from: first, to: port });
    ports[name] = port;
  }
  return { ports, moved };
}
