import { spawn } from 'node:child_process';
import { eventually } from './eventually.js';
import { freePort } from './free-port.js';
import { pythonPeer } from './python-peer.js';

// No extras: what the emulated services beyond KMS need is large.
const packages = ['moto>=5.2,<6', 'flask>=3,<4', 'flask-cors>=5'];

/** AWS as `moto` emulates it, on loopback. Its requests need some credentials; any will do. */
export type Moto = { readonly endpoint: string; stop(): Promise<void> };

/** Starts `moto`, after installing it into a cache folder if it is not there. Throws if it is not to be had. */
export async function startMoto(): Promise<Moto> {
  const python = pythonPeer('moto-5.2', packages, 'moto.server, moto.kms, flask, flask_cors');
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
