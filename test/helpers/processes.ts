import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, devToken, isRunning, startWholeSystem, type ProcessInfo, type SystemConfig, type WholeSystem } from '../../scripts/lib/testing.mjs';

/** The processes of a whole system. */
export type ProcessName = 'temporal' | 'database' | 'idp' | 'worker' | 'executor' | 'api';

/** What a test may change about the system it starts. */
export type TestSystemOptions = NonNullable<Parameters<typeof startWholeSystem>[0]>;

/**
 * A whole system as `npm start` runs it, in a folder of its own on free ports. A process that is killed is
 * started again by the supervisor within a moment; one that is stopped stays stopped until `startProcess`.
 */
export class TestSystem {
  readonly #system: WholeSystem;
  readonly #tokens = new Map<string, Promise<string>>();

  private constructor(system: WholeSystem) {
    this.#system = system;
  }

  /** Starts everything and waits until it is ready. */
  static async start(options: TestSystemOptions = {}): Promise<TestSystem> {
    return new TestSystem(await startWholeSystem(options));
  }

  get home(): string {
    return this.#system.home;
  }
  get config(): SystemConfig {
    return this.#system.config;
  }
  get publicUrl(): string {
    return this.#system.config.publicUrl;
  }
  /** The secrets that were made for this system, by the name of their variable. */
  get secrets(): Readonly<Record<string, string>> {
    return this.#system.secrets;
  }

  /** Kills the program itself and waits until it is gone. Await `whenReady` for its successor. */
  async kill(name: ProcessName, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const { pid } = this.info(name);
    this.#system.supervisor.kill(name, signal);
    await until(() => this.info(name).pid !== pid || this.info(name).state === 'waiting', 20_000, `${name} is gone`);
  }

  /** Waits until the process is ready, through restarts. */
  async whenReady(name: ProcessName, timeoutMs = 60_000): Promise<void> {
    await this.#system.supervisor.whenReady(name, timeoutMs);
  }

  /** Kills the process and waits until its successor is ready. */
  async restart(name: ProcessName, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.kill(name, signal);
    await this.whenReady(name);
  }

  /** Stops the process and keeps it stopped. */
  async stopProcess(name: ProcessName, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await this.#system.supervisor.stopOne(name, signal);
  }

  async startProcess(name: ProcessName): Promise<void> {
    await this.#system.supervisor.start(name);
  }

  info(name: ProcessName): ProcessInfo {
    return this.#system.supervisor.info(name);
  }

  /** The last lines the process wrote, newest last. */
  logs(name: ProcessName): readonly string[] {
    return this.#system.supervisor.lines(name);
  }

  /** Everything the process has written since this system started. */
  async logFile(name: ProcessName): Promise<string> {
    return readFile(path.join(this.home, 'logs', `${name}.log`), 'utf8');
  }

  /** A token of a sample agent or person. */
  token(subject: string): Promise<string> {
    let token = this.#tokens.get(subject);
    if (token === undefined) {
      token = devToken(this.home, subject);
      this.#tokens.set(subject, token);
      token.catch(() => this.#tokens.delete(subject));
    }
    return token;
  }

  /** A caller of the API as one sample subject. */
  client(subject: string): Client {
    return new Client({ home: this.home, publicUrl: this.publicUrl, subject });
  }

  /** Stops everything and removes the folder. Fails if a process is left. */
  async stop(options: { readonly keep?: boolean } = {}): Promise<void> {
    const pids = (['temporal', 'database', 'idp', 'worker', 'executor', 'api'] as const).flatMap((name) => this.info(name).pid ?? []);
    await this.#system.stop(options);
    for (const pid of pids) if (await isRunning(pid)) throw new Error(`process ${pid} is left behind`);
  }
}

/** Polls until the condition holds. Throws after `timeoutMs`, naming what did not come. */
export async function until(condition: () => boolean | Promise<boolean>, timeoutMs: number, what: string): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await sleep(50);
  }
}
