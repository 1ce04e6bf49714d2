import type { DirectorySource, SourceUser } from '../directory/live/source.js';
import { createLiveDirectory } from '../directory/live/directory.js';
import type { Directory, DirectoryAgent } from '../directory/port.js';

/** Groups that all are in. */
export const everybody = ['g-data-owners', 'g-security'];
const manyPeople = 10_000;

/** A live directory of many people without a network: what a plan costs beyond the provider's answers. It remembers for the whole bench. */
export function manyPeopleDirectory(agent: DirectoryAgent): Directory {
  const users = new Map<string, SourceUser>(
    [agent.owner, ...Array.from({ length: manyPeople - 1 }, (_, index) => `person-${index}`)].map((id) => [id, { id, name: id, active: true }]),
  );
  const groups = everybody.map((id) => ({ id }));
  const source: DirectorySource = {
    kind: 'scim',
    address: 'bench',
    nobody: 'nobody',
    user: async (id) => users.get(id),
    userByEmail: async () => [],
    usersByAlias: async () => [],
    usersByTeams: async () => [],
    groupsOf: async () => groups,
    hasGroup: async () => true,
    membersOf: async (_group, limit) => [...users.values()].slice(0, limit),
  };
  return createLiveDirectory(source, {
    agents: {
      agent: async (id) => (id === agent.id ? agent : undefined),
      agentByAccount: async () => undefined,
      anyOf: async () => false,
      agentsOwnedBy: async () => [],
    },
    issuers: ['https://idp.example'],
    aliases: false,
    cacheMs: 3_600_000,
    deadlineMs: 5_000,
  });
}
