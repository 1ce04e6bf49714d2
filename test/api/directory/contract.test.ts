import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGoogle, googleIds } from '../../helpers/directory/google.js';
import { graphIds, graphTenant, startGraph } from '../../helpers/directory/graph.js';
import type { Injected, Asked } from '../../helpers/directory/json-server.js';
import { startOkta, oktaIds } from '../../helpers/directory/okta.js';
import { openWith } from '../../helpers/directory/open.js';
import type { Ids, Organisation } from '../../helpers/directory/organisation.js';
import { startScim } from '../../helpers/directory/scim.js';

type Peer = {
  readonly ids: Ids;
  readonly issuer: string;
  readonly section: object;
  readonly secret: string;
  readonly injected: Injected;
  readonly asked: readonly Asked[];
  readonly index: { lags: boolean };
  disable(id: string): Promise<void> | void;
  leave(id: string, group: string): Promise<void> | void;
  stop(): Promise<void>;
};
const changing = (of: Organisation) => ({
  disable: (id: string) => {
    const account = of.people.get(id);
    if (account !== undefined) account.active = false;
  },
  leave: (id: string, group: string) => void of.groups.get(group)?.people.delete(id),
});

const peers: Record<string, { readonly start: () => Promise<Peer>; readonly nests: boolean; readonly alias: string; readonly manager: boolean }> = {
  okta: { start: async () => ({ ids: oktaIds, ...(await startOkta()) }), nests: false, alias: 'employeeNumber', manager: true },
  entra: {
    start: async () => {
      const graph = await startGraph();
      return { ids: graphIds, ...graph, ...changing(graph.of) };
    },
    nests: true,
    alias: 'employeeId',
    manager: true,
  },
  google: {
    start: async () => {
      const google = await startGoogle();
      return { ids: googleIds, ...google, ...changing(google.of) };
    },
    nests: true,
    alias: 'externalIds.organization',
    manager: false,
  },
  scim: { start: startScim, nests: true, alias: 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber', manager: true },
};

describe.each(Object.entries(peers))('a directory of %s', (kind, { start, nests, alias, manager }) => {
  let peer: Peer;
  beforeAll(async () => (peer = await start()), 240_000);
  afterAll(() => peer?.stop());
  const open = (more: object = {}, agents: readonly object[] = [], section: object = {}) =>
    openWith(kind, { ...peer.section, ...section }, peer.secret, more, agents);
  const nobody = { entra: '00000000-0000-4000-8000-000000000077' }[kind] ?? 'nobody-at-all';

  it('knows people by the id of their account, with groups to the last page', async () => {
    const directory = open();
    const { ada, ben, owners, squad, cleo } = peer.ids;
    const found = await directory.person(ada);
    expect(found).toMatchObject({ id: ada, active: true, email: 'ada.abel@acme.example' });
    expect(found?.name).toContain('Ada');
    expect(found?.groups).toContain(owners);
    expect(found?.accounts).toContainEqual({ issuer: peer.issuer, subject: ada });
    if (manager) expect(found?.manager).toBe(cleo);
    const other = await directory.person(ben);
    expect(other?.groups).toContain(squad);
    expect(other?.groups.includes(owners)).toBe(nests);
  });

  it('knows nobody by a name, an address or an id of nobody', async () => {
    const directory = open();
    for (const id of ['ada.abel@acme.example', 'Ada', nobody, '../groups', 'me', '']) expect(await directory.person(id), id).toBeUndefined();
  });

  it('knows people by the subject of the tokens of the right issuer only', async () => {
    const directory = open();
    expect((await directory.personByAccount(peer.issuer, peer.ids.ada))?.id).toBe(peer.ids.ada);
    expect(await directory.personByAccount('https://other.example', peer.ids.ada)).toBeUndefined();
    expect(await directory.personByAccount(peer.issuer, 'ada.abel@acme.example')).toBeUndefined();
    expect(await directory.personByAccount(peer.issuer, nobody)).toBeUndefined();
  });

  it('says of a disabled account that it is not active', async () => expect((await open().person(peer.ids.dan))?.active).toBe(false));

  it('lists the active people of a group, each once, at most as many as are wanted', async () => {
    const directory = open();
    const { ada, ben, cleo, dan, owners, squad } = peer.ids;
    const all = await directory.members({ groups: [owners, squad], people: [cleo, ada, dan, nobody] }, 10);
    expect(all.map((person) => person.id).sort()).toEqual([ada, ben, cleo].sort());
    expect(await directory.members({ groups: [owners, squad], people: [] }, 1)).toHaveLength(1);
    expect(await directory.members({ groups: [], people: [] }, 10)).toEqual([]);
    expect(await directory.members({ groups: [nobody], people: [] }, 10)).toEqual([]);
    if (nests) expect((await directory.members({ groups: [owners], people: [] }, 10)).map((person) => person.id).sort()).toEqual([ada, ben].sort());
  });

  it('knows which groups there are', async () => {
    const directory = open();
    expect(await directory.hasGroup(peer.ids.owners)).toBe(true);
    expect(await directory.hasGroup('Owners')).toBe(false);
    expect(await directory.hasGroup(nobody)).toBe(false);
  });

  it('makes one human of two accounts that share the configured attribute', async () => {
    const directory = open({}, [], { aliases: { attribute: alias } });
    const { ada, ben, benAdmin, squad } = peer.ids;
    const human = await directory.person('human-e7');
    expect(human?.accounts.map(({ subject }) => subject)).toEqual(expect.arrayContaining([ben, benAdmin]));
    expect(human?.groups).toContain(squad);
    expect((await directory.personByAccount(peer.issuer, ben))?.id).toBe('human-e7');
    expect((await directory.personByAccount(peer.issuer, benAdmin))?.id).toBe('human-e7');
    // One human must not have two ids.
    expect(await directory.person(benAdmin)).toBeUndefined();
    expect((await directory.members({ groups: [squad], people: ['human-e7', ada] }, 10)).filter(({ id }) => id === 'human-e7')).toHaveLength(1);
    expect((await directory.person(ada))?.id).toBe(ada);
    expect(await directory.person('human-e8')).toBeUndefined();
  });

  it('answers again from memory for a moment, and anew when told to', async () => {
    const directory = open({ cacheSeconds: 10 });
    await directory.person(peer.ids.ada);
    const before = peer.asked.length;
    await directory.person(peer.ids.ada);
    await directory.personByAccount(peer.issuer, peer.ids.ada);
    expect(peer.asked.length).toBe(before);
    await directory.person(peer.ids.ada, { fresh: true });
    expect(peer.asked.length).toBeGreaterThan(before);
  });

  it('waits as long as a throttling provider says, within the deadline, and then goes on', async () => {
    const directory = open();
    await directory.person(peer.ids.cleo);
    peer.injected.add({ status: 429, body: {}, headers: { 'retry-after': '1' } });
    const before = Date.now();
    expect((await directory.person(peer.ids.ada))?.id).toBe(peer.ids.ada);
    expect(Date.now() - before).toBeGreaterThanOrEqual(900);
  });

  it('says at once that it cannot be asked when the pause is longer than the deadline, and leaves the provider alone', async () => {
    const directory = open();
    await directory.person(peer.ids.cleo);
    peer.injected.add({ status: 429, body: {}, headers: { 'retry-after': '30' } });
    await expect(directory.hasGroup(peer.ids.owners)).rejects.toMatchObject({ code: 'directory-unavailable' });
    const before = peer.asked.length;
    await expect(directory.person(peer.ids.ada)).rejects.toMatchObject({ code: 'directory-unavailable' });
    await expect(directory.check()).rejects.toMatchObject({ code: 'directory-unavailable' });
    expect(peer.asked.length).toBe(before);
    expect(directory.told.join()).toContain('throttled');
  });

  it('tries again what failed for a moment', async () => {
    const directory = open();
    peer.injected.add({ status: 502, text: '<html>bad gateway</html>' }, { status: 503, body: {} });
    expect((await directory.person(peer.ids.ada))?.id).toBe(peer.ids.ada);
  });

  it.each([
    ['no JSON', { status: 200, text: '<html>hello</html>' }],
    ['another shape', { status: 200, body: { hello: 'world' } }],
    ['nothing', { status: 200, body: null }],
    ['"not found" of something else than the provider', { status: 404, text: 'not here' }],
    ['a redirect', { status: 302, text: '', headers: { location: 'https://elsewhere.example/' } }],
  ])('believes nothing of nonsense: %s', async (_name, told) => {
    const directory = open({ deadlineSeconds: 1 });
    await directory.person(peer.ids.cleo);
    peer.injected.add(...Array.from({ length: 8 }, () => told));
    await expect(directory.hasGroup(peer.ids.owners)).rejects.toMatchObject({ code: 'directory-unavailable' });
    while (peer.injected.take() !== undefined);
    expect(directory.told.join()).toContain('directory-unavailable');
    // And it says so when the provider is well again.
    expect(await directory.hasGroup(peer.ids.owners)).toBe(true);
    expect(directory.told.at(-1)).not.toContain('directory-unavailable');
  });

  it('refuses with wrong credentials, and never tells them', async () => {
    const directory = openWith(kind, peer.section, kind === 'google' ? peer.secret.replace('countersign@', 'other@') : 'wrong-secret', { deadlineSeconds: 2 });
    await expect(directory.person(peer.ids.ada)).rejects.toMatchObject({ code: 'directory-unavailable' });
    expect(directory.told.join()).toContain('refused');
    expect(directory.told.join()).not.toContain('wrong-secret');
  });

  it('has the agents of its file, and no person under their account or id', async () => {
    const { ada, dan } = peer.ids;
    const directory = open({}, [
      { id: 'bot', name: 'Bot', owner: ada, accounts: [{ issuer: peer.issuer, subject: dan }] },
      { id: peer.ids.cleo, name: 'Bot with the id of somebody', owner: ada, accounts: [] },
    ]);
    expect(await directory.agentByAccount(peer.issuer, dan)).toMatchObject({ id: 'bot', owner: ada });
    expect(await directory.agentsOwnedBy(ada)).toEqual(['bot', peer.ids.cleo]);
    expect(await directory.personByAccount(peer.issuer, dan)).toBeUndefined();
    expect(await directory.person(peer.ids.cleo)).toBeUndefined();
  });

  it('believes no account of an agent to be a person, whichever issuer it is listed under and however its id is written', async () => {
    const { ada, ben, benAdmin, cleo, owners, squad } = peer.ids;
    const other = 'https://idp.example/other';
    const written = kind === 'entra' ? (id: string) => id.toUpperCase() : (id: string) => id;
    const agent = (id: string, subject: string, issuer = other) => ({ id, name: id, owner: cleo, accounts: [{ issuer, subject: written(subject) }] });
    const agents = [agent('one-bot', ada), agent('two-bot', benAdmin), agent('three-bot', cleo, peer.issuer)];
    const section = { issuers: [peer.issuer, other], aliases: { attribute: alias } };
    for (const directory of [open({}, agents, section), open({}, agents, { ...section, issuers: [peer.issuer] })]) {
      for (const id of [ada, ben, benAdmin, cleo]) {
        expect(await directory.personByAccount(peer.issuer, id), id).toBeUndefined();
        expect(await directory.person(id), id).toBeUndefined();
        expect(await directory.personByTeams(graphTenant, id), id).toBeUndefined();
        expect(await directory.explain({ id }), id).toEqual([]);
      }
      expect(await directory.person('human-e7')).toBeUndefined();
      expect(await directory.explain({ email: 'ada.abel@acme.example' })).toEqual([]);
      expect(await directory.agentByAccount(peer.issuer, cleo)).toMatchObject({ id: 'three-bot' });
      const listed = await directory.members({ groups: [owners], people: [ada, cleo, 'human-e7'] }, 10);
      expect(listed.map(({ id }) => id).filter((id) => id !== 'human-e7')).toEqual([]);
      expect(await directory.members({ groups: [], people: ['human-e7'] }, 10)).toEqual([]);
    }
    // Without the agents all of them are people.
    expect((await open({}, [], section).personByAccount(peer.issuer, cleo))?.id).toBe(cleo);
    expect((await open().person(ben))?.groups).toContain(squad);
  });

  it('tells what is believed of somebody, and from where', async () => {
    const directory = open();
    const [belief] = await directory.explain({ email: 'ada.abel@acme.example' });
    expect(belief).toMatchObject({ person: { id: peer.ids.ada }, accountIds: [peer.ids.ada] });
    expect(belief?.groups.map(({ id }) => id)).toContain(peer.ids.owners);
  });

  it('never holds on to somebody who has gone: a fresh look clears the lists that have them', async () => {
    const directory = open({ cacheSeconds: 10 });
    const { ada, ben, squad, owners } = peer.ids;
    const list = async () => (await directory.members({ groups: [owners, squad], people: [] }, 10)).map(({ id }) => id);
    expect(await list()).toEqual(expect.arrayContaining([ada, ben]));
    await peer.leave(ben, squad);
    expect((await directory.person(ben, { fresh: true }))?.groups).not.toContain(squad);
    expect(await list()).not.toContain(ben);
    await peer.disable(ada);
    expect((await directory.person(ada, { fresh: true }))?.active).toBe(false);
    expect(await list()).not.toContain(ada);
    expect((await directory.person(ada))?.active).toBe(false);
  });

  it('takes what a search says of somebody for nothing but a hint: each account is read by its id', async () => {
    const { ben, benAdmin } = peer.ids;
    const teams = kind === 'entra' ? {} : { teams: { tenantId: graphTenant, attribute: alias } };
    const directory = open({ cacheSeconds: 10 }, [], { aliases: { attribute: alias }, ...teams });
    const clicker = kind === 'entra' ? ben : 'E7';
    expect((await directory.person('human-e7', { fresh: true }))?.active).toBe(true);
    expect((await directory.personByTeams(graphTenant, clicker, { fresh: true }))?.active).toBe(true);
    peer.index.lags = true;
    await peer.disable(benAdmin);
    for (const id of [ben, benAdmin]) expect((await directory.personByAccount(peer.issuer, id, { fresh: true }))?.active, id).toBe(false);
    expect((await directory.person('human-e7', { fresh: true }))?.active).toBe(false);
    expect((await directory.personByTeams(graphTenant, clicker, { fresh: true }))?.active).toBe(false);
    expect(await directory.members({ groups: [], people: ['human-e7'] }, 10)).toEqual([]);
  });
});
