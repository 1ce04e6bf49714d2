import { statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, parseYaml } from '../config/load.js';
import { CountersignError } from '../domain/errors.js';
import type { ApproverSet } from '../domain/plan.js';
import type { Directory, DirectoryAgent, DirectoryMember, DirectoryPerson } from './port.js';
import { DirectoryFile } from './schema.js';

const validate = new Ajv2020({ strict: true }).compile(DirectoryFile);

type Snapshot = {
  readonly people: ReadonlyMap<string, DirectoryPerson>;
  readonly agents: ReadonlyMap<string, DirectoryAgent>;
  readonly groups: ReadonlySet<string>;
  readonly personByAccount: ReadonlyMap<string, DirectoryPerson>;
  readonly agentByAccount: ReadonlyMap<string, DirectoryAgent>;
  readonly personByTeams: ReadonlyMap<string, DirectoryPerson>;
};

/**
 * A directory kept in one YAML file, read again whenever the file changes, so that an answer is never older
 * than the file. A file that cannot be read or is not valid makes every call throw `directory-unavailable`.
 * @param developmentIssuer what `issuer: development` stands for; absent in production, where it matches nobody.
 */
export function createFileDirectory(file: string, developmentIssuer?: string): Directory {
  let cached: { readonly stamp: string; readonly snapshot: Snapshot } | undefined;

  async function snapshot(): Promise<Snapshot> {
    try {
      // At once: a way through the thread pool costs seven times as much, and each action asks a dozen times.
      const info = statSync(file);
      const stamp = `${info.mtimeMs}:${info.size}:${info.ino}`;
      if (cached?.stamp !== stamp) cached = { stamp, snapshot: index(parseDirectory(file, await readFile(file, 'utf8')), developmentIssuer) };
      return cached.snapshot;
    } catch (error) {
      throw new CountersignError('directory-unavailable', 'The directory file cannot be used; operators find the reason in the log.', { cause: error });
    }
  }

  return over(snapshot);
}

/** A directory over entries that were read already. Throws `config-invalid` like {@link parseDirectory}. */
export function createDirectory(data: DirectoryFile, developmentIssuer?: string): Directory {
  const entries = index(data, developmentIssuer);
  return over(async () => entries);
}

function over(snapshot: () => Promise<Snapshot>): Directory {
  return {
    personByAccount: async (issuer, subject) => (await snapshot()).personByAccount.get(key(issuer, subject)),
    personByTeams: async (tenantId, aadObjectId) => (await snapshot()).personByTeams.get(teamsKey(tenantId, aadObjectId)),
    person: async (id) => (await snapshot()).people.get(id),
    agentByAccount: async (issuer, subject) => (await snapshot()).agentByAccount.get(key(issuer, subject)),
    agent: async (id) => (await snapshot()).agents.get(id),
    agentsOwnedBy: async (owner) =>
      [...(await snapshot()).agents.values()]
        .filter((agent) => agent.owner === owner)
        .slice(0, 200)
        .map((agent) => agent.id),
    hasGroup: async (id) => (await snapshot()).groups.has(id),
    members: async (approvers, limit) => members((await snapshot()).people, approvers, limit),
  };
}

/** Reads a directory file and checks that nobody stands in it twice. Throws `config-invalid` with file and, for its form, line. */
export function parseDirectory(file: string, text: string): DirectoryFile {
  const { document, lines, data } = parseYaml(file, text);
  if (!validate(data)) throw new CountersignError('config-invalid', describe(file, document, lines, validate.errors?.at(-1)));
  try {
    index(data, 'development');
  } catch (error) {
    throw error instanceof CountersignError ? new CountersignError(error.code, `${file}: ${error.detail}`) : error;
  }
  return data;
}

function members(people: ReadonlyMap<string, DirectoryPerson>, approvers: ApproverSet, limit: number): readonly DirectoryMember[] {
  const found: DirectoryMember[] = [];
  for (const person of people.values()) {
    if (found.length >= limit) break;
    if (!person.active) continue;
    if (approvers.people.includes(person.id) || approvers.groups.some((group) => person.groups.includes(group))) found.push(person);
  }
  return found;
}

function index(data: DirectoryFile, developmentIssuer: string | undefined): Snapshot {
  const accountsOf = (accounts: DirectoryFile['people'][number]['accounts']) =>
    accounts.flatMap((account) => {
      if (account.issuer !== 'development') return [account];
      return developmentIssuer === undefined ? [] : [{ issuer: developmentIssuer, subject: account.subject }];
    });
  const groups = new Set<string>();
  for (const group of data.groups) {
    if (groups.has(group.id)) throw new CountersignError('config-invalid', `The directory names the same group twice: ${group.id}.`);
    groups.add(group.id);
  }
  const byEmail = new Map<string, DirectoryPerson>();
  const people = new Map<string, DirectoryPerson>();
  const personByAccount = new Map<string, DirectoryPerson>();
  const personByTeams = new Map<string, DirectoryPerson>();
  const agents = new Map<string, DirectoryAgent>();
  const agentByAccount = new Map<string, DirectoryAgent>();

  for (const { email, teams, ...entry } of data.people) {
    for (const group of entry.groups)
      if (!groups.has(group)) throw new CountersignError('config-invalid', `${entry.id} is in the group ${group}, which is not defined.`);
    const person: DirectoryPerson = {
      id: entry.id,
      name: entry.name,
      active: entry.active ?? true,
      groups: entry.groups,
      accounts: accountsOf(entry.accounts),
      ...(entry.manager === undefined ? {} : { manager: entry.manager }),
      ...(email === undefined ? {} : { email }),
      ...(teams === undefined ? {} : { teams }),
    };
    put(people, person.id, person, 'person');
    // Two entries with one address are one human with two names, who could then be counted twice.
    if (email !== undefined) put(byEmail, email.toLowerCase(), person, 'e-mail address');
    for (const account of person.accounts) put(personByAccount, key(account.issuer, account.subject), person, 'account');
    if (teams !== undefined) put(personByTeams, teamsKey(teams.tenantId, teams.aadObjectId), person, 'Teams identity');
  }
  for (const { id, manager } of people.values())
    if (manager !== undefined && (manager === id || !people.has(manager)))
      throw new CountersignError('config-invalid', `${id} reports to ${manager}, who is not somebody else in the directory.`);
  for (const entry of data.agents) {
    const agent: DirectoryAgent = {
      id: entry.id,
      name: entry.name,
      active: entry.active ?? true,
      owner: entry.owner,
      ...(entry.actsFor === undefined ? {} : { actsFor: entry.actsFor }),
      ...(entry.team === undefined ? {} : { team: entry.team }),
      accounts: accountsOf(entry.accounts),
    };
    if (!people.has(agent.owner))
      throw new CountersignError('config-invalid', `The agent ${agent.id} is owned by ${agent.owner}, who is not in the directory.`);
    for (const id of agent.actsFor ?? [])
      if (!people.has(id)) throw new CountersignError('config-invalid', `The agent ${agent.id} acts for ${id}, who is not in the directory.`);
    if (people.has(agent.id)) throw new CountersignError('config-invalid', `${agent.id} is both a person and an agent.`);
    put(agents, agent.id, agent, 'agent');
    for (const account of agent.accounts) {
      // An account that is a person's and an agent's at once would let an agent decide.
      if (personByAccount.has(key(account.issuer, account.subject)))
        throw new CountersignError('config-invalid', `An account of the agent ${agent.id} is also a person's.`);
      put(agentByAccount, key(account.issuer, account.subject), agent, 'account');
    }
  }
  return { people, agents, groups, personByAccount, agentByAccount, personByTeams };
}

function put<T>(map: Map<string, T>, at: string, value: T, what: string): void {
  if (map.has(at)) throw new CountersignError('config-invalid', `The directory names the same ${what} twice: ${at}.`);
  map.set(at, value);
}

// Microsoft writes the same GUID in either case.
function teamsKey(tenantId: string, aadObjectId: string): string {
  return key(tenantId.toLowerCase(), aadObjectId.toLowerCase());
}

// JSON keeps two parts apart whatever characters they hold.
function key(first: string, second: string): string {
  return JSON.stringify([first, second]);
}
