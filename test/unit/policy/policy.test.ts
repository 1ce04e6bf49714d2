import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { CountersignError } from '../../../domain/errors.js';
import type { ActionRequest } from '../../../domain/request.js';
import { createFileDirectory } from '../../../directory/file.js';
import type { Directory } from '../../../directory/port.js';
import { loadPolicies } from '../../../policy/bundle.js';
import { makePlan } from '../../../policy/plan.js';
import { definition, makeRequest, startMs } from '../domain/grant-fixture.js';

const sample = path.resolve(import.meta.dirname, '../../../policies');
const folders: string[] = [];
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

const goodRoutes = `routes:
  one:
    stages: [{ name: One, approvers: { groups: [g-data-owners] }, expires_in: 1h }]
  two:
    stages: [{ name: Two, approvers: { groups: [g-security] }, expires_in: 1h }]
`;
function folder(cedar: string, routes = goodRoutes): string {
  const made = mkdtempSync(path.join(os.tmpdir(), 'countersign-policy-'));
  folders.push(made);
  copyFileSync(path.join(sample, 'schema.cedarschema'), path.join(made, 'schema.cedarschema'));
  writeFileSync(path.join(made, 'routes.yaml'), routes);
  writeFileSync(path.join(made, 'a.cedar'), cedar);
  return made;
}
const head = 'principal, action == Action::"postgres.export", resource';
const permit = (id: string, review = '', when = '') => `@id("${id}")\n${review === '' ? '' : `@review("${review}")\n`}permit (${head}) ${when};\n`;
const forbid = (id: string, when = '') => `@id("${id}")\nforbid (${head}) ${when};\n`;
const directory = createFileDirectory(path.join(sample, 'directory.yaml'));

async function plan(cedar: string, change: Partial<ActionRequest> = {}, routes = goodRoutes, people: Directory = directory) {
  const bundle = loadPolicies(folder(cedar, routes));
  const deps = {
    bundle: () => bundle,
    directory: people,
    connectors: new Map([[definition.name, definition]]),
    timeZone: 'Etc/UTC',
    environment: 'development',
  };
  return (await makePlan(deps, makeRequest(change), new Date(startMs))).plan;
}

describe('what policy answers', () => {
  it('allows by a permit', async () => expect(await plan(permit('p'))).toMatchObject({ outcome: 'allow', policies: ['p'] }));
  it('denies where nothing matches', async () =>
    expect(await plan(permit('p', '', 'when { context.hour == 3 }'))).toMatchObject({ outcome: 'deny', denial: { code: 'policy-no-match' } }));
  it('a forbid beats every permit', async () =>
    expect(await plan(permit('p') + permit('q', 'one') + forbid('f'))).toMatchObject({
      outcome: 'deny',
      policies: ['f'],
      denial: { code: 'denied-by-policy' },
    }));
  const overflow = 'when { context.risk + 9223372036854775807 + context.hour > 0 }';
  it('a forbid that fails denies, though the engine would skip it', async () =>
    expect(await plan(permit('p') + forbid('f', overflow))).toMatchObject({ outcome: 'deny', policies: ['f'], denial: { code: 'policy-error' } }));
  it('a permit that fails denies, though another one permits', async () =>
    expect(await plan(permit('p') + permit('q', '', overflow))).toMatchObject({ outcome: 'deny', denial: { code: 'policy-error' } }));
  it('a review is stricter than an allowance', async () =>
    expect(await plan(permit('p') + permit('q', 'one'))).toMatchObject({ outcome: 'review', policies: ['p', 'q'], stages: [{ route: 'one' }] }));
  it('two reviews ask for both', async () =>
    expect((await plan(permit('p', 'two') + permit('q', 'one'))).stages.map((stage) => stage.route)).toEqual(['one', 'two']));
  it('a parameter of another type than the schema says denies', async () =>
    expect(await plan(permit('p'), { parameters: { limit: 'many' } })).toMatchObject({ outcome: 'deny', denial: { code: 'policy-error' } }));
  it('a resource type that policy does not know denies', async () =>
    expect(await plan(permit('p'), { resource: { type: 'Bucket', id: 'x' } })).toMatchObject({ outcome: 'deny', denial: { code: 'policy-error' } }));
  it('a forbid on the groups of the beneficiary matches', async () =>
    expect(
      await plan(permit('p') + forbid('f', 'when { context has onBehalfOf && context.onBehalfOf in Group::"g-operators" }'), { onBehalfOf: 'carol' }),
    ).toMatchObject({ outcome: 'deny', policies: ['f'] }));
  it('policy sees the owner whom the directory names, not the one of the request', async () =>
    expect(
      await plan(
        permit('p') + '@id("f")\nforbid (principal is Agent, action == Action::"postgres.export", resource) when { principal.owner == Person::"dave" };',
        {
          requester: { ...makeRequest().requester, owner: 'erin' } as never,
        },
      ),
    ).toMatchObject({ outcome: 'deny', policies: ['f'] }));
});

describe('the sample policies', () => {
  const bundle = loadPolicies(sample);
  const samplePlan = async (change: Partial<ActionRequest>, people: Directory = directory) => {
    const connectors = new Map([[definition.name, definition]]);
    return (
      await makePlan(
        { bundle: () => bundle, directory: people, connectors, timeZone: 'Etc/UTC', environment: 'development' },
        makeRequest(change),
        new Date(startMs),
      )
    ).plan;
  };
  it.each([
    ['exported', { columns: ['id', 'notes'], limit: 5 }],
    ['filtered by', { columns: ['id'], limit: 5, filter: [{ column: 'notes', op: 'is-null' }] }],
    ['sorted by', { columns: ['id'], limit: 5, order_by: [{ column: 'notes' }] }],
  ])('ask for a second factor where notes are %s', async (_name, parameters) =>
    expect(await samplePlan({ parameters })).toMatchObject({
      outcome: 'review',
      policies: ['notes-ask-for-a-second-factor'],
      stages: [{ route: 'data-owner-mfa', assurance: 'mfa' }],
    }),
  );
  it('ask the owner alone where notes play no part', async () =>
    expect(await samplePlan({ parameters: { columns: ['id'], limit: 5, filter: [{ column: 'country', op: 'eq', value: 'PT' }] } })).toMatchObject({
      policies: ['customer-data-asks-its-owner'],
      stages: [{ route: 'data-owner', assurance: 'chat' }],
    }));
});

describe('plans that nobody can pass are denials', () => {
  const with_ = (approvers: string, more = '') => `routes:\n  one:\n    stages: [{ name: One, approvers: ${approvers}, expires_in: 1h${more} }]\n`;
  it.each([
    ['a group that does not exist', with_('{ groups: [g-ghosts] }')],
    ['a quorum larger than the group', with_('{ groups: [g-data-owners] }', ', quorum: 3')],
    ['only the owner of the agent', with_('{ people: [dave] }')],
  ])('%s', async (_name, routes) =>
    expect(await plan(permit('p', 'one'), {}, routes)).toMatchObject({ outcome: 'deny', denial: { code: 'route-unsatisfiable' } }),
  );
  it('an unreachable directory', async () => {
    const away = async () => Promise.reject(new CountersignError('directory-unavailable'));
    expect(await plan(permit('p', 'one'), {}, goodRoutes, { ...directory, members: away })).toMatchObject({
      outcome: 'deny',
      denial: { code: 'directory-unavailable' },
    });
    expect(await plan(permit('p'), {}, goodRoutes, { ...directory, agent: away })).toMatchObject({
      outcome: 'deny',
      denial: { code: 'directory-unavailable' },
    });
  });
  it('another connector definition than the one requested', async () =>
    expect(await plan(permit('p'), { connector: { name: definition.name, version: definition.version, digest: 'sha256:00' } })).toMatchObject({
      outcome: 'deny',
      denial: { code: 'connector-mismatch' },
    }));
  it('the human behind everybody through whose hands a delegation went is excluded, as the directory knows them now', async () => {
    const bot = { kind: 'agent', id: 'release-bot', name: 'Release bot', owner: 'erin', issuer: 'i', subject: 'release-bot' } as const;
    const carol = { kind: 'person', id: 'carol', name: 'Carol', issuer: 'i', subject: 'carol' } as const;
    expect((await plan(permit('p', 'one'), { onBehalfOf: 'bob', via: [bot, carol] })).excluded).toEqual(['bob', 'carol', 'dave']);
    for (const via of [[{ ...bot, id: 'ghost-bot' }], [{ ...carol, id: 'ghost' }]])
      expect(await plan(permit('p'), { via })).toMatchObject({ outcome: 'deny', denial: { code: 'principal-unknown' } });
  });
  it('everybody for whom the agent may act is excluded, unless it says for whom it asks', async () => {
    const desk: Directory = {
      ...directory,
      agent: async (id) => {
        const found = await directory.agent(id);
        return found === undefined ? undefined : { ...found, actsFor: ['bob', 'alice'] };
      },
    };
    expect(await plan(permit('p', 'one'), {}, goodRoutes, desk)).toMatchObject({
      outcome: 'deny',
      denial: { code: 'route-unsatisfiable' },
      excluded: ['alice', 'bob', 'dave'],
    });
    expect(await plan(permit('p', 'two'), {}, goodRoutes, desk)).toMatchObject({ outcome: 'review', excluded: ['alice', 'bob', 'dave'] });
    expect(await plan(permit('p', 'one'), { onBehalfOf: 'bob' }, goodRoutes, desk)).toMatchObject({ outcome: 'review', excluded: ['bob', 'dave'] });
  });
  it('those for whom an agent may act are looked up: excluded by the id that the directory has for them, and a denial if it has none', async () => {
    const desk = (actsFor: readonly string[]): Directory => ({
      ...directory,
      agent: async (id) => {
        const found = await directory.agent(id);
        return found === undefined ? undefined : { ...found, actsFor };
      },
      person: async (id) => {
        const found = await directory.person(id === 'alice-at-idp' ? 'alice' : id);
        return found?.id === 'bob' ? { ...found, active: false } : found;
      },
    });
    expect(await plan(permit('p', 'two'), {}, goodRoutes, desk(['bob', 'alice-at-idp']))).toMatchObject({ excluded: ['alice', 'alice-at-idp', 'bob', 'dave'] });
    for (const text of [permit('p'), permit('p', 'two')])
      expect(await plan(text, {}, goodRoutes, desk(['alice', 'ghost']))).toMatchObject({ outcome: 'deny', denial: { code: 'principal-unknown' } });
  });
  it('owner, requester and beneficiary are excluded', async () =>
    expect((await plan(permit('p', 'one'), { onBehalfOf: 'bob' })).excluded).toEqual(['bob', 'dave']));
});

describe('a policy folder is refused for', () => {
  const stage = (text: string) => `routes:\n  one:\n    stages:\n      - ${text}\n`;
  const cases: Record<string, { cedar?: string; routes?: string; says: RegExp }> = {
    'bad Cedar': { cedar: `${permit('p')}permit (oops`, says: /a\.cedar:\d+: / },
    'a policy without @id': { cedar: `permit (${head});`, says: /needs @id/ },
    'an id twice': { cedar: permit('p') + permit('p'), says: /stands twice|duplicate/i },
    'an annotation nobody knows': { cedar: `@id("p")\n@reviews("one")\npermit (${head});`, says: /unknown annotation @reviews/ },
    'a typo in an attribute': { cedar: permit('p', '', 'when { context.rsik > 3 }'), says: /"p".*rsik/ },
    'a typo in an action': { cedar: '@id("p")\npermit (principal, action == Action::"postgres.exprot", resource);', says: /postgres\.exprot/ },
    'a route that is not defined': { cedar: permit('p', 'three'), says: /route "three"/ },
    'a review without a route': { cedar: `@id("p")\n@review\npermit (${head});`, says: /review|route/ },
    'a forbid with a review': { cedar: `@id("p")\n@review("one")\nforbid (${head});`, says: /is a forbid/ },
    'a template': { cedar: `@id("p")\npermit (principal == ?principal, action, resource);`, says: /templates/ },
    'no policy at all': { cedar: '', routes: 'routes: [', says: /routes\.yaml:\d+/ },
    'empty approvers': { routes: stage('{ name: One, approvers: {}, expires_in: 1h }'), says: /routes\.yaml:4: / },
    'approvers that name nobody': { routes: stage('{ name: One, approvers: { groups: [], people: [] }, expires_in: 1h }'), says: /names nobody/ },
    'a quorum of zero': { routes: stage('{ name: One, approvers: { people: [alice] }, quorum: 0, expires_in: 1h }'), says: /routes\.yaml:4: .*quorum/ },
    'no stage': { routes: 'routes:\n  one:\n    stages: []\n', says: /routes\.yaml:3: / },
    'a deadline of nothing': { routes: stage('{ name: One, approvers: { people: [alice] }, expires_in: 0s }'), says: /expires_in/ },
    'an escalation after expiry': {
      routes: stage('{ name: One, approvers: { people: [alice] }, expires_in: 1h, escalate: [{ after: 2h, approvers: { people: [bob] } }] }'),
      says: /after it has expired/,
    },
    'a window of circles that is no time': {
      routes: `${stage('{ name: One, approvers: { people: [alice] }, expires_in: 1h }')}    circles: { refuse: 0d }\n`,
      says: /routes\.yaml:5: /,
    },
    'circles that are neither refused nor not': {
      routes: `${stage('{ name: One, approvers: { people: [alice] }, expires_in: 1h }')}    circles: maybe\n`,
      says: /routes\.yaml:5: /,
    },
    'a member nobody knows': { routes: stage('{ name: One, approvers: { people: [alice] }, expires_in: 1h, quorom: 2 }'), says: /quorom/ },
  };
  for (const [name, { cedar = permit('p', 'one'), routes, says }] of Object.entries(cases))
    it(name, () => {
      const made = folder(cedar, routes);
      expect(() => loadPolicies(made)).toThrow(says);
      expect(() => loadPolicies(made)).toThrow('config-invalid');
    });
  it('being away', () => expect(() => loadPolicies('/nowhere/at/all')).toThrow('config-invalid'));
  it('and its digest changes with every file that counts', () => {
    const digests = [folder(permit('p')), folder(permit('q')), folder(permit('p'), goodRoutes.replace('1h', '2h'))].map((made) => loadPolicies(made).digest);
    expect(new Set(digests).size).toBe(3);
  });
});
