import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { freePort } from '../free-port.js';
import { run } from '../python-peer.js';
import { Injected, jsonServer } from './json-server.js';
import { organisation, type Ids } from './organisation.js';

// Exactly this one: without a version the name is another package.
const version = '0.12.2';

type Emulator = { readonly url: string; close(): Promise<void> };
type CreateEmulator = (options: { readonly service: string; readonly port: number; readonly seed: unknown }) => Promise<Emulator>;

/** The emulator's module, installed into the cache folder if it is not there. Throws if it is not to be had. */
async function emulateModule(): Promise<{ readonly createEmulator: CreateEmulator }> {
  const folder = path.join(homedir(), '.cache', 'countersign', `emulate-${version}`);
  const installed = path.join(folder, 'node_modules', 'emulate', 'package.json');
  const ready = () => existsSync(installed) && (JSON.parse(readFileSync(installed, 'utf8')) as { readonly version: string }).version === version;
  if (!ready()) {
    process.stdout.write(`installing emulate ${version} from npm into ${folder}\n`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, 'package.json'), '{"private":true}\n');
    const trouble = run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', `emulate@${version}`], folder);
    if (!ready()) throw new Error(`emulate ${version} could not be installed: ${trouble ?? 'it is not there'}`);
  }
  return (await import(pathToFileURL(path.join(path.dirname(installed), 'dist', 'api.js')).href)) as { readonly createEmulator: CreateEmulator };
}

export const oktaIds: Ids = { ada: '00uada', ben: '00uben', benAdmin: '00ubenadmin', cleo: '00ucleo', dan: '00udan', owners: '00gowners', squad: '00gsquad' };
export const oktaToken = 'test_token_admin';

/** An emulator of services that people sign in with. */
export async function startEmulator(service: string, seed: unknown): Promise<Emulator> {
  const { createEmulator } = await emulateModule();
  return createEmulator({ service, port: await freePort(), seed });
}

/**
 * The Okta emulator with the organisation in it, behind a small proxy that adds what it lacks: a look at the token, pages that a `Link` header leads through, `search` by an
 * attribute, limits. Groups of Okta hold no groups.
 */
export async function startOkta(pageSize = 2) {
  const of = organisation(oktaIds);
  const [ownersGroup] = of.groups.values();
  ownersGroup?.groups.clear();
  const emulator = await startEmulator('okta', {
    okta: {
      users: [...of.people.values()].map(({ id, name, email, active }) => ({
        okta_id: id,
        login: email,
        email,
        display_name: name,
        status: active ? 'ACTIVE' : 'DEPROVISIONED',
      })),
      groups: [...of.groups].map(([id, { name }]) => ({ okta_id: id, name })),
      group_memberships: [...of.groups].flatMap(([group, { people }]) => [...people].map((user) => ({ group_okta_id: group, user_okta_id: user }))),
    },
  });
  const ask = (method: string, at: string) => fetch(`${emulator.url}${at}`, { method, headers: { authorization: `SSWS ${oktaToken}` } });
  const injected = new Injected();
  const server = await jsonServer(async ({ method, path: at, query, headers, origin }) => {
    const before = injected.take();
    if (before !== undefined) return before;
    // The emulator takes whatever comes for a token.
    if (headers.authorization !== `SSWS ${oktaToken}`) return { status: 401, body: { errorCode: 'E0000011', errorSummary: 'Invalid token provided' } };
    const search = /^profile\.employeeNumber eq "(.*)"$/.exec(query.get('search') ?? '');
    const asked = new URLSearchParams(query);
    if (search !== null) asked.delete('search');
    const reply = await fetch(`${emulator.url}${at}?${asked.toString()}`, { method, headers: { authorization: headers.authorization ?? '' } });
    const text = await reply.text();
    const withNumber = (user: { readonly id: string; readonly profile?: object }) => {
      const account = of.people.get(user.id);
      const more = {
        ...(account?.employee === undefined ? {} : { employeeNumber: account.employee }),
        ...(account?.manager === undefined ? {} : { managerId: account.manager }),
      };
      return user.profile === undefined ? user : { ...user, profile: { ...user.profile, ...more } };
    };
    const body: unknown = JSON.parse(text);
    if (reply.status !== 200) return { status: reply.status, body };
    if (!Array.isArray(body)) return { status: 200, body: withNumber(body as { readonly id: string }) };
    let items = (body as readonly { readonly id: string; readonly profile?: object }[]).map(withNumber);
    if (search !== null) items = items.filter(({ id }) => of.people.get(id)?.employee?.toLowerCase() === search[1]?.toLowerCase());
    const start = Number(query.get('after') ?? 0);
    const next = new URL(`${origin}${at}`);
    for (const [name, value] of query) next.searchParams.set(name, value);
    next.searchParams.set('after', String(start + pageSize));
    const links = `<${origin}${at}>; rel="self"${start + pageSize < items.length ? `, <${next.href}>; rel="next"` : ''}`;
    return { status: 200, body: items.slice(start, start + pageSize), headers: { link: links } };
  });
  return {
    ...server,
    of,
    injected,
    section: { url: server.url, secretEnv: 'DIRECTORY_SECRET' },
    secret: oktaToken,
    issuer: `${server.url}/oauth2/default`,
    disable: async (id: string) => void (await ask('POST', `/api/v1/users/${id}/lifecycle/suspend`)),
    leave: async (id: string, group: string) => void (await ask('DELETE', `/api/v1/groups/${group}/users/${id}`)),
    stop: async () => {
      await server.stop();
      await emulator.close();
    },
  };
}
