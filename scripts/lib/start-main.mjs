import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { ensureBuilt } from './build.mjs';
import { Client, isFinal } from './client.mjs';
import { ensureInstalled } from './install.mjs';
import { homeFolder, root } from './paths.mjs';
import { scenarios } from './scenarios.mjs';
import { ending, invitation, tell } from './story.mjs';
import { createSystem, prepareHome } from './system.mjs';
import { findTemporal } from './temporal.mjs';
import { Trouble, bold, dim, elapsed, report, step } from './term.mjs';

/** Runs `npm start` until it is stopped, or with `--once` until the sample action is final. */
export async function main(argv, from) {
  const { once, sample } = options(argv);
  const home = homeFolder();
  console.log(bold('Countersign') + dim(`  data in ${path.relative(process.cwd(), home) || home}, Node ${process.version}`));
  const temporal = await makeReady();
  let prepared;
  await step('data folder', async () => {
    prepared = await prepareHome(home);
  });
  for (const note of prepared.notes) console.log(dim(`  ${note}`));
  const run = supervise(prepared, temporal);
  try {
    await step('processes', async (progress) => {
      const waiting = new Set(run.system.names);
      progress(`waiting for ${[...waiting].join(', ')}`);
      await run.system.start((name) => {
        waiting.delete(name);
        progress(`waiting for ${[...waiting].join(', ')}`);
      });
      return run.system.names.join(', ');
    });
    console.log(`${bold('Ready')} after ${elapsed(from)}.  ${dim('Ctrl-C stops everything.')}\n`);
    if (sample) await showSample(prepared, run.stopped.signal);
    if (!once && !run.stopped.signal.aborted) await new Promise((resolve) => run.stopped.signal.addEventListener('abort', resolve));
  } catch (error) {
    if (!run.stopped.signal.aborted) report(error);
  } finally {
    await run.stop();
  }
}

/** Obtains dependencies, compiled code and the Temporal server, as far as they are missing. */
async function makeReady() {
  const engine = process.env.TEMPORAL_ADDRESS ? Promise.resolve(undefined) : obtainTemporal();
  engine.catch(() => {});
  await step('dependencies', ensureInstalled);
  await step('compiled code', ensureBuilt);
  return engine;
}

async function obtainTemporal() {
  let found;
  await step('Temporal server', async (progress) => {
    found = await findTemporal({ progress });
    return found.note;
  });
  return found.file;
}

function supervise(prepared, temporal) {
  const stopped = new AbortController();
  const system = createSystem({
    ...prepared,
    temporal,
    onGiveUp: (name, trouble) => {
      report(trouble);
      void stop();
    },
  });
  let stopping;
  const stop = () => {
    stopped.abort();
    stopping ??= (async () => {
      const from = performance.now();
      await system.stop();
      console.log(dim(`Stopped after ${elapsed(from)}. Everything is kept in ${prepared.home}.`));
    })();
    return stopping;
  };
  let asked = 0;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      asked += 1;
      if (asked > 1) {
        system.supervisor.killAllNow();
        process.exit(130);
      }
      console.log(dim('\nStopping; once more stops at once.'));
      void stop().then(() => process.exit());
    });
  }
  for (const event of ['uncaughtException', 'unhandledRejection']) {
    process.on(event, (error) => {
      report(error);
      void stop().then(() => process.exit(1));
    });
  }
  process.on('exit', () => system.supervisor.killAllNow());
  return { system, stop, stopped };
}

/** Submits the sample, or finds the one that still waits from an earlier start, and tells its story to the end. */
async function showSample({ home, config }, signal) {
  const scenario = scenarios.approval;
  const client = new Client({ home, publicUrl: config.publicUrl, subject: scenario.agent });
  const { view, again } = await sampleAction(home, client, scenario);
  const waiting = await waitingCount(client);
  if (again) console.log(`${waiting} The sample action of an earlier start is one of them; its deadline is ${view.deadline_at ?? view.expires_at}.`);
  else console.log(['A sample agent has asked for something.', ...(waiting.startsWith('1 ') ? [] : [waiting])].join(' '));
  console.log(invitation(config, view, scenario));
  let seen = 0;
  for await (const now of client.follow(view.id, signal)) {
    seen = tell(now, seen, console.log);
    if (isFinal(now.status)) console.log(`\n${ending(config, now).join('\n')}\n`);
  }
}

/** How many actions of the sample agent wait, in a sentence. */
async function waitingCount(client) {
  const most = 100;
  const reply = await client.request('GET', `/v1/actions?status=pending&limit=${most}`);
  const count = reply.body.items?.length ?? 1;
  return count === 1 ? '1 action still waits for people.' : `${count === most ? `${most} or more` : count} actions still wait for people.`;
}

async function sampleAction(home, client, scenario) {
  const file = path.join(home, 'sample.json');
  const known = await readFile(file, 'utf8').then(JSON.parse, () => undefined);
  // The same Idempotency-Key gives the same action, so the key is all that has to be remembered.
  if (typeof known?.key === 'string') {
    const view = await client.submit(scenario.body, known.key).catch(() => undefined);
    if (view !== undefined && !isFinal(view.status)) return { view, again: true };
  }
  const key = `sample-${Date.now()}`;
  await writeFile(file, `${JSON.stringify({ key })}\n`);
  return { view: await client.submit(scenario.body, key), again: false };
}

function options(argv) {
  try {
    const { values } = parseArgs({ args: argv, options: { once: { type: 'boolean' }, 'no-sample': { type: 'boolean' } }, strict: true });
    return { once: values.once === true, sample: values['no-sample'] !== true };
  } catch (error) {
    throw new Trouble(`${error.message}\nUsage: npm start [-- --once] [-- --no-sample]   (from ${root})`);
  }
}
