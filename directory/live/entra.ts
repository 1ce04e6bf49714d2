import { Type, type Static, type TSchema } from 'typebox';
import type { ValidateFunction } from 'ajv';
import { createJsonClient, type Answer, type Authorize, type Clockwork } from './client.js';
import { answer, MaybeText, query, SomeId, textAt } from './schema.js';
import { DirectoryTrouble, type Ask, type DirectorySource, type SourceUser } from './source.js';

const User = Type.Object({
  id: SomeId,
  displayName: MaybeText,
  mail: MaybeText,
  userPrincipalName: MaybeText,
  accountEnabled: Type.Optional(Type.Union([Type.Boolean(), Type.Null()])),
  manager: Type.Optional(Type.Union([Type.Object({ id: SomeId }), Type.Null()])),
});
type User = Static<typeof User>;
const Entry = Type.Object({ '@odata.type': Type.Optional(Type.String({ maxLength: 200 })), id: SomeId });
const page = <S extends TSchema>(item: S) =>
  Type.Object({ value: Type.Array(item, { maxItems: 1_000 }), '@odata.nextLink': Type.Optional(Type.String({ maxLength: 8_192 })) });
const validUser = answer(User);
const validUsers = answer(page(User));
const validEntries = answer(page(Entry));
const validGroup = answer(Type.Object({ id: SomeId }));

const mostPages = 200;
const pageSize = 999;
// As Graph writes them: policy that writes them otherwise names nobody.
const guid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
// Lists of one type are a query that Graph answers from an index. Nothing is decided by them.
const fromIndex = { ConsistencyLevel: 'eventual' };

export type EntraOptions = {
  /** Such as https://graph.microsoft.com/v1.0. */
  readonly url: string;
  readonly authorize: Authorize;
  readonly timeoutMs: number;
  /** A property of users, such as employeeId. */
  readonly aliasAttribute?: string;
  readonly clockwork?: Clockwork;
};

/** People and groups of a Microsoft Entra tenant, through Microsoft Graph. Groups are transitive as Graph answers them. */
export function createEntraSource(options: EntraOptions): DirectorySource {
  const client = createJsonClient({
    baseUrl: options.url,
    authorize: options.authorize,
    timeoutMs: options.timeoutMs,
    isNotFound: (body) => errorCode(body) === 'Request_ResourceNotFound',
    ...(options.clockwork === undefined ? {} : { clockwork: options.clockwork }),
  });
  const select = [
    'id',
    'displayName',
    'mail',
    'userPrincipalName',
    'accountEnabled',
    ...(options.aliasAttribute === undefined ? [] : [options.aliasAttribute]),
  ].join(',');

  async function pages<T>(
    path: string,
    valid: ValidateFunction<{ readonly value: readonly T[]; readonly '@odata.nextLink'?: string }>,
    ask: Ask,
    {
      enough,
      headers,
      mayBeAbsent,
    }: { readonly enough?: (items: readonly T[]) => boolean; readonly headers?: Readonly<Record<string, string>>; readonly mayBeAbsent?: boolean } = {},
  ): Promise<readonly T[]> {
    const items: T[] = [];
    let next: string | undefined = path;
    for (let count = 0; next !== undefined; count += 1) {
      if (count >= mostPages) throw new DirectoryTrouble('nonsense', 'a list of Graph does not end');
      const reply: Answer<{ readonly value: readonly T[]; readonly '@odata.nextLink'?: string }> | undefined = await client.get(next, valid, ask, headers);
      if (reply === undefined && count === 0 && mayBeAbsent === true) return [];
      if (reply === undefined) throw new DirectoryTrouble('nonsense', 'a list of Graph is said not to exist');
      items.push(...reply.body.value);
      next = enough?.(items) === true ? undefined : reply.body['@odata.nextLink'];
    }
    return items;
  }

  const toUser = (user: User): SourceUser => {
    const alias = options.aliasAttribute === undefined ? undefined : textAt(user, options.aliasAttribute);
    const email = user.mail ?? user.userPrincipalName ?? undefined;
    return {
      id: user.id.toLowerCase(),
      name: user.displayName ?? user.userPrincipalName ?? user.id,
      // Absent means that we may not see it.
      active: user.accountEnabled === true,
      aadObjectId: user.id.toLowerCase(),
      ...(email === undefined || email === '' ? {} : { email }),
      ...(alias === undefined ? {} : { alias }),
      ...(user.manager?.id === undefined ? {} : { managerId: user.manager.id.toLowerCase() }),
    };
  };
  const find = async (filter: string, ask: Ask): Promise<readonly SourceUser[]> =>
    (await pages<User>(`/users${query({ $filter: filter, $select: select, $top: pageSize })}`, validUsers, ask)).map(toUser);
  // Graph also takes a sign-in name in place of an id.
  const user = async (id: string, ask: Ask): Promise<SourceUser | undefined> => {
    if (!guid.test(id)) return undefined;
    const reply = await client.get(`/users/${id}${query({ $select: select, $expand: 'manager($select=id)' })}`, validUser, ask);
    return reply === undefined ? undefined : toUser(reply.body);
  };

  return {
    kind: 'entra',
    address: options.url,
    nobody: '00000000-0000-0000-0000-000000000000',
    user,
    userByEmail: (email, ask) => find(`mail eq ${quoted(email)} or userPrincipalName eq ${quoted(email)}`, ask),
    usersByAlias: async (value, ask) => (options.aliasAttribute === undefined ? [] : find(`${options.aliasAttribute} eq ${quoted(value)}`, ask)),
    usersByTeams: async (aadObjectId, ask) => {
      const found = await user(aadObjectId, ask);
      return found === undefined ? [] : [found];
    },
    groupsOf: async (id, ask) => {
      if (!guid.test(id)) return [];
      const found = await pages<Static<typeof Entry>>(`/users/${id}/transitiveMemberOf${query({ $select: 'id', $top: pageSize })}`, validEntries, ask);
      // Roles and administrative units are no groups of people.
      return found.filter((entry) => entry['@odata.type'] === '#microsoft.graph.group').map((entry) => ({ id: entry.id.toLowerCase() }));
    },
    hasGroup: async (id, ask) => guid.test(id) && (await client.get(`/groups/${id}${query({ $select: 'id' })}`, validGroup, ask))?.body.id.toLowerCase() === id,
    membersOf: async (groupId, limit, ask) => {
      if (!guid.test(groupId)) return [];
      const path = `/groups/${groupId}/transitiveMembers/microsoft.graph.user${query({ $select: select, $count: 'true', $top: pageSize })}`;
      const enough = (users: readonly User[]) => users.filter(({ accountEnabled }) => accountEnabled === true).length >= limit;
      const found = await pages<User>(path, validUsers, ask, { enough, headers: fromIndex, mayBeAbsent: true });
      return found
        .map(toUser)
        .filter((each) => each.active)
        .slice(0, limit);
    },
  };
}

// OData doubles the quote.
function quoted(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}

function errorCode(body: unknown): string | undefined {
  return typeof body === 'object' && body !== null ? textAt((body as { readonly error?: unknown }).error, 'code') : undefined;
}
