import { Type, type Static } from 'typebox';
import { createJsonClient, type Answer, type Authorize, type Clockwork } from './client.js';
import { answer, MaybeText, query, SomeId, textAt } from './schema.js';
import { DirectoryTrouble, type Ask, type DirectorySource, type SourceUser } from './source.js';

const User = Type.Object({
  id: SomeId,
  status: Type.String({ maxLength: 100 }),
  profile: Type.Object({ login: MaybeText, email: MaybeText, firstName: MaybeText, lastName: MaybeText, displayName: MaybeText }),
});
type User = Static<typeof User>;
const Group = Type.Object({ id: SomeId });
const validUser = answer(User);
const validUsers = answer(Type.Array(User, { maxItems: 1_000 }));
const validGroup = answer(Group);
const validGroups = answer(Type.Array(Group, { maxItems: 10_000 }));

const mostPages = 200;
const pageSize = 1_000;

export type OktaOptions = {
  /** Such as https://acme.okta.com. */
  readonly url: string;
  readonly authorize: Authorize;
  readonly timeoutMs: number;
  /** Names of profile attributes. */
  readonly aliasAttribute?: string;
  readonly teamsAttribute?: string;
  readonly clockwork?: Clockwork;
};

/** People and groups of an Okta organisation. Its groups hold no groups. Only `ACTIVE` is active: locked out, suspended or expired accounts decide nothing. */
export function createOktaSource(options: OktaOptions): DirectorySource {
  const client = createJsonClient({
    baseUrl: options.url,
    authorize: options.authorize,
    timeoutMs: options.timeoutMs,
    isNotFound: (body) => textAt(body, 'errorCode') === 'E0000007',
    ...(options.clockwork === undefined ? {} : { clockwork: options.clockwork }),
  });

  /** Items of a list, from page to page as the `Link` header leads, until there are no more or enough. */
  async function pages<T>(
    path: string,
    valid: Parameters<typeof client.get<readonly T[]>>[1],
    ask: Ask,
    enough: (items: readonly T[]) => boolean = () => false,
    mayBeAbsent = false,
  ) {
    const items: T[] = [];
    let next: string | undefined = path;
    for (let page = 0; next !== undefined; page += 1) {
      if (page >= mostPages) throw new DirectoryTrouble('nonsense', 'a list of Okta does not end');
      const reply: Answer<readonly T[]> | undefined = await client.get(next, valid, ask);
      if (reply === undefined && page === 0 && mayBeAbsent) return [];
      if (reply === undefined) throw new DirectoryTrouble('nonsense', 'a list of Okta is said not to exist');
      items.push(...reply.body);
      next = enough(items) ? undefined : nextPage(reply.headers.get('link'));
    }
    return items;
  }

  const toUser = (user: User): SourceUser => {
    const { login, email, firstName, lastName, displayName } = user.profile;
    const alias = options.aliasAttribute === undefined ? undefined : textAt(user.profile, options.aliasAttribute);
    const aadObjectId = options.teamsAttribute === undefined ? undefined : textAt(user.profile, options.teamsAttribute);
    const managerId = textAt(user.profile, 'managerId');
    return {
      id: user.id,
      name: [displayName, [firstName, lastName].filter(Boolean).join(' '), login].find(Boolean) ?? user.id,
      active: user.status === 'ACTIVE',
      ...(typeof email === 'string' && email !== '' ? { email } : {}),
      ...(alias === undefined ? {} : { alias }),
      ...(aadObjectId === undefined ? {} : { aadObjectId }),
      ...(managerId === undefined ? {} : { managerId }),
    };
  };
  const search = async (attribute: string | undefined, value: string, ask: Ask): Promise<readonly SourceUser[]> => {
    if (attribute === undefined) return [];
    const found = await pages<User>(`/api/v1/users${query({ search: `profile.${attribute} eq ${JSON.stringify(value)}`, limit: 200 })}`, validUsers, ask);
    return found.map(toUser);
  };

  return {
    kind: 'okta',
    address: options.url,
    nobody: '00g00000000000000000',
    user: async (id, ask) => {
      const reply = await client.get(`/api/v1/users/${encodeURIComponent(id)}`, validUser, ask);
      return reply === undefined ? undefined : toUser(reply.body);
    },
    userByEmail: async (email, ask) => {
      const found = await pages<User>(`/api/v1/users${query({ filter: `profile.email eq ${JSON.stringify(email)}`, limit: 200 })}`, validUsers, ask);
      return found.map(toUser).filter((user) => user.email?.toLowerCase() === email.toLowerCase());
    },
    usersByAlias: (value, ask) => search(options.aliasAttribute, value, ask),
    usersByTeams: (aadObjectId, ask) => search(options.teamsAttribute, aadObjectId, ask),
    groupsOf: async (id, ask) =>
      (await pages<Static<typeof Group>>(`/api/v1/users/${encodeURIComponent(id)}/groups`, validGroups, ask)).map((group) => ({ id: group.id })),
    hasGroup: async (id, ask) => (await client.get(`/api/v1/groups/${encodeURIComponent(id)}`, validGroup, ask))?.body.id === id,
    membersOf: async (groupId, limit, ask) => {
      const path = `/api/v1/groups/${encodeURIComponent(groupId)}/users${query({ limit: pageSize })}`;
      const found = await pages<User>(path, validUsers, ask, (users) => users.filter(({ status }) => status === 'ACTIVE').length >= limit, true);
      return found
        .map(toUser)
        .filter((user) => user.active)
        .slice(0, limit);
    },
  };
}

/** The address of the next page in a `Link` header (RFC 8288). */
function nextPage(header: string | null): string | undefined {
  return header === null ? undefined : /<([^<>]{1,2000})>\s*;[^,<]*\brel="?next"?/i.exec(header)?.[1];
}
