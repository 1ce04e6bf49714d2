import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { homeFolder, root } from './paths.mjs';
import { configFile } from './sample-config.mjs';
import { ensureSecrets } from './secrets.mjs';
import { bold, box, cyan, dim, Trouble } from './term.mjs';

// Pinned: its page is tried out with this version. It is no dependency; npx brings it when somebody asks for it.
const playground = '@microsoft/m365agentsplayground@0.2.28';

const notice = [
  bold('Microsoft 365 Agents Playground'),
  'npx now brings a program of Microsoft. It is no part of Countersign and not under its licence:',
  '"Microsoft Pre-Release Software License Terms", for evaluating it and giving feedback to Microsoft.',
  'The terms are in the file LICENSE of the package; go on only if you accept them. Telemetry is switched off.',
  dim(playground),
];

/** Runs the relay and the local Teams until Ctrl-C. */
export async function main(args) {
  const { values } = parseArgs({ args, options: { as: { type: 'string', default: 'alice' }, port: { type: 'string', default: '56150' } }, strict: true });
  console.log(box(notice));
  const home = homeFolder();
  const { teams, api, person } = await read(home, values.as);
  await requireRunning(api);

  const folder = path.join(home, 'teams');
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, '.m365agentsplayground.yml'), playgroundConfig(teams, person));

  const { [teams.appPasswordEnv]: password } = { ...(await ensureSecrets(home)), ...process.env };
  if (!password)
    throw new Trouble(`The secret ${teams.appPasswordEnv}, which teams.appPasswordEnv names, is neither in ${home}/secrets.env nor in the environment.`);
  const plain = Object.fromEntries(
    ['PATH', 'HOME', 'USER', 'LANG', 'TMPDIR', 'npm_config_registry', 'NPM_CONFIG_USERCONFIG', 'HTTPS_PROXY', 'NO_PROXY', 'NODE_EXTRA_CA_CERTS'].flatMap(
      (name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]),
    ),
  );
  const relayFile = path.join(root, 'dist/dev/teams-relay-main.js');
  if (!existsSync(relayFile)) throw new Trouble('The system is not built. Run npm start first and leave it running.');
  const children = [
    start('relay', process.execPath, [relayFile, '--connector', `http://127.0.0.1:${values.port}/_connector`, '--person', person.teams.aadObjectId], {
      cwd: root,
      env: { ...plain, COUNTERSIGN_CONFIG: configFile(home), [teams.appPasswordEnv]: password },
    }),
    start('teams', 'npx', ['--yes', playground, 'start', '-e', `${teams.serviceUrl}/api/messages`, '-c', 'msteams', '-p', values.port, '--disable-telemetry'], {
      cwd: folder,
      env: { ...plain, TEAMSAPPTESTER_BROWSER: 'none', APPLICATION_INSIGHTS_NO_STATSBEAT: '1' },
    }),
  ];
  console.log(`\nLocal Teams for ${bold(person.name)}: ${cyan(`http://localhost:${values.port}`)}  ${dim('(Ctrl-C stops it)')}`);
  console.log(dim('Cards that wait appear within half a minute; npm run demo -- approval sends a new one.\n'));
  await untilStopped(children);
}

async function read(home, as) {
  const { parse } = await import('yaml');
  if (!existsSync(configFile(home))) throw new Trouble('There is no running system here. Run npm start first, and npm run teams in a second terminal.');
  const config = parse(await readFile(configFile(home), 'utf8'));
  const { teams, api, environment } = config;
  if (environment !== 'development') throw new Trouble('The local Teams is for development only.');
  if (!teams?.serviceUrl || !teams.appPasswordEnv)
    throw new Trouble(`${configFile(home)} has no teams section for development. See docs/teams.md, "A local Teams".`);
  const directory = parse(await readFile(path.resolve(home, config.directory.file), 'utf8'));
  const person = directory.people.find((one) => one.id === as);
  if (!person?.teams)
    throw new Trouble(
      `${as} has no Teams identity in the directory. People who have: ${directory.people
        .filter((one) => one.teams)
        .map((one) => one.id)
        .join(', ')}.`,
    );
  return { teams, api, person };
}

async function requireRunning(api) {
  const answer = await fetch(`http://127.0.0.1:${api.port}/healthz`, { signal: AbortSignal.timeout(3_000) }).catch(() => undefined);
  if (!answer?.ok) throw new Trouble('The system does not run. Run npm start first, and npm run teams in a second terminal.');
}

/** The people and chats of the local Teams; it wants exactly five other users. */
function playgroundConfig(teams, person) {
  const user = (id, name, aadObjectId) => {
    const [givenName, surname = givenName] = name.split(' ');
    const email = `${givenName.toLowerCase()}@example.com`;
    return { id, name, userPrincipleName: email, aadObjectId, givenName, surname, email };
  };
  const others = ['Uma Uno', 'Dot Duo', 'Tim Trio', 'Quin Quad', 'Pia Penta'];
  // JSON is YAML.
  return `${JSON.stringify(
    {
      version: '0.1.1',
      tenantId: teams.tenantId,
      bot: { id: `28:${teams.appId}`, name: 'Countersign' },
      currentUser: user(person.teams.aadObjectId, person.name, person.teams.aadObjectId),
      users: others.map((name, at) => user(`user-id-${at + 1}`, name, `00000000-0000-4000-8000-0000000001${at + 10}`)),
      personalChat: { id: `a:${person.teams.aadObjectId}` },
      groupChat: { id: 'group-chat-id', name: 'Group chat' },
      team: {
        id: 'team-id',
        name: 'My team',
        aadGroupId: '00000000-0000-4000-8000-000000000031',
        channels: [{ id: 'channel-announcements-id', name: 'Announcements' }],
      },
    },
    null,
    2,
  )}\n`;
}

function start(name, command, args, options) {
  const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', (line) => console.log(`${dim(name.padEnd(6))}${line}`));
  return { name, child };
}

function untilStopped(children) {
  return new Promise((resolve, reject) => {
    let stopping = false;
    const stop = () => {
      stopping = true;
      for (const { child } of children) {
        try {
          // npx starts the program below itself; the group ends both.
          process.kill(-child.pid, 'SIGTERM');
        } catch {
          // It has ended already.
        }
      }
    };
    process.on('SIGINT', stop);
    process.on('SIGTERM', stop);
    let left = children.length;
    for (const { name, child } of children) {
      child.once('error', (error) => reject(new Trouble(`${name} could not be started: ${error.message}`)));
      child.once('exit', (code) => {
        left -= 1;
        const failed = !stopping;
        stop();
        if (failed) reject(new Trouble(`${name} ended with ${code ?? 'a signal'}; see its last lines above.`));
        if (left === 0) resolve();
      });
    }
  });
}
