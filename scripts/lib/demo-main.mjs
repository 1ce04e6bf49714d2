import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Client, isFinal } from './client.mjs';
import { homeFolder } from './paths.mjs';
import { configFile, readConfig } from './sample-config.mjs';
import { scenarios } from './scenarios.mjs';
import { ending, invitation, tell } from './story.mjs';
import { Trouble, bold } from './term.mjs';

/** Submits the named scenario and follows it until it is final. Exit code 1 if it ended otherwise than foretold. */
export async function demo(argv) {
  const { name, follow } = options(argv);
  const scenario = Object.hasOwn(scenarios, name ?? '') ? scenarios[name] : undefined;
  if (scenario === undefined) {
    const width = Math.max(...Object.keys(scenarios).map((one) => one.length));
    const list = Object.entries(scenarios).map(([one, { summary }]) => `  ${bold(one.padEnd(width))}  ${summary}`);
    console.log(`${name === undefined ? '' : `There is no scenario "${name}".\n`}Usage: npm run demo -- <scenario>\n${list.join('\n')}`);
    if (name !== undefined) process.exitCode = 2;
    return;
  }
  const home = homeFolder();
  if (!existsSync(configFile(home))) throw new Trouble('Nothing has been set up yet. Run "npm start" in another terminal first.');
  const config = await readConfig(home);
  const running = await fetch(`${config.publicUrl}/healthz`, { signal: AbortSignal.timeout(3_000) }).then(
    (reply) => reply.ok,
    () => false,
  );
  if (!running) throw new Trouble(`Nothing answers at ${config.publicUrl}. Run "npm start" in another terminal first.`);

  const client = new Client({ home, publicUrl: config.publicUrl, subject: scenario.agent });
  let view = await client.submit(scenario.body);
  console.log(invitation(config, view, scenario));
  // Without a terminal only what ends without people is followed: nobody may be there to decide.
  if (!(follow ?? scenario.people === 0) && !isFinal(view.status)) {
    console.log('It waits for people and is not followed here; -- --follow waits for its end, and the inbox link shows how it stands.');
    return;
  }
  let seen = 0;
  for await (const now of client.follow(view.id)) {
    view = now;
    seen = tell(now, seen, console.log);
  }
  console.log(`\n${ending(config, view).join('\n')}`);
  if (scenario.people === 0 && view.status !== scenario.expect) throw new Trouble(`It should have been ${scenario.expect}.`);
}

function options(argv) {
  try {
    const { values, positionals } = parseArgs({
      args: argv,
      options: { follow: { type: 'boolean' }, 'no-follow': { type: 'boolean' } },
      allowPositionals: true,
      strict: true,
    });
    return { name: positionals[0], follow: values['no-follow'] === true ? false : values.follow === true || process.stdout.isTTY === true ? true : undefined };
  } catch (error) {
    throw new Trouble(`${error.message}\nUsage: npm run demo -- <scenario> [--follow | --no-follow]`);
  }
}
