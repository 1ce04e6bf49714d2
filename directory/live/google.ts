import { Type, type Static } from 'typebox';
import type { ValidateFunction } from 'ajv';
import { createJsonClient, type Answer, type Authorize, type Clockwork } from './client.js';
import { answer, MaybeText, query, SomeId, textAt } from './schema.js';
import { DirectoryTrouble, type Ask, type DirectorySource, type SourceGroup, type SourceUser } from './source.js';

const User = Type.Object({
  id: SomeId,
  primaryEmail: Type.String({ maxLength: 320 }),
  name: Type.Optional(Type.Object({ fullName: MaybeText })),
  suspended: Type.Optional(Type.Boolean()),
  archived: Type.Optional(Type.Boolean()),
  externalIds: Type.Optional(Type.Array(Type.Object({ type: MaybeText, value: MaybeText }), { maxItems: 100 })),
  customSchemas: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
});
type User = Static<typeof User>;
const Group = Type.Object({ id: SomeId, email: Type.String({ maxLength: 320 }) });
type Group = Static<typeof Group>;
const Member = Type.Object({ id: Type.Optional(SomeId), email: MaybeText, type: MaybeText, status: MaybeText });
type Member = Static<typeof Member>;
const nextPageToken = Type.Optional(Type.String({ maxLength: 8_192 }));
const validUser = answer(User);
const validUsers = answer(Type.Object({ users: Type.Optional(Type.Array(User, { maxItems: 500 })), nextPageToken }));
const validGroup = answer(Group);
const validGroups = answer(Type.Object({ groups: Type.Optional(Type.Array(Group, { maxItems: 1_000 })), nextPageToken }));
const validMembers = answer(Type.Object({ members: Type.Optional(Type.Array(Member, { maxItems: 1_000 })), nextPageToken }));

const mostPages = 200;
/** Nested groups are followed upwards one by one, so their number is bounded. */
const mostGroups = 500;
const side = 8;
const throttling = new Set(['rateLimitExceeded', 'userRateLimitExceeded', 'quotaExceeded']);

export type GoogleOptions = {
  /** Such as https://admin.googleapis.com. */
  readonly url: string;
  readonly authorize: Authorize;
  readonly timeoutMs: number;
  readonly customer: string;
  /** `externalIds.<type>`, or `<custom schema>.<field>`. */
  readonly aliasAttribute?: string;
  readonly teamsAttribute?: string;
  readonly clockwork?: Clockwork;
};

/** People and groups of a Google Workspace, through the Directory API. Suspended and archived accounts are not active. */
export function createGoogleSource(options: GoogleOptions): DirectorySource {
  const client = createJsonClient({
    baseUrl: `${options.url.replace(/\/$/, '')}/admin/directory/v1`,
    authorize: options.authorize,
    timeoutMs: options.timeoutMs,
    isNotFound: (body) => reasons(body).includes('notFound'),
    isThrottle: (status, body) => status === 403 && reasons(body).some((reason) => throttling.has(reason)),
    ...(options.clockwork === undefined ? {} : { clockwork: options.clockwork }),
  });

  async function pages<A extends { readonly nextPageToken?: string }, T>(
    path: string,
    parameters: Readonly<Record<string, string | number>>,
    valid: ValidateFunction<A>,
    itemsOf: (body: A) => readonly T[] | undefined,
    ask: Ask,
    enough: (items: readonly T[]) => boolean = () => false,
    mayBeAbsent = false,
  ): Promise<readonly T[]> {
    const items: T[] = [];
    let token: string | undefined;
    for (let page = 0; ; page += 1) {
      if (page >= mostPages) throw new DirectoryTrouble('nonsense', 'a list of Google does not end');
      const reply: Answer<A> | undefined = await client.get(
        `${path}${query({ ...parameters, ...(token === undefined ? {} : { pageToken: token }) })}`,
        valid,
        ask,
      );
      if (reply === undefined && page === 0 && mayBeAbsent) return [];
      if (reply === undefined) throw new DirectoryTrouble('nonsense', 'a list of Google is said not to exist');
      items.push(...(itemsOf(reply.body) ?? []));
      token = reply.body.nextPageToken;
      if (token === undefined || token === '' || enough(items)) return items;
    }
  }

  const toUser = (user: User): SourceUser => {
    const alias = attributeOf(user, options.aliasAttribute);
    const aadObjectId = attributeOf(user, options.teamsAttribute);
    return {
      id: user.id,
      name: user.name?.fullName ?? user.primaryEmail,
      active: user.suspended === false && user.archived !== true,
      email: user.primaryEmail,
      ...(alias === undefined ? {} : { alias }),
      ...(aadObjectId === undefined ? {} : { aadObjectId }),
    };
  };
  const oneUser = async (key: string, ask: Ask): Promise<SourceUser | undefined> => {
    const reply = await client.get(`/users/${encodeURIComponent(key)}${query({ projection: 'full' })}`, validUser, ask);
    return reply === undefined ? undefined : toUser(reply.body);
  };
  const search = async (attribute: string | undefined, value: string, ask: Ask): Promise<readonly SourceUser[]> => {
    if (attribute === undefined) return [];
    const field = attribute.startsWith('externalIds.') ? 'externalId' : attribute;
    const parameters = { customer: options.customer, projection: 'full', maxResults: 500, query: `${field}='${value.replaceAll(/['\\]/g, '\\$&')}'` };
    return (await pages('/users', parameters, validUsers, (body) => body.users, ask)).map(toUser);
  };
  const directGroups = (key: string, ask: Ask): Promise<readonly Group[]> =>
    pages('/groups', { userKey: key, maxResults: 200 }, validGroups, (body) => body.groups, ask);

  /** Upwards from group to group, since Google lists only the groups that somebody is in directly. A circle ends where it began. */
  async function groupsOf(id: string, ask: Ask): Promise<readonly SourceGroup[]> {
    const direct = await directGroups(id, ask);
    const found = new Map<string, SourceGroup>(direct.map((group) => [group.id, { id: group.id }]));
    let level: readonly Group[] = direct;
    while (level.length > 0) {
      const above: Group[] = [];
      for (let at = 0; at < level.length; at += side) {
        const some = level.slice(at, at + side);
        const parents = await Promise.all(some.map((group) => directGroups(group.email, ask)));
        for (const [index, groups] of parents.entries())
          for (const group of groups) {
            if (found.has(group.id)) continue;
            if (found.size >= mostGroups) throw new DirectoryTrouble('nonsense', 'somebody is in more groups than can be followed');
            found.set(group.id, { id: group.id, via: some[index]?.id ?? '' });
            above.push(group);
          }
      }
      level = above;
    }
    return [...found.values()];
  }

  async function membersOf(groupId: string, limit: number, ask: Ask): Promise<readonly SourceUser[]> {
    const parameters = { includeDerivedMembership: 'true', maxResults: 200 };
    const path = `/groups/${encodeURIComponent(groupId)}/members`;
    const enough = (members: readonly Member[]) => members.filter(isPerson).length >= limit;
    const members = (await pages(path, parameters, validMembers, (body) => body.members, ask, enough, true)).filter(isPerson).slice(0, limit);
    if (options.aliasAttribute === undefined)
      return members.map((member) => ({
        id: member.id ?? '',
        name: member.email ?? member.id ?? '',
        active: true,
        ...(typeof member.email === 'string' ? { email: member.email } : {}),
      }));
    // A list of members does not say which of them are one human.
    const users: SourceUser[] = [];
    for (let at = 0; at < members.length; at += side) {
      const some = await Promise.all(members.slice(at, at + side).map((member) => oneUser(member.id ?? '', ask)));
      users.push(...some.filter((user): user is SourceUser => user?.active === true));
    }
    return users;
  }

  return {
    kind: 'google',
    address: options.url,
    nobody: '00nobody',
    user: oneUser,
    userByEmail: async (email, ask) => {
      const found = await oneUser(email, ask);
      return found === undefined ? [] : [found];
    },
    usersByAlias: (value, ask) => search(options.aliasAttribute, value, ask),
    usersByTeams: (aadObjectId, ask) => search(options.teamsAttribute, aadObjectId, ask),
    groupsOf,
    hasGroup: async (id, ask) => (await client.get(`/groups/${encodeURIComponent(id)}`, validGroup, ask))?.body.id === id,
    membersOf,
  };
}

// People of the organisation itself: members from outside have no status.
function isPerson(member: Member): boolean {
  return member.type === 'USER' && member.status === 'ACTIVE' && member.id !== undefined;
}

function attributeOf(user: User, attribute: string | undefined): string | undefined {
  if (attribute === undefined) return undefined;
  const [first = '', second = ''] = attribute.split('.', 2);
  if (first === 'externalIds') return user.externalIds?.find((entry) => entry.type === second)?.value ?? undefined;
  return textAt(user.customSchemas?.[first], second);
}

/** The reasons in an error of Google's APIs. */
function reasons(body: unknown): readonly string[] {
  const error = (body as { readonly error?: { readonly errors?: unknown } } | null | undefined)?.error;
  return Array.isArray(error?.errors) ? error.errors.map((each: unknown) => textAt(each, 'reason') ?? '') : [];
}
