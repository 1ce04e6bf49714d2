import { randomUUID } from 'node:crypto';
import { allHolders, allMembers, organisation, type Account, type Ids, type Organisation } from './organisation.js';
import { Injected, jsonServer, type Asked, type Told } from './json-server.js';

export const graphTenant = 'd6d49420-f39b-4df7-a1dc-d59a935871db';
export const graphClient = '6f1c5a52-0000-4000-8000-00000000c11e';
export const graphSecret = 'graph~secret.of-the-test';
const guid = (number: number) => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
export const graphIds: Ids = { ada: guid(1), ben: guid(2), benAdmin: guid(3), cleo: guid(4), dan: guid(5), owners: guid(11), squad: guid(12) };

/**
 * Microsoft Graph and its token endpoint as far as a directory asks them, by their documentation: client credentials, `$select`, `$expand`, `$filter` with
 * `eq`, transitive relations, pages of two that `@odata.nextLink` leads through, the header that a cast demands, error codes, throttling.
 */
export async function startGraph(of: Organisation = organisation(graphIds), pageSize = 2) {
  const tokens = new Map<string, number>();
  const injected = new Injected();
  let tokenSeconds = 3_599;
  const failure = (status: number, code: string, message = code): Told => ({
    status,
    body: { error: { code, message, innerError: { 'request-id': randomUUID() } } },
  });

  function token({ path, form, method, origin }: Asked): Told {
    const refused = (status: number, error: string, code: number): Told => ({
      status,
      body: { error, error_description: `AADSTS${code}: refused.`, error_codes: [code] },
    });
    if (method !== 'POST' || path !== `/${graphTenant}/oauth2/v2.0/token`) return refused(400, 'invalid_request', 90002);
    if (form.get('grant_type') !== 'client_credentials') return refused(400, 'unsupported_grant_type', 70003);
    if (form.get('client_id') !== graphClient) return refused(400, 'unauthorized_client', 700016);
    if (form.get('client_secret') !== graphSecret) return refused(401, 'invalid_client', 7000215);
    if (form.get('scope') !== `${origin}/.default`) return refused(400, 'invalid_scope', 70011);
    const value = randomUUID();
    tokens.set(value, Date.now() + tokenSeconds * 1_000);
    return { status: 200, body: { token_type: 'Bearer', expires_in: tokenSeconds, ext_expires_in: tokenSeconds, access_token: value } };
  }

  const shown = (account: Account, query: URLSearchParams) => {
    const all: Record<string, unknown> = {
      id: account.id,
      displayName: account.name,
      mail: account.email,
      userPrincipalName: account.email,
      accountEnabled: account.active,
      employeeId: account.employee ?? null,
    };
    const selected = Object.fromEntries((query.get('$select') ?? 'id,displayName,mail,userPrincipalName').split(',').map((name) => [name, all[name]]));
    const expand =
      query.get('$expand')?.startsWith('manager') === true && account.manager !== undefined
        ? { manager: { '@odata.type': '#microsoft.graph.user', id: account.manager } }
        : {};
    return { ...selected, ...expand };
  };

  function page(items: readonly unknown[], { query, path, origin }: Asked): Told {
    const start = Number(query.get('$skiptoken') ?? 0);
    const next = new URL(`${origin}${path}`);
    for (const [name, value] of query) next.searchParams.set(name, value);
    next.searchParams.set('$skiptoken', String(start + pageSize));
    return {
      status: 200,
      body: {
        '@odata.context': 'x',
        value: items.slice(start, start + pageSize),
        ...(start + pageSize < items.length ? { '@odata.nextLink': next.href } : {}),
      },
    };
  }

  function graph(asked: Asked): Told {
    const { headers, path, query } = asked;
    const until = tokens.get((headers.authorization ?? '').replace(/^Bearer /, ''));
    if (until === undefined || until <= Date.now()) return failure(401, 'InvalidAuthenticationToken');
    const [collection, id = '', relation, cast] = path.replace('/v1.0/', '').split('/');
    if (id !== '' && !/^[0-9a-f-]{36}$/i.test(id)) return failure(400, 'Request_BadRequest', 'Invalid object identifier');
    if (collection === 'users' && id === '')
      return page(
        filtered(query).map((account) => shown(account, query)),
        asked,
      );
    const found = collection === 'users' ? of.people.get(id) : collection === 'groups' ? of.groups.get(id) : undefined;
    if (found === undefined) return failure(404, 'Request_ResourceNotFound', `Resource '${id}' does not exist`);
    if (collection === 'users' && relation === undefined) return { status: 200, body: shown(found as Account, query) };
    if (collection === 'users' && relation === 'transitiveMemberOf')
      return page(
        [
          ...allHolders(of, id).map((group) => ({ '@odata.type': '#microsoft.graph.group', id: group })),
          { '@odata.type': '#microsoft.graph.directoryRole', id: guid(99) },
        ],
        asked,
      );
    if (collection === 'groups' && relation === undefined) return { status: 200, body: { id } };
    if (collection === 'groups' && relation === 'transitiveMembers' && cast === 'microsoft.graph.user') {
      if (headers['consistencylevel'] !== 'eventual' || query.get('$count') !== 'true') return failure(400, 'Request_UnsupportedQuery');
      return page(
        allMembers(of, id).map((account) => shown(account, query)),
        asked,
      );
    }
    return failure(400, 'BadRequest', 'Resource not found for the segment');
  }

  function filtered(query: URLSearchParams): readonly Account[] {
    const filter = query.get('$filter');
    if (filter === null) return [...of.people.values()];
    const clauses = filter.split(' or ').map((clause) => /^(\w+) eq '((?:[^']|'')*)'$/.exec(clause));
    return [...of.people.values()].filter((account) =>
      clauses.some((clause) => {
        const value = (clause?.[2] ?? '').replaceAll("''", "'").toLowerCase();
        const held = clause?.[1] === 'employeeId' ? account.employee : account.email;
        return held?.toLowerCase() === value;
      }),
    );
  }

  const faults: { failFor: ((asked: Asked) => Told | undefined) | undefined } = { failFor: undefined };
  const server = await jsonServer((asked) => faults.failFor?.(asked) ?? injected.take() ?? (asked.path.startsWith('/v1.0/') ? graph(asked) : token(asked)));
  return Object.assign(faults, {
    ...server,
    of,
    injected,
    /** Makes every token that was given out worthless, as a rotation of keys does. */
    dropTokens: () => tokens.clear(),
    shortTokens: (seconds: number) => (tokenSeconds = seconds),
    section: { tenant: graphTenant, clientId: graphClient, secretEnv: 'DIRECTORY_SECRET', authority: server.url, graphUrl: `${server.url}/v1.0` },
    secret: graphSecret,
    issuer: `${server.url}/${graphTenant}/v2.0`,
  });
}
