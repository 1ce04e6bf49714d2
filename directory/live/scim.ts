import { randomUUID } from 'node:crypto';
import { Type, type Static } from 'typebox';
import type { ValidateFunction } from 'ajv';
import { createJsonClient, type Answer, type Authorize, type Clockwork } from './client.js';
import { answer, MaybeText, query, SomeId, textAt } from './schema.js';
import { DirectoryTrouble, type Ask, type DirectorySource, type SourceGroup, type SourceUser } from './source.js';

const enterprise = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';
const Reference = Type.Object({ value: SomeId, type: MaybeText, $ref: MaybeText });
const User = Type.Object({
  id: SomeId,
  externalId: MaybeText,
  userName: MaybeText,
  displayName: MaybeText,
  name: Type.Optional(Type.Union([Type.Object({ formatted: MaybeText, givenName: MaybeText, familyName: MaybeText }), Type.Null()])),
  active: Type.Optional(Type.Union([Type.Boolean(), Type.Null()])),
  emails: Type.Optional(
    Type.Union([
      Type.Array(Type.Object({ value: MaybeText, primary: Type.Optional(Type.Union([Type.Boolean(), Type.Null()])) }), { maxItems: 100 }),
      Type.Null(),
    ]),
  ),
  groups: Type.Optional(Type.Union([Type.Array(Reference, { maxItems: 10_000 }), Type.Null()])),
  [enterprise]: Type.Optional(Type.Union([Type.Object({ manager: Type.Optional(Type.Union([Type.Object({ value: MaybeText }), Type.Null()])) }), Type.Null()])),
});
type User = Static<typeof User>;
const Group = Type.Object({ id: SomeId, members: Type.Optional(Type.Union([Type.Array(Reference, { maxItems: 100_000 }), Type.Null()])) });
type Group = Static<typeof Group>;
const list = <S extends ReturnType<typeof Type.Object>>(item: S) =>
  Type.Object({
    totalResults: Type.Integer({ minimum: 0, maximum: 1_000_000 }),
    Resources: Type.Optional(Type.Union([Type.Array(item, { maxItems: 10_000 }), Type.Null()])),
  });
const validUser = answer(User);
const validUsers = answer(list(User));
const validGroup = answer(Group);
const validGroups = answer(list(Group));

const mostPages = 500;
const pageSize = 500;
const mostGroups = 500;
const side = 8;
/** Above this many members it is quicker to list everybody than to ask for each. */
const fewMembers = 40;

export type ScimOptions = {
  readonly url: string;
  readonly authorize: Authorize;
  readonly timeoutMs: number;
  readonly subject: 'id' | 'externalId';
  readonly membership: 'filter' | 'user';
  /** Attribute paths, such as `externalId` or one in an extension with its URN. */
  readonly aliasAttribute?: string;
  readonly teamsAttribute?: string;
  readonly clockwork?: Clockwork;
};

/** People and groups of any SCIM 2.0 server (RFC 7644). Who is not said to be active is not. */
export function createScimSource(options: ScimOptions): DirectorySource {
  const client = createJsonClient({
    baseUrl: options.url,
    authorize: options.authorize,
    timeoutMs: options.timeoutMs,
    accept: 'application/scim+json, application/json',
    isNotFound: (body) => textAt(body, 'status') === '404',
    ...(options.clockwork === undefined ? {} : { clockwork: options.clockwork }),
  });

  let filtersWork = false;

  async function pages<T>(
    path: string,
    parameters: Readonly<Record<string, string | number>>,
    valid: ValidateFunction<{ totalResults: number; Resources?: T[] | null }>,
    ask: Ask,
  ): Promise<readonly T[]> {
    const items: T[] = [];
    for (let page = 0; page < mostPages; page += 1) {
      const address = `${path}${query({ ...parameters, startIndex: items.length + 1, count: pageSize })}`;
      const reply: Answer<{ totalResults: number; Resources?: T[] | null }> | undefined = await client.get(address, valid, ask);
      if (reply === undefined) throw new DirectoryTrouble('nonsense', 'a list of the SCIM server is said not to exist');
      const more = reply.body.Resources ?? [];
      items.push(...more);
      if (items.length >= reply.body.totalResults) return items;
      if (more.length === 0) throw new DirectoryTrouble('nonsense', 'a list of the SCIM server ends before its end');
    }
    throw new DirectoryTrouble('nonsense', 'a list of the SCIM server does not end');
  }

  const toUser = (user: User): SourceUser => {
    const email = (user.emails?.find((entry) => entry.primary === true) ?? user.emails?.[0])?.value ?? undefined;
    const alias = options.aliasAttribute === undefined ? undefined : attributeOf(user, options.aliasAttribute);
    const aadObjectId = options.teamsAttribute === undefined ? undefined : attributeOf(user, options.teamsAttribute);
    const managerId = user[enterprise]?.manager?.value ?? undefined;
    const subject = options.subject === 'externalId' ? (user.externalId ?? undefined) : user.id;
    const given = [user.name?.givenName, user.name?.familyName].filter(Boolean).join(' ');
    return {
      id: user.id,
      name: [user.displayName, user.name?.formatted, given, user.userName].find(Boolean) ?? user.id,
      active: user.active === true,
      ...(email === undefined ? {} : { email }),
      ...(subject === undefined ? {} : { subject }),
      ...(alias === undefined ? {} : { alias }),
      ...(aadObjectId === undefined ? {} : { aadObjectId }),
      ...(managerId === undefined ? {} : { managerId }),
    };
  };
  const users = async (filter: string, ask: Ask): Promise<readonly SourceUser[]> => (await pages<User>('/Users', { filter }, validUsers, ask)).map(toUser);
  const rawUser = async (id: string, ask: Ask): Promise<User | undefined> => (await client.get(`/Users/${encodeURIComponent(id)}`, validUser, ask))?.body;
  const rawGroup = async (id: string, ask: Ask): Promise<Group | undefined> => (await client.get(`/Groups/${encodeURIComponent(id)}`, validGroup, ask))?.body;
  const by = (attribute: string | undefined, value: string, ask: Ask) =>
    attribute === undefined ? Promise.resolve([]) : users(`${attribute} eq ${JSON.stringify(value)}`, ask);

  /** A server that ignores filters puts everybody into every group, so it is asked for the groups of nobody. */
  async function checkFilters(ask: Ask): Promise<void> {
    const found = await pages<Group>('/Groups', { filter: `members.value eq "nobody-${randomUUID()}"`, excludedAttributes: 'members' }, validGroups, ask);
    filtersWork = found.length === 0;
    if (!filtersWork) throw new DirectoryTrouble('nonsense', 'the SCIM server ignores filters by membership: it finds groups of an id that nobody has');
  }

  /** The groups that hold somebody, then the groups that hold those. A circle ends where it began. */
  async function groupsByFilter(id: string, ask: Ask): Promise<readonly SourceGroup[]> {
    if (!filtersWork) await checkFilters(ask);
    const found = new Map<string, SourceGroup>();
    let level: readonly string[] = [id];
    while (level.length > 0) {
      const above: string[] = [];
      for (let at = 0; at < level.length; at += side) {
        const some = level.slice(at, at + side);
        const holders = await Promise.all(
          some.map((member) =>
            pages<Group>('/Groups', { filter: `members.value eq ${JSON.stringify(member)}`, excludedAttributes: 'members' }, validGroups, ask),
          ),
        );
        for (const [index, groups] of holders.entries())
          for (const group of groups) {
            if (found.has(group.id)) continue;
            if (found.size >= mostGroups) throw new DirectoryTrouble('nonsense', 'somebody is in more groups than can be followed');
            const via = some[index];
            found.set(group.id, { id: group.id, ...(via === undefined || via === id ? {} : { via }) });
            above.push(group.id);
          }
      }
      level = above;
    }
    return [...found.values()];
  }

  async function groupsOfUser(id: string, ask: Ask) {
    const groups = (await rawUser(id, ask))?.groups;
    // Silence about groups is what a server says that does not know them.
    if (groups === undefined) throw new DirectoryTrouble('nonsense', 'the SCIM server does not say in which groups somebody is');
    return groups ?? [];
  }

  /** Ids of the people in a group and in the groups that it holds. */
  async function memberIds(groupId: string, ask: Ask): Promise<ReadonlySet<string>> {
    const ids = new Set<string>();
    const seen = new Set([groupId]);
    for (let level: readonly string[] = [groupId]; level.length > 0;) {
      const groups = await Promise.all(level.map((id) => rawGroup(id, ask)));
      const below: string[] = [];
      for (const member of groups.flatMap((group) => group?.members ?? [])) {
        if (!isGroup(member)) ids.add(member.value);
        else if (!seen.has(member.value)) {
          if (seen.size >= mostGroups) throw new DirectoryTrouble('nonsense', 'a group holds more groups than can be followed');
          seen.add(member.value);
          below.push(member.value);
        }
      }
      level = below;
    }
    return ids;
  }

  return {
    kind: 'scim',
    address: options.url,
    nobody: 'nobody',
    ...(options.membership === 'filter' ? { check: checkFilters } : {}),
    user: async (id, ask) => {
      const found = await rawUser(id, ask);
      return found === undefined ? undefined : toUser(found);
    },
    userByEmail: (email, ask) => users(`emails.value eq ${JSON.stringify(email)}`, ask),
    ...(options.subject === 'id' ? {} : { usersBySubject: (subject: string, ask: Ask) => by('externalId', subject, ask) }),
    usersByAlias: (value, ask) => by(options.aliasAttribute, value, ask),
    usersByTeams: (aadObjectId, ask) => by(options.teamsAttribute, aadObjectId, ask),
    groupsOf: async (id, ask) =>
      options.membership === 'filter'
        ? groupsByFilter(id, ask)
        : (await groupsOfUser(id, ask)).map((group) => ({ id: group.value, ...(group.type === 'indirect' ? { via: '' } : {}) })),
    hasGroup: async (id, ask) =>
      (await client.get(`/Groups/${encodeURIComponent(id)}${query({ excludedAttributes: 'members' })}`, validGroup, ask))?.body.id === id,
    membersOf: async (groupId, limit, ask) => {
      const ids = await memberIds(groupId, ask);
      if (ids.size > fewMembers) {
        const everybody = await pages<User>('/Users', {}, validUsers, ask);
        return everybody
          .map(toUser)
          .filter((user) => user.active && ids.has(user.id))
          .slice(0, limit);
      }
      const found: SourceUser[] = [];
      const each = [...ids];
      for (let at = 0; at < each.length; at += side) {
        const some = await Promise.all(each.slice(at, at + side).map((id) => rawUser(id, ask)));
        found.push(...some.filter((user): user is User => user?.active === true).map(toUser));
      }
      return found.slice(0, limit);
    },
  };
}

function isGroup({ type, $ref }: Static<typeof Reference>): boolean {
  return type === undefined || type === null ? ($ref?.includes('/Groups/') ?? false) : type.toLowerCase() === 'group';
}

/** The value of an attribute; one of an extension is written `<URN>:<name>`. */
function attributeOf(user: User, attribute: string): string | undefined {
  if (!attribute.startsWith('urn:')) return textAt(user, attribute);
  const at = attribute.lastIndexOf(':');
  return textAt((user as Readonly<Record<string, unknown>>)[attribute.slice(0, at)], attribute.slice(at + 1));
}
