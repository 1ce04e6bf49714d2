import { readFileSync, statSync } from 'node:fs';
import { Command } from 'commander';
import { developmentIssuer, directoryFile } from '../config/directory.js';
import { loadConfig, type LoadedConfig } from '../config/load.js';
import { createFileDirectory, parseDirectory } from '../directory/file.js';
import { openLiveDirectory } from '../directory/open.js';
import type { Directory, DirectoryAgent, DirectoryPerson } from '../directory/port.js';
import { CountersignError } from '../domain/errors.js';

type Wanted = { readonly id: string } | { readonly email: string } | { readonly issuer: string; readonly subject: string };

/** What the system believes about one human or agent, and from where. */
type Finding = {
  readonly source: { readonly kind: string; readonly address: string; readonly asked_at: string };
  readonly people: readonly {
    readonly person: Omit<DirectoryPerson, 'groups'>;
    /** Ids of the accounts at the source that are this human. */
    readonly account_ids: readonly string[];
    readonly groups: readonly { readonly id: string; readonly via?: string }[];
    readonly owns_agents: readonly string[];
  }[];
  readonly agents: readonly DirectoryAgent[];
};

/** `countersign directory`: looks into the directory as the processes do. */
export function directoryCommand(): Command {
  const directory = new Command('directory').description('Look into the directory of people and agents');
  directory
    .command('whois')
    .description('Say what the system believes about somebody, and from where; asks the provider anew')
    .argument('<who>', 'an id, an e-mail address, or <issuer>:<subject> of a token')
    .option('-c, --config <file>', 'configuration; COUNTERSIGN_CONFIG or ./countersign.yaml when absent')
    .option('--json', 'as JSON')
    .action(whois);
  return directory;
}

async function whois(who: string, options: { readonly config?: string; readonly json?: boolean }): Promise<void> {
  const config = loadConfig(options.config);
  const finding = config.directory.file === undefined ? await askProvider(config, who) : await askFile(config, who);
  if (finding.people.length === 0 && finding.agents.length === 0)
    throw new CountersignError('principal-unknown', `${finding.source.address} knows nobody by ${who.slice(0, 200)}.`);
  process.stdout.write(`${options.json === true ? JSON.stringify(finding, null, 2) : render(finding)}\n`);
}

async function askProvider(config: LoadedConfig, who: string): Promise<Finding> {
  const directory = openLiveDirectory(config, { error: ({ ...fields }) => process.stderr.write(`${JSON.stringify(fields)}\n`), info: () => undefined });
  const askedAt = new Date().toISOString();
  const wanted = wantedOf(who);
  const beliefs = await directory.explain(wanted);
  const people = await Promise.all(
    beliefs.map(async ({ person: { groups: _groups, ...person }, accountIds, groups }) => ({
      person,
      account_ids: accountIds,
      groups,
      owns_agents: await directory.agentsOwnedBy(person.id),
    })),
  );
  return {
    source: { kind: directory.source.kind, address: directory.source.address, asked_at: askedAt },
    people,
    agents: await agentsOf(directory, wanted),
  };
}

async function askFile(config: LoadedConfig, who: string): Promise<Finding> {
  const file = directoryFile(config);
  const directory = createFileDirectory(file, developmentIssuer(config));
  const wanted = wantedOf(who);
  const found = await personOf(directory, file, wanted);
  return {
    source: { kind: 'file', address: file, asked_at: statSync(file).mtime.toISOString() },
    people: await Promise.all(
      found.map(async ({ groups, ...person }) => ({
        person,
        account_ids: [person.id],
        groups: groups.map((id) => ({ id })),
        owns_agents: await directory.agentsOwnedBy(person.id),
      })),
    ),
    agents: await agentsOf(directory, wanted),
  };
}

async function personOf(directory: Directory, file: string, wanted: Wanted): Promise<readonly DirectoryPerson[]> {
  if ('issuer' in wanted) return some(await directory.personByAccount(wanted.issuer, wanted.subject));
  if ('id' in wanted) return some(await directory.person(wanted.id));
  const ids = parseDirectory(file, readFileSync(file, 'utf8')).people.filter(
    ({ id, email }) => id === wanted.email || email?.toLowerCase() === wanted.email.toLowerCase(),
  );
  return (await Promise.all(ids.map(({ id }) => directory.person(id)))).flatMap(some);
}

async function agentsOf(directory: Pick<Directory, 'agent' | 'agentByAccount'>, wanted: Wanted): Promise<readonly DirectoryAgent[]> {
  if ('issuer' in wanted) return some(await directory.agentByAccount(wanted.issuer, wanted.subject));
  return some(await directory.agent('id' in wanted ? wanted.id : wanted.email));
}

/** An issuer is an address, so what follows its last colon is the subject. */
function wantedOf(who: string): Wanted {
  const account = /^(https?:\/\/.+):([^:/]+)$/.exec(who);
  if (account !== null) return { issuer: account[1] ?? '', subject: account[2] ?? '' };
  return who.includes('@') ? { email: who } : { id: who };
}

const some = <T>(value: T | undefined): readonly T[] => (value === undefined ? [] : [value]);

function render({ source, people, agents }: Finding): string {
  const from = `${source.kind}, ${source.address}, ${source.kind === 'file' ? 'written' : 'asked'} ${source.asked_at}`;
  const row = (name: string, value: string) => `  ${name.padEnd(14)}${value}`;
  const rows = (name: string, values: readonly string[]) =>
    values.length === 0 ? [row(name, 'none')] : values.map((value, at) => row(at === 0 ? name : '', value));
  return [
    ...people.map(({ person, account_ids, groups, owns_agents }) =>
      [
        `${person.name} (${person.id}), a person`,
        row('active', person.active ? 'yes' : 'no: decides nothing'),
        row('from', from),
        ...(person.email === undefined ? [] : [row('e-mail', person.email)]),
        ...(account_ids.length === 1 && account_ids[0] === person.id ? [] : rows('accounts', account_ids)),
        ...rows(
          'tokens',
          person.accounts.map(({ issuer, subject }) => `${issuer}:${subject}`),
        ),
        ...(person.teams === undefined ? [] : [row('Teams', `${person.teams.aadObjectId} in ${person.teams.tenantId}`)]),
        ...(person.manager === undefined ? [] : [row('manager', person.manager)]),
        ...rows(
          'groups',
          groups.map(({ id, via }) => (via === undefined ? id : `${id} (through ${via === '' ? 'another group' : via})`)),
        ),
        ...rows('owns agents', owns_agents),
      ].join('\n'),
    ),
    ...agents.map((agent) =>
      [
        `${agent.name} (${agent.id}), an agent`,
        row('active', agent.active ? 'yes' : 'no'),
        row('owner', agent.owner),
        ...rows('acts for', agent.actsFor ?? [agent.owner]),
        ...rows(
          'tokens',
          agent.accounts.map(({ issuer, subject }) => `${issuer}:${subject}`),
        ),
      ].join('\n'),
    ),
  ].join('\n\n');
}
