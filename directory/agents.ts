import { readFile, stat } from 'node:fs/promises';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, parseYaml } from '../config/load.js';
import { CountersignError } from '../domain/errors.js';
import type { Directory, DirectoryAgent } from './port.js';
import { AgentsFile } from './schema.js';

/** The part of a directory that knows agents. */
export type Agents = Pick<Directory, 'agent' | 'agentByAccount' | 'agentsOwnedBy'> & {
  /** Whether one of these is an agent's id, or the subject of one of its accounts under whatever issuer. */
  anyOf(names: readonly string[]): Promise<boolean>;
};

type Index = {
  readonly byId: ReadonlyMap<string, DirectoryAgent>;
  readonly byAccount: ReadonlyMap<string, DirectoryAgent>;
  readonly names: ReadonlySet<string>;
};

const validate = new Ajv2020({ strict: true }).compile<AgentsFile>(AgentsFile);

/**
 * Agents kept in a file beside a live directory of people; read again whenever it changes. That an owner exists is found out when the agent asks for
 * something. A file that cannot be used makes every call throw `directory-unavailable`.
 */
export function createAgentsFile(file: string, developmentIssuer?: string): Agents {
  let cached: { readonly stamp: string; readonly index: Index } | undefined;

  async function index(): Promise<Index> {
    try {
      const info = await stat(file);
      const stamp = `${info.mtimeMs}:${info.size}:${info.ino}`;
      if (cached?.stamp !== stamp) cached = { stamp, index: indexAgents(file, parseAgents(file, await readFile(file, 'utf8')), developmentIssuer) };
      return cached.index;
    } catch (error) {
      throw new CountersignError('directory-unavailable', 'The file of agents cannot be used; operators find the reason in the log.', { cause: error });
    }
  }

  return {
    agent: async (id) => (await index()).byId.get(plain(id)),
    agentByAccount: async (issuer, subject) => (await index()).byAccount.get(JSON.stringify([issuer, plain(subject)])),
    anyOf: async (names) => {
      const known = (await index()).names;
      return names.some((name) => known.has(plain(name)));
    },
    agentsOwnedBy: async (owner) =>
      [...(await index()).byId.values()]
        .filter((agent) => agent.owner === owner)
        .slice(0, 200)
        .map((agent) => agent.id),
  };
}

/** Reads a file of agents and checks that none stands in it twice. Throws `config-invalid` with file and, for its form, line. */
export function parseAgents(file: string, text: string): AgentsFile {
  const { document, lines, data } = parseYaml(file, text);
  if (!validate(data)) throw new CountersignError('config-invalid', describe(file, document, lines, validate.errors?.at(-1)));
  indexAgents(file, data, 'development');
  return data;
}

function indexAgents(file: string, { agents }: AgentsFile, developmentIssuer: string | undefined): Index {
  const byId = new Map<string, DirectoryAgent>();
  const byAccount = new Map<string, DirectoryAgent>();
  const names = new Set<string>();
  const twice = (what: string) => new CountersignError('config-invalid', `${file}: the same ${what} stands there twice.`);
  for (const entry of agents) {
    const accounts = entry.accounts.flatMap(({ issuer, subject }) => {
      const meant = issuer === 'development' ? developmentIssuer : issuer;
      return meant === undefined ? [] : [{ issuer: meant, subject }];
    });
    const agent: DirectoryAgent = {
      id: entry.id,
      name: entry.name,
      active: entry.active ?? true,
      owner: entry.owner,
      accounts,
      ...(entry.actsFor === undefined ? {} : { actsFor: entry.actsFor }),
      ...(entry.team === undefined ? {} : { team: entry.team }),
    };
    if (byId.has(plain(agent.id))) throw twice(`agent ${agent.id}`);
    byId.set(plain(agent.id), agent);
    names.add(plain(agent.id));
    for (const { issuer, subject } of accounts) {
      names.add(plain(subject));
      const key = JSON.stringify([issuer, plain(subject)]);
      if (byAccount.has(key)) throw twice(`account ${subject}`);
      byAccount.set(key, agent);
    }
  }
  return { byId, byAccount, names };
}

const guid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

// Microsoft writes the same GUID in either case.
function plain(name: string): string {
  return guid.test(name) ? name.toLowerCase() : name;
}
