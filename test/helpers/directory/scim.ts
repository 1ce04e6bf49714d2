import { spawn } from 'node:child_process';
import { eventually } from '../eventually.js';
import { freePort } from '../free-port.js';
import { pythonPeer } from '../python-peer.js';
import { Injected, jsonServer } from './json-server.js';
import { organisation, type Ids } from './organisation.js';

const bearer = 'scim-token-of-the-test';
const core = 'urn:ietf:params:scim:schemas:core:2.0';
const enterprise = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';

/** `scim2-server` with the organisation in it, behind a small proxy through which answers can be injected and pages are short. */
export async function startScim(pageSize = 2) {
  const python = pythonPeer('scim2-server-0.8', ['scim2-server>=0.8,<0.9'], 'scim2_server');
  const port = await freePort();
  const child = spawn(python.replace(/python$/, 'scim2-server'), ['--port', String(port), '--bearer-token', bearer], { stdio: 'ignore' });
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const real = `http://127.0.0.1:${port}/v2`;
  const ask = async (method: string, at: string, body?: unknown): Promise<Record<string, unknown>> => {
    const headers = { authorization: `Bearer ${bearer}`, 'content-type': 'application/scim+json' };
    const reply = await fetch(`${real}${at}`, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    const text = await reply.text();
    if (reply.status >= 300) throw new Error(`${method} ${at}: ${reply.status} ${text}`);
    return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
  };
  await eventually(
    async () => (await fetch(`${real}/ServiceProviderConfig`, { headers: { authorization: `Bearer ${bearer}` } }).catch(() => undefined))?.ok === true,
    30_000,
    'scim2-server answers',
  );

  // The server gives out ids of its own.
  const draft = organisation({ ada: 'ada', ben: 'ben', benAdmin: 'benAdmin', cleo: 'cleo', dan: 'dan', owners: 'owners', squad: 'squad' });
  const ids: Record<string, string> = {};
  for (const who of [...draft.people.values()].sort((a, b) => Number(a.manager !== undefined) - Number(b.manager !== undefined)))
    ids[who.id] = String(
      (
        await ask('POST', '/Users', {
          schemas: [`${core}:User`, enterprise],
          userName: who.email,
          externalId: `external-${who.id}`,
          displayName: who.name,
          active: who.active,
          emails: [{ value: who.email, primary: true }],
          [enterprise]: {
            ...(who.employee === undefined ? {} : { employeeNumber: who.employee }),
            ...(who.manager === undefined ? {} : { manager: { value: ids[who.manager] } }),
          },
        })
      )['id'],
    );
  for (const [id, { name }] of draft.groups) ids[id] = String((await ask('POST', '/Groups', { schemas: [`${core}:Group`], displayName: name }))['id']);
  for (const [id, { name, people, groups }] of draft.groups)
    await ask('PUT', `/Groups/${ids[id]}`, {
      schemas: [`${core}:Group`],
      displayName: name,
      members: [...[...people].map((person) => ({ value: ids[person], type: 'User' })), ...[...groups].map((group) => ({ value: ids[group], type: 'Group' }))],
    });

  const injected = new Injected();
  const server = await jsonServer(async ({ method, path, query, headers }) => {
    const before = injected.take();
    if (before !== undefined) return before;
    const asked = new URLSearchParams(query);
    if (asked.has('count')) asked.set('count', String(Math.min(pageSize, Number(asked.get('count')))));
    const reply = await fetch(`${real}${path.replace(/^\/scim/, '')}?${asked.toString()}`, {
      method,
      headers: { authorization: headers.authorization ?? '', accept: headers.accept ?? '' },
    });
    return { status: reply.status, text: await reply.text(), headers: { 'content-type': 'application/scim+json' } };
  });
  const patch = (at: string, operation: object) => ask('PATCH', at, { schemas: ['urn:ietf:params:scim:api:messages:2.0:PatchOp'], Operations: [operation] });
  return {
    ...server,
    ids: ids as Ids,
    injected,
    section: { url: `${server.url}/scim`, secretEnv: 'DIRECTORY_SECRET', issuers: ['https://idp.example'] },
    secret: bearer,
    issuer: 'https://idp.example',
    disable: async (id: string) => void (await patch(`/Users/${id}`, { op: 'replace', path: 'active', value: false })),
    leave: async (id: string, group: string) => void (await patch(`/Groups/${group}`, { op: 'remove', path: `members[value eq "${id}"]` })),
    stop: async () => {
      await server.stop();
      child.kill();
      await gone;
    },
  };
}
