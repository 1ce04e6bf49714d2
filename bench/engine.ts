import { fork, type ChildProcess } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Connection } from '@temporalio/client';
import { temporalAccess, type TemporalAccess } from '../api/temporal/access.js';
import { converterOf } from './encryption.js';
import type { ChildConfig, ChildMessage, ChildRole } from './child.js';

/** A Temporal server that somebody started for us. */
export type Server = { readonly address: string; stop(): Promise<void> };
export type StartServer = (database: string) => Promise<Server>;

export type EngineOptions = {
  readonly startServer: StartServer;
  readonly folder: string;
  readonly keys: string;
  readonly bundles: { readonly action: string; readonly bare: string };
  readonly roles: readonly ChildRole[];
  /** Whether Countersign encrypts. The bare workflow never does. */
  readonly encrypted: boolean;
};

export const taskQueues = { action: 'countersign', bare: 'bare' } as const;

/** For profiling, for example `--cpu-prof --cpu-prof-dir=profiles`. */
const nodeArguments = (process.env['COUNTERSIGN_BENCH_NODE_ARGS'] ?? '').split(' ').filter((argument) => argument !== '');

type Awaited = { resolve(atMs: number): void };

/** One Temporal server with a database of its own, and the worker processes that work for it. */
export class Engine {
  private readonly waiting = new Map<string, Awaited>();
  private readonly early = new Map<string, number>();
  private readonly children: ChildProcess[] = [];

  private constructor(
    readonly access: TemporalAccess,
    /** The same connection, in clear. */
    readonly bareAccess: TemporalAccess,
    private readonly server: Server,
  ) {}

  static async start({ startServer, folder, keys, bundles, roles, encrypted }: EngineOptions): Promise<Engine> {
    mkdirSync(folder, { recursive: true });
    const server = await startServer(path.join(folder, 'temporal.sqlite'));
    const connection = await Connection.connect({ address: server.address });
    const { dataConverter } = converterOf(encrypted, 'refuse');
    const engine = new Engine(temporalAccess(connection, 'default', dataConverter), temporalAccess(connection, 'default'), server);
    try {
      await Promise.all(
        roles.map((role) => {
          const contender = role.startsWith('bare') ? 'bare' : 'action';
          return engine.startChild({
            role,
            address: server.address,
            taskQueue: taskQueues[contender],
            folder,
            keys,
            bundle: bundles[contender],
            encrypted: encrypted && contender === 'action',
          });
        }),
      );
    } catch (error) {
      await engine.stop();
      throw error;
    }
    return engine;
  }

  /** When the step of this workflow began. Each step of each workflow can be awaited once. */
  began(kind: 'notified' | 'started', id: string): Promise<number> {
    const key = `${kind} ${id}`;
    const early = this.early.get(key);
    if (early !== undefined) {
      this.early.delete(key);
      return Promise.resolve(early);
    }
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${id} was not ${kind} within 60 s`)), 60_000);
      this.waiting.set(key, {
        resolve: (atMs) => {
          clearTimeout(timer);
          resolve(atMs);
        },
      });
    });
  }

  async stop(): Promise<void> {
    await Promise.all(this.children.map(stopChild));
    await this.access.connection.close();
    await this.server.stop();
  }

  private startChild(config: ChildConfig): Promise<void> {
    // The loader is inherited through execArgv, so that these processes read TypeScript as this one does.
    const child = fork(fileURLToPath(new URL('./child.ts', import.meta.url)), [JSON.stringify(config)], {
      execArgv: ['--import', import.meta.resolve('tsx/esm'), ...nodeArguments],
    });
    this.children.push(child);
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code) => reject(new Error(`${config.role} ended with code ${code}`)));
      child.on('message', (message: ChildMessage) => {
        if (message.kind === 'ready') resolve();
        else this.note(`${message.kind} ${message.id}`, message.atMs);
      });
    });
  }

  private note(key: string, atMs: number): void {
    const awaited = this.waiting.get(key);
    if (awaited === undefined) this.early.set(key, atMs);
    this.waiting.delete(key);
    awaited?.resolve(atMs);
  }
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  if (child.connected) child.disconnect();
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await gone;
  clearTimeout(timer);
}
