import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { importSPKI, jwtVerify } from 'jose';
import { allMembers, holders, organisation, type Account, type Ids, type Organisation } from './organisation.js';
import { Injected, jsonServer, type Asked, type Told } from './json-server.js';

export const googleIds: Ids = {
  ada: '100000000000000000001',
  ben: '100000000000000000002',
  benAdmin: '100000000000000000003',
  cleo: '100000000000000000004',
  dan: '100000000000000000005',
  owners: '03owners',
  squad: '03squad',
};
const administrator = 'admin@acme.example';
const robot = 'countersign@project.iam.gserviceaccount.com';
const scopes = ['user', 'group', 'group.member'].map((what) => `https://www.googleapis.com/auth/admin.directory.${what}.readonly`);
const groupEmail = (id: string) => `${id}@groups.acme.example`;

/**
 * Google's Directory API and token endpoint as far as a directory asks them, by their documentation: a signed assertion with an administrator as its subject,
 * pages that `pageToken` leads through, groups by direct membership only, derived members on demand, reasons in errors, throttling as 403.
 */
export async function startGoogle(of: Organisation = organisation(googleIds), pageSize = 2) {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const verifying = await importSPKI(publicKey.export({ type: 'spki', format: 'pem' }).toString(), 'RS256');
  const tokens = new Map<string, number>();
  const injected = new Injected();
  const failure = (status: number, reason: string): Told => ({
    status,
    body: { error: { code: status, message: reason, errors: [{ domain: 'global', reason, message: reason }] } },
  });

  async function token({ form, origin }: Asked): Promise<Told> {
    const refused = (error: string): Told => ({ status: error === 'unauthorized_client' ? 401 : 400, body: { error, error_description: 'Refused.' } });
    if (form.get('grant_type') !== 'urn:ietf:params:oauth:grant-type:jwt-bearer') return refused('unsupported_grant_type');
    try {
      const { payload, protectedHeader } = await jwtVerify(form.get('assertion') ?? '', verifying, {
        algorithms: ['RS256'],
        issuer: robot,
        audience: `${origin}/token`,
        requiredClaims: ['iat', 'exp', 'scope'],
      });
      if (protectedHeader.kid !== 'robot-key' || (payload.exp ?? 0) - (payload.iat ?? 0) > 3_600) return refused('invalid_grant');
      // What domain-wide delegation was granted for, and to read as whom.
      if (
        payload.sub !== administrator ||
        !String(payload['scope'])
          .split(' ')
          .every((scope) => scopes.includes(scope))
      )
        return refused('unauthorized_client');
    } catch {
      return refused('invalid_grant');
    }
    const value = randomUUID();
    tokens.set(value, Date.now() + 3_599_000);
    return { status: 200, body: { access_token: value, expires_in: 3_599, token_type: 'Bearer' } };
  }

  const shown = (account: Account, full: boolean) => ({
    kind: 'admin#directory#user',
    id: account.id,
    primaryEmail: account.email,
    name: { fullName: account.name },
    suspended: !account.active,
    archived: false,
    ...(full && account.employee !== undefined ? { externalIds: [{ type: 'organization', value: account.employee }] } : {}),
  });
  function page(name: string, items: readonly unknown[], { query }: Asked): Told {
    const start = Number(query.get('pageToken') ?? 0);
    const size = Math.min(pageSize, Number(query.get('maxResults') ?? 100));
    return {
      status: 200,
      body: {
        [name]: items.length === 0 ? undefined : items.slice(start, start + size),
        ...(start + size < items.length ? { nextPageToken: String(start + size) } : {}),
      },
    };
  }
  const userOf = (key: string) => of.people.get(key) ?? [...of.people.values()].find(({ email }) => email === key);
  const groupOf = (key: string) => [...of.groups.keys()].find((id) => id === key || groupEmail(id) === key);
  const shownGroup = (id: string) => ({ kind: 'admin#directory#group', id, email: groupEmail(id), name: of.groups.get(id)?.name });

  function directory(asked: Asked): Told {
    const { headers, path, query } = asked;
    const until = tokens.get((headers.authorization ?? '').replace(/^Bearer /, ''));
    if (until === undefined || until <= Date.now()) return failure(401, 'authError');
    const [collection, key = '', relation] = path.replace('/admin/directory/v1/', '').split('/').map(decodeURIComponent);
    const full = query.get('projection') === 'full';
    if (collection === 'users' && key === '') {
      const wanted = /^externalId='(.*)'$/.exec(query.get('query') ?? '')?.[1]?.toLowerCase();
      if (query.get('customer') !== 'my_customer' || wanted === undefined) return failure(400, 'badRequest');
      return page(
        'users',
        [...of.people.values()].filter(({ employee }) => employee?.toLowerCase() === wanted).map((account) => shown(account, full)),
        asked,
      );
    }
    if (collection === 'users') {
      const user = userOf(key);
      return user === undefined ? failure(404, 'notFound') : { status: 200, body: shown(user, full) };
    }
    if (collection !== 'groups') return failure(404, 'notFound');
    if (key === '') {
      const member = userOf(query.get('userKey') ?? '')?.id ?? groupOf(query.get('userKey') ?? '');
      return member === undefined ? failure(404, 'notFound') : page('groups', holders(of, member).map(shownGroup), asked);
    }
    const group = groupOf(key);
    if (group === undefined) return failure(404, 'notFound');
    if (relation === undefined) return { status: 200, body: shownGroup(group) };
    const direct = [...(of.groups.get(group)?.people ?? [])].flatMap((id) => of.people.get(id) ?? []);
    const people = query.get('includeDerivedMembership') === 'true' ? allMembers(of, group) : direct;
    const members = people.map(({ id, email, active }) => ({
      kind: 'admin#directory#member',
      id,
      email,
      role: 'MEMBER',
      type: 'USER',
      status: active ? 'ACTIVE' : 'SUSPENDED',
    }));
    return page(
      'members',
      [...[...(of.groups.get(group)?.groups ?? [])].map((id) => ({ id, email: groupEmail(id), type: 'GROUP', role: 'MEMBER' })), ...members],
      asked,
    );
  }

  const server = await jsonServer((asked) => injected.take() ?? (asked.path === '/token' ? token(asked) : directory(asked)));
  return {
    ...server,
    of,
    injected,
    dropTokens: () => tokens.clear(),
    section: { secretEnv: 'DIRECTORY_SECRET', administrator, url: server.url },
    secret: JSON.stringify({
      type: 'service_account',
      client_email: robot,
      private_key_id: 'robot-key',
      private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
      token_uri: `${server.url}/token`,
    }),
    issuer: 'https://accounts.google.com',
  };
}
