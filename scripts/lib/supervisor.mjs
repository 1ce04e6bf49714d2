import { spawn } from 'node:child_process';
import { createWriteStream, mkdirSync, renameSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseLine, prettyLine } from './log-line.mjs';
import { Trouble, dim, palette, red, yellow } from './term.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const preload = pathToFileURL(path.join(here, 'die-with-parent.mjs')).href;
const guard = path.join(here, 'guard.mjs');

/**
 * Runs the processes of a system: starts them in order, each when those before it are ready, restarts one
 * that crashes, and stops all of them with nothing left behind, even if this process is killed.
 *
 * A process is `{name, module, args?} | {name, program, args?}` with `env(ready)`, `isReady({ line, data })` or
 * `probe()`, and `readyTimeoutMs`. `env` is asked at each start with the ready lines of the others by name.
 */
export class Supervisor {
  #units = new Map();
  #stopping;
  #logFolder;
  #write;
  #onGiveUp;
  #options;

  constructor({
    logFolder,
    write = (line) => console.log(line),
    onGiveUp = () => {},
    crashLimit = 5,
    crashWindowMs = 60_000,
    graceMs = 10_000,
    backoffMs = 300,
  } = {}) {
    this.#logFolder = logFolder;
    this.#write = write;
    this.#onGiveUp = onGiveUp;
    this.#options = { crashLimit, crashWindowMs, graceMs, backoffMs };
    if (logFolder !== undefined) mkdirSync(logFolder, { recursive: true, mode: 0o700 });
  }

  /** Adds a process without starting it. */
  add(spec) {
    const unit = {
      spec,
      paint: palette[this.#units.size % palette.length],
      state: 'stopped',
      child: undefined,
      innerPid: undefined,
      crashes: [],
      restarts: 0,
      ready: undefined,
      tail: [],
      lastRun: [],
      wanted: false,
      waiters: new Set(),
      file: this.#openLog(spec.name),
    };
    this.#units.set(spec.name, unit);
    return this;
  }

  /** Starts a process and waits until it is ready. Throws `Trouble` with its last lines if it never is. */
  async start(name) {
    const unit = this.#unit(name);
    unit.wanted = true;
    unit.crashes = [];
    if (unit.state === 'stopped' || unit.state === 'given-up') this.#spawn(unit);
    await this.whenReady(name, unit.spec.readyTimeoutMs ?? 60_000);
  }

  /** Waits until the process is ready, through restarts. */
  async whenReady(name, timeoutMs = 60_000) {
    const unit = this.#unit(name);
    if (unit.state === 'ready') return;
    if (this.#stopping) throw new Trouble('The system is being stopped.');
    await new Promise((resolve, reject) => {
      const timer = setTimeout(() => settle(new Trouble(`${name} was not ready within ${Math.round(timeoutMs / 1000)} s.${this.#lastLines(unit)}`)), timeoutMs);
      const settle = (error) => {
        clearTimeout(timer);
        unit.waiters.delete(settle);
        if (error === undefined) resolve();
        else reject(error);
      };
      unit.waiters.add(settle);
    });
  }

  /** What is known of a process. `pid` is that of the program itself, not of the guard around it. */
  info(name) {
    const unit = this.#unit(name);
    return { state: unit.state, pid: unit.innerPid ?? unit.child?.pid, restarts: unit.restarts, ready: unit.ready };
  }

  /** The last lines a process wrote, as it wrote them. */
  lines(name) {
    return [...this.#unit(name).tail];
  }

  /** Sends a signal to the program itself; it is restarted as after any crash. */
  kill(name, signal = 'SIGKILL') {
    const { pid } = this.info(name);
    if (pid === undefined) throw new Trouble(`${name} is not running.`);
    process.kill(pid, signal);
  }

  /** Stops one process and keeps it stopped until `start`. With SIGKILL it gets no chance to tidy up. */
  async stopOne(name, signal = 'SIGTERM') {
    const unit = this.#unit(name);
    unit.wanted = false;
    clearTimeout(unit.timer);
    if (unit.child === undefined) {
      unit.state = 'stopped';
      return;
    }
    const { child } = unit;
    const gone = new Promise((resolve) => (child.exitCode !== null || child.signalCode !== null ? resolve() : child.once('exit', resolve)));
    if (signal === 'SIGKILL') killGroup(child.pid);
    else child.kill(signal);
    const timer = setTimeout(() => killGroup(child.pid), this.#options.graceMs);
    await gone;
    clearTimeout(timer);
    // Whatever the process itself had started goes with it.
    killGroup(child.pid);
  }

  /** Stops everything, last started first. Safe to call again. */
  stop() {
    this.#stopping ??= (async () => {
      const units = [...this.#units.values()].reverse();
      // Temporal last of all, so that the others can report what they finish; the rest at once.
      const servers = units.filter((unit) => unit.spec.last === true);
      await Promise.all(units.filter((unit) => !servers.includes(unit)).map((unit) => this.stopOne(unit.spec.name)));
      await Promise.all(servers.map((unit) => this.stopOne(unit.spec.name)));
      for (const unit of units) {
        for (const settle of [...unit.waiters]) settle(new Trouble('The system is being stopped.'));
        await new Promise((resolve) => (unit.file === undefined ? resolve() : unit.file.end(resolve)));
      }
    })();
    return this.#stopping;
  }

  /** For a last resort at exit, where nothing can be awaited. */
  killAllNow() {
    for (const unit of this.#units.values()) if (unit.child?.pid !== undefined) killGroup(unit.child.pid);
  }

  #unit(name) {
    const unit = this.#units.get(name);
    if (unit === undefined) throw new Trouble(`There is no process called ${name}.`);
    return unit;
  }

  #spawn(unit) {
    const { spec } = unit;
    const args =
      spec.module === undefined
        ? [guard, spec.program, ...(spec.args ?? [])]
        : ['--import', preload, '--enable-source-maps', spec.module, ...(spec.args ?? [])];
    unit.state = 'starting';
    unit.innerPid = undefined;
    unit.lastRun = [];
    const ready = Object.fromEntries([...this.#units.values()].map((one) => [one.spec.name, one.ready]));
    // A group of its own: Ctrl-C at the terminal reaches the supervisor alone, which then stops in order.
    const child = spawn(process.execPath, args, { cwd: spec.cwd, env: spec.env(ready), stdio: ['ignore', 'pipe', 'pipe', 'ipc'], detached: true });
    unit.child = child;
    unit.closed = new Promise((resolve) => child.once('close', resolve));
    child.on('message', (message) => {
      if (message?.kind === 'pid') unit.innerPid = message.pid;
    });
    for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', (line) => this.#line(unit, child, line));
    child.once('error', (error) => this.#line(unit, child, `could not be started: ${error.message}`));
    child.once('exit', (code, signal) => void this.#exited(unit, child, code, signal));
    if (spec.probe !== undefined) void this.#probe(unit, child);
  }

  async #probe(unit, child) {
    while (unit.child === child && unit.state === 'starting') {
      if (await unit.spec.probe().catch(() => false)) {
        if (unit.child === child && unit.state === 'starting') this.#becameReady(unit, {});
        return;
      }
      await sleep(100);
    }
  }

  #becameReady(unit, data) {
    unit.state = 'ready';
    unit.ready = data;
    for (const settle of [...unit.waiters]) settle();
  }

  #line(unit, child, line) {
    if (unit.child !== child || line === '') return;
    const parsed = parseLine(line);
    for (const list of [unit.tail, unit.lastRun]) {
      list.push(line);
      if (list.length > 400) list.shift();
    }
    unit.file?.write(`${line}\n`);
    if (unit.state === 'starting' && unit.spec.isReady?.(parsed) === true) this.#becameReady(unit, parsed.data ?? {});
    if (
      parsed.level < (unit.spec.minLevel ?? 30) ||
      (unit.spec.minLevel !== undefined && parsed.data === undefined) ||
      (this.#stopping !== undefined && parsed.level > 30)
    )
      return;
    const pretty = prettyLine(parsed);
    if (pretty !== undefined) this.#say(unit, pretty);
  }

  async #exited(unit, child, code, signal) {
    if (unit.child !== child) return;
    // A guard that was killed must not leave its program behind.
    killGroup(child.pid);
    // Its last words may still be in the pipe.
    if (unit.wanted) await Promise.race([unit.closed, sleep(500)]);
    if (unit.child !== child) return;
    unit.child = undefined;
    unit.innerPid = undefined;
    unit.state = 'stopped';
    if (!unit.wanted || this.#stopping !== undefined) return;
    const { crashLimit, crashWindowMs, backoffMs } = this.#options;
    const now = Date.now();
    unit.crashes = [...unit.crashes.filter((at) => now - at < crashWindowMs), now];
    const how = signal === null ? `ended with code ${code}` : `was ended by ${signal}`;
    if (unit.crashes.length >= crashLimit) {
      unit.state = 'given-up';
      const trouble = new Trouble(
        `${unit.spec.name} ${how}; that was ${unit.crashes.length} crashes within a minute, so it is given up.${this.#lastLines(unit)}`,
      );
      this.#say(unit, red(trouble.message.split('\n')[0]));
      for (const settle of [...unit.waiters]) settle(trouble);
      this.#onGiveUp(unit.spec.name, trouble);
      return;
    }
    const waitMs = Math.min(backoffMs * 2 ** (unit.crashes.length - 1), 10_000);
    this.#say(unit, yellow(`${how}; starting it again in ${(waitMs / 1000).toFixed(1)} s`));
    unit.state = 'waiting';
    unit.timer = setTimeout(() => {
      if (!unit.wanted || this.#stopping !== undefined) return;
      unit.restarts += 1;
      this.#spawn(unit);
    }, waitMs);
  }

  #say(unit, text) {
    for (const line of text.split('\n')) this.#write(`${unit.paint(unit.spec.name.padEnd(9))} ${dim('│')} ${line}`);
  }

  #lastLines(unit) {
    const lines = unit.lastRun
      .slice(-12)
      .map((line) => prettyLine(parseLine(line)))
      .filter((line) => line !== undefined);
    const where = this.#logFolder === undefined ? '' : `\nAll of it: ${path.join(this.#logFolder, `${unit.spec.name}.log`)}`;
    return lines.length === 0 ? ` It wrote nothing.${where}` : ` Its last lines:\n  ${lines.join('\n  ')}${where}`;
  }

  #openLog(name) {
    if (this.#logFolder === undefined) return undefined;
    const file = path.join(this.#logFolder, `${name}.log`);
    try {
      renameSync(file, `${file}.1`);
    } catch {
      // The first start has no older log.
    }
    return createWriteStream(file, { mode: 0o600 });
  }
}

function killGroup(pid) {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nothing is left of the group.
  }
}
