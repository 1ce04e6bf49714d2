import { CountersignError } from '../../domain/errors.js';
import type { ApproverSet } from '../../domain/plan.js';
import type { Agents } from '../agents.js';
import type { Directory, DirectoryMember, DirectoryPerson, Lookup } from '../port.js';
import { createCache } from './cache.js';
import { DirectoryTrouble, isId, plainName, requireId, type Ask, type DirectorySource, type SourceGroup, type SourceUser } from './source.js';

export type LiveOptions = {
  readonly agents: Agents;
  /** Issuers whose token subjects are this provider's accounts. */
  readonly issuers: readonly string[];
  /** Accounts that share the source's alias attribute are one human. */
  readonly aliases: boolean;
  /** The Microsoft tenant whose object ids the accounts carry. */
  readonly teamsTenant?: string;
  readonly cacheMs: number;
  readonly deadlineMs: number;
  readonly onTrouble?: (trouble: DirectoryTrouble) => void;
  readonly onRecovery?: () => void;
  readonly now?: () => number;
};

/** What is believed about one human, and from where; for people who look into it. */
export type Belief = {
  readonly person: DirectoryPerson;
  readonly accountIds: readonly string[];
  readonly groups: readonly SourceGroup[];
  readonly askedAtMs: number;
};

export type LiveDirectory = Directory & {
  readonly source: Pick<DirectorySource, 'kind' | 'address'>;
  /** Asks anew about an id, an address, or a token identity. Throws `directory-unavailable`. */
  explain(who: { readonly id: string } | { readonly email: string } | { readonly issuer: string; readonly subject: string }): Promise<readonly Belief[]>;
  check(): Promise<void>;
};

const cached = { accounts: 20_000, groups: 5_000, lists: 200 } as const;
/** More accounts than this are not one human but an attribute that was misunderstood. */
const mostAliases = 20;
/** How many accounts are asked for one by one at a time. */
const side = 8;
/** What the ids of humans with several accounts begin with; no provider's ids do. */
const humanPrefix = 'human-';
// Values as they may stand in an id.
const aliasForm = /^[A-Za-z0-9._@-]{1,100}$/;

/**
 * A directory over one identity provider. People and groups are the provider's, agents are ours. What was asked for is used again for a few
 * seconds, except where a caller demands a fresh answer, and never once an answer has said that somebody is gone.
 */
export function createLiveDirectory(source: DirectorySource, options: LiveOptions): LiveDirectory {
  const { agents, aliases, cacheMs: ttlMs, now = Date.now } = options;
  const issuers = new Set(options.issuers);
  const accounts = createCache<SourceUser | undefined>({ ttlMs, max: cached.accounts, now });
  const humans = createCache<readonly SourceUser[]>({ ttlMs, max: cached.accounts, now });
  const groups = createCache<readonly SourceGroup[]>({ ttlMs, max: cached.accounts, now });
  const exists = createCache<boolean>({ ttlMs, max: cached.groups, now });
  const lists = createCache<readonly SourceUser[]>({ ttlMs, max: cached.lists, now });
  let failing = false;
  let checked = source.check === undefined;

  /** Runs one lookup within its deadline, and tells operators how the provider does. */
  async function lookup<T>(work: (ask: Ask) => Promise<T>): Promise<T> {
    try {
      const result = await work({ deadlineMs: now() + options.deadlineMs, signal: AbortSignal.timeout(options.deadlineMs) });
      if (failing) options.onRecovery?.();
      failing = false;
      return result;
    } catch (error) {
      if (error instanceof CountersignError) throw error;
      failing = true;
      options.onTrouble?.(error instanceof DirectoryTrouble ? error : new DirectoryTrouble('nonsense', 'the answer could not be understood', { cause: error }));
      throw new CountersignError('directory-unavailable', 'The directory cannot be asked now; try again in a moment.', { cause: error });
    }
  }

  // Whoever is gone or inactive, or has left a group, is in no list that was made before.
  function forget(id: string): void {
    for (const cache of [lists, humans]) cache.deleteWhere((_key, users) => users.some((user) => user.id === id && user.active));
  }
  function noticeUsers(ids: readonly string[], users: readonly SourceUser[]): void {
    for (const id of ids) if (users.find((user) => user.id === id)?.active !== true) forget(id);
  }
  function noticeGroups(id: string, found: readonly SourceGroup[]): void {
    lists.deleteWhere((key, users) => users.some((user) => user.id === id) && !found.some((group) => key.startsWith(`${group.id} `)));
  }

  async function account(id: string, ask: Ask, fresh: boolean): Promise<SourceUser | undefined> {
    if (!isId(id)) return undefined;
    return accounts.get(id, fresh, async () => {
      const user = await source.user(id, ask);
      // Providers that also take names in place of ids must not make one of the other.
      const found = user === undefined || user.id !== id ? undefined : user;
      requireId(found?.id ?? id);
      noticeUsers([id], found === undefined ? [] : [found]);
      return found;
    });
  }

  /** The accounts of one human. Providers search an index that lags behind; it only tells which accounts to ask for. */
  async function sameHuman(value: string, ask: Ask, fresh: boolean): Promise<readonly SourceUser[]> {
    const same = (user: SourceUser | undefined) => user?.alias?.toLowerCase() === value.toLowerCase();
    return humans.get(value.toLowerCase(), fresh, async () => {
      const listed = (await source.usersByAlias(value, ask)).filter(same);
      if (listed.length > mostAliases) throw new DirectoryTrouble('nonsense', 'too many accounts share one value of the alias attribute');
      const found = (await reread(listed, ask, true)).filter((user) => user !== undefined);
      if (found.length < listed.length || !found.every(same))
        throw new DirectoryTrouble('nonsense', 'the search by the alias attribute finds accounts that have it no more');
      return [...found].sort((a, b) => (a.id < b.id ? -1 : 1));
    });
  }

  /** What a search found, as each account is when it is asked for by its id. */
  const reread = (users: readonly SourceUser[], ask: Ask, fresh: boolean): Promise<readonly (SourceUser | undefined)[]> =>
    inTurns(users, ({ id }) => account(requireId(id), ask, fresh));

  const groupsOf = (id: string, ask: Ask, fresh: boolean) =>
    groups.get(id, fresh, async () => {
      const found = await source.groupsOf(id, ask);
      noticeGroups(id, found);
      return found;
    });

  const subjectOf = (user: SourceUser): string | undefined => (source.usersBySubject === undefined ? user.id : user.subject);

  /** The id of the human with this account. Throws where the attribute that would tell cannot be used. */
  function humanId(user: SourceUser): string {
    if (!aliases) return user.id;
    if (user.id.startsWith(humanPrefix)) throw new DirectoryTrouble('nonsense', 'an account has an id of the form that is kept for humans');
    if (user.alias === undefined || user.alias === '') return user.id;
    if (!aliasForm.test(user.alias)) throw new DirectoryTrouble('nonsense', 'the alias attribute of an account has a value that no id can have');
    return `${humanPrefix}${user.alias.toLowerCase()}`;
  }

  async function accountsOf(user: SourceUser, ask: Ask, fresh: boolean): Promise<readonly SourceUser[]> {
    if (humanId(user) === user.id) return [user];
    const found = await sameHuman(user.alias ?? '', ask, fresh);
    // A search that does not find the account it is made for is not up to date.
    if (!found.some(({ id }) => id === user.id))
      throw new DirectoryTrouble('nonsense', 'the search by the alias attribute does not find an account that has it');
    return found;
  }

  function describe(id: string, users: readonly SourceUser[]): DirectoryMember {
    const shown = users.find((user) => user.active) ?? users[0];
    if (shown === undefined) throw new TypeError('nobody to describe');
    const teams = users.find((user) => user.aadObjectId !== undefined)?.aadObjectId;
    return {
      id,
      name: plainName(shown.name, id),
      // One account that was shut is how people leave; the one that was forgotten must not speak for them.
      active: users.every((user) => user.active),
      accounts: users.flatMap((user) => {
        const subject = subjectOf(user);
        return subject === undefined ? [] : [...issuers].map((issuer) => ({ issuer, subject }));
      }),
      ...(shown.email === undefined ? {} : { email: shown.email }),
      ...(teams === undefined || options.teamsTenant === undefined ? {} : { teams: { tenantId: options.teamsTenant, aadObjectId: teams } }),
    };
  }

  // Whichever account of a human is an agent's, and whatever it signs in with: believed as that human, the agent would decide.
  const isAgents = (id: string, users: readonly SourceUser[]): Promise<boolean> => agents.anyOf([id, ...users.flatMap(namesOf)]);

  /** The human with this account, or nobody if one of their accounts is an agent's. */
  async function believe(user: SourceUser, ask: Ask, fresh: boolean, groupsAsked?: Promise<readonly SourceGroup[]>): Promise<Belief | undefined> {
    const askedAtMs = now();
    const users = await accountsOf(user, ask, fresh);
    if (await isAgents(humanId(user), users)) return undefined;
    const found = (await Promise.all(users.map(({ id }) => (id === user.id && groupsAsked !== undefined ? groupsAsked : groupsOf(id, ask, fresh))))).flat();
    const id = humanId(user);
    const managerId = users.find((each) => each.managerId !== undefined)?.managerId;
    const manager = managerId === undefined ? undefined : await account(managerId, ask, fresh);
    const person: DirectoryPerson = {
      ...describe(id, users),
      groups: [...new Set(found.map((group) => requireId(group.id)))].sort(),
      ...(manager === undefined ? {} : { manager: humanId(manager) }),
    };
    return { person, accountIds: users.map((each) => each.id), groups: found, askedAtMs };
  }

  /** The human with this very id. Asked for one of several accounts of a human it knows nobody: ids must not be two names of one. */
  async function byId(id: string, ask: Ask, fresh: boolean): Promise<Belief | undefined> {
    if (!isId(id) || (await agents.anyOf([id]))) return undefined;
    if (aliases && id.startsWith(humanPrefix)) {
      const [first] = await sameHuman(id.slice(humanPrefix.length), ask, fresh);
      return first === undefined || humanId(first) !== id ? undefined : believe(first, ask, fresh);
    }
    const groupsAsked = groupsOf(id, ask, fresh);
    groupsAsked.catch(() => undefined);
    const user = await account(id, ask, fresh);
    return user === undefined || humanId(user) !== id ? undefined : believe(user, ask, fresh, groupsAsked);
  }

  async function bySubject(issuer: string, subject: string, ask: Ask, fresh: boolean): Promise<Belief | undefined> {
    if (!issuers.has(issuer) || (await agents.anyOf([subject]))) return undefined;
    if (source.usersBySubject === undefined) {
      const user = await account(subject, ask, fresh);
      return user === undefined ? undefined : believe(user, ask, fresh);
    }
    return only(await source.usersBySubject(subject, ask), (user) => user.subject === subject, ask, fresh);
  }

  async function byTeams(tenantId: string, aadObjectId: string, ask: Ask, fresh: boolean): Promise<Belief | undefined> {
    if (options.teamsTenant === undefined || tenantId.toLowerCase() !== options.teamsTenant.toLowerCase() || !isId(aadObjectId)) return undefined;
    const wanted = aadObjectId.toLowerCase();
    return only(await source.usersByTeams(wanted, ask), (user) => user.aadObjectId?.toLowerCase() === wanted, ask, fresh);
  }

  /** What is believed of the one human that a search found. Several accounts that are not one human are nobody. */
  async function only(listed: readonly SourceUser[], meant: (user: SourceUser) => boolean, ask: Ask, fresh: boolean): Promise<Belief | undefined> {
    const wanted = listed.filter(meant);
    if (wanted.length > mostAliases) return undefined;
    const found = (await reread(wanted, ask, fresh)).filter((user) => user !== undefined).filter(meant);
    const [first] = found;
    return first === undefined || new Set(found.map(humanId)).size > 1 ? undefined : believe(first, ask, fresh);
  }

  async function members({ people, groups: wanted }: ApproverSet, limit: number, ask: Ask): Promise<readonly DirectoryMember[]> {
    const found = new Map<string, DirectoryMember>();
    const named = await inTurns([...new Set(people)], async (id) => (await byIdLightly(id, ask)) ?? []);
    const listed = await Promise.all([...new Set(wanted)].map((group) => listOf(group, limit, ask)));
    const all = [...named, ...listed.flat().map((user) => [user])];
    const someAgent = await agents.anyOf(all.flat().flatMap(namesOf));
    for (const users of all) {
      const member = memberOf(users);
      if (member === undefined || !member.active || found.has(member.id)) continue;
      if (found.size >= limit) break;
      if ((someAgent || member.id !== users[0]?.id) && (await isAgents(member.id, users))) continue;
      found.set(member.id, member);
    }
    return [...found.values()];
  }

  // One account whose attribute cannot be used keeps nobody else from deciding.
  function memberOf(users: readonly SourceUser[]): DirectoryMember | undefined {
    const [first] = users;
    try {
      return first === undefined ? undefined : describe(humanId(first), users);
    } catch (error) {
      if (error instanceof DirectoryTrouble) return undefined;
      throw error;
    }
  }

  async function byIdLightly(id: string, ask: Ask): Promise<readonly SourceUser[] | undefined> {
    if (!isId(id)) return undefined;
    if (aliases && id.startsWith(humanPrefix)) return sameHuman(id.slice(humanPrefix.length), ask, false);
    const user = await account(id, ask, false);
    return user === undefined || humanId(user) !== id ? undefined : [user];
  }

  async function listOf(group: string, limit: number, ask: Ask): Promise<readonly SourceUser[]> {
    if (!isId(group)) return [];
    const users = await lists.get(`${group} ${limit}`, false, async () => {
      const listed = await source.membersOf(group, limit, ask);
      for (const user of listed) requireId(user.id);
      return listed;
    });
    // What is known by now of each counts more than the list.
    return users.filter((user) => {
      const known = accounts.peek(user.id);
      return user.active && (known === undefined || known.value?.active === true);
    });
  }

  const isFresh = (asked: Lookup | undefined): boolean => asked?.fresh === true;
  return {
    source: { kind: source.kind, address: source.address },
    person: (id, asked) => lookup(async (ask) => (await byId(id, ask, isFresh(asked)))?.person),
    personByAccount: (issuer, subject, asked) => lookup(async (ask) => (await bySubject(issuer, subject, ask, isFresh(asked)))?.person),
    personByTeams: (tenantId, aadObjectId, asked) => lookup(async (ask) => (await byTeams(tenantId, aadObjectId, ask, isFresh(asked)))?.person),
    agent: (id) => agents.agent(id),
    agentByAccount: (issuer, subject) => agents.agentByAccount(issuer, subject),
    agentsOwnedBy: (owner) => agents.agentsOwnedBy(owner),
    members: (approvers, limit) => lookup((ask) => members(approvers, limit, ask)),
    hasGroup: (id) => lookup(async (ask) => isId(id) && (await exists.get(id, false, () => source.hasGroup(id, ask)))),
    check: async () => {
      if (!failing && checked) return;
      await lookup(async (ask) => {
        await source.check?.(ask);
        if (failing) await source.hasGroup(source.nobody, ask);
      });
      checked = true;
    },
    explain: (who) =>
      lookup(async (ask) => {
        if ('issuer' in who) return list(await bySubject(who.issuer, who.subject, ask, true));
        if ('email' in who) {
          const found = (await reread(await source.userByEmail(who.email, ask), ask, true)).flatMap(list);
          return (await Promise.all(found.map((user) => believe(user, ask, true)))).flatMap(list);
        }
        const exact = await byId(who.id, ask, true);
        if (exact !== undefined) return [exact];
        // For people who look: an account's own id leads to its human.
        const user = await account(who.id, ask, true);
        return user === undefined ? [] : list(await believe(user, ask, true));
      }),
  };
}

const namesOf = (user: SourceUser): readonly string[] => [user.id, user.subject, user.aadObjectId].filter((name) => name !== undefined);
const list = <T>(value: T | undefined): readonly T[] => (value === undefined ? [] : [value]);

/** Maps with a few at a time, in order. */
async function inTurns<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = [];
  for (let at = 0; at < items.length; at += side) results.push(...(await Promise.all(items.slice(at, at + side).map(work))));
  return results;
}
