import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { createDirectory } from '../../../directory/file.js';
import type { Directory } from '../../../directory/port.js';
import { fallsShort } from '../../../domain/stricter.js';
import { isPlan } from '../../../domain/shapes.js';
import { loadPolicies } from '../../../policy/bundle.js';
import { makePlan } from '../../../policy/plan.js';
import { parseRoutes } from '../../../policy/routes.js';
import { definition, makeRequest, startMs } from '../domain/grant-fixture.js';

const bundle = loadPolicies(path.resolve(import.meta.dirname, '../../../policies'));
const person = (id: string, groups: readonly string[], active = true) => ({ id, name: id, active, groups: [...groups], accounts: [] });
const data = {
  groups: [
    { id: 'g-a', name: 'A' },
    { id: 'g-none', name: 'None' },
  ],
  people: [person('dave', ['g-a']), person('mia', []), person('carl', ['g-a']), person('bea', ['g-a']), person('left', ['g-a'], false), person('erin', [])],
  agents: [{ id: 'invoice-bot', name: 'Bot', owner: 'dave', accounts: [] }],
};
const managers: Record<string, string> = { dave: 'mia', erin: 'bea', bea: 'left' };

const directory = (): Directory =>
  createDirectory({
    ...data,
    people: data.people.map((one) => ({ ...one, ...(managers[one.id] === undefined ? {} : { manager: managers[one.id] }) })),
  });

async function plan(route: string, change: Parameters<typeof makeRequest>[0] = {}, nowMs = startMs, from = directory()) {
  const stages = [...parseRoutes('routes.yaml', `routes:\n  r:\n${route}`).values()].flat();
  const deps = {
    bundle: () => bundle,
    directory: from,
    connectors: new Map([[definition.name, definition]]),
    timeZone: 'Etc/UTC',
    environment: 'test',
    evaluate: () => ({ outcome: 'review' as const, policies: ['p'], stages, obligations: {} }),
  };
  return (await makePlan(deps, makeRequest(change), new Date(nowMs))).plan;
}
const stages = (entry: string, more = '') => `    stages: [{ name: One, expires_in: 1h, ${entry} }]\n${more}`;
const person2 = (id: string) => ({ requester: { kind: 'person', id, name: id, issuer: 'x', subject: id } }) as const;

describe('what a route leaves open until somebody asks', () => {
  it('all of: those who are in the group now, less the excluded and the inactive, and as many as they are', async () => {
    const made = await plan(stages('approvers: { groups: [g-a] }, quorum: all'));
    expect(made.stages[0]).toMatchObject({ approvers: { groups: [], people: ['bea', 'carl'] }, quorum: 2 });
    expect(made.stages[0]).not.toHaveProperty('everybody');
    expect(isPlan(made as never)).toBe(true);
  });
  it('all of nobody is not nothing: it is denied', async () => {
    for (const groups of ['g-none', 'g-unknown'])
      expect(await plan(stages(`approvers: { groups: [${groups}] }, quorum: all`))).toMatchObject({ outcome: 'deny', denial: { code: 'route-unsatisfiable' } });
  });
  it('all of too many is denied', async () => {
    const many = createDirectory({ ...data, people: [...data.people, ...Array.from({ length: 60 }, (_, n) => person(`p${n}`, ['g-a']))] });
    expect(await plan(stages('approvers: { groups: [g-a] }, quorum: all'), {}, startMs, many)).toMatchObject({ denial: { code: 'route-unsatisfiable' } });
  });
  it('the manager of the owner, of whoever asks, and of whom it is done for', async () => {
    const of = async (who: string, change = {}) => (await plan(stages(`approvers: { manager_of: ${who} }`), change)).stages[0]?.approvers.people;
    expect(await of('owner')).toEqual(['mia']);
    expect(await of('requester')).toEqual(['mia']);
    expect(await of('owner', person2('erin'))).toEqual(['bea']);
    expect(await of('requester', { onBehalfOf: 'erin' })).toEqual(['bea']);
    expect(await of('owner', { onBehalfOf: 'erin' })).toEqual(['mia']);
  });
  it('beside others, and by escalation', async () => {
    const made = await plan(stages('approvers: { people: [carl], manager_of: owner }, escalate: [{ after: 5m, approvers: { manager_of: owner } }]'));
    expect(made.stages[0]?.approvers.people).toEqual(['carl', 'mia']);
    expect(made.stages[0]?.escalations[0]?.approvers).toEqual({ groups: [], people: ['mia'] });
  });
  it('a manager who is none, has left, or is behind the action: nobody stands in', async () => {
    for (const change of [person2('carl'), person2('bea'), { ...person2('erin'), onBehalfOf: 'bea' }])
      expect(await plan(stages('approvers: { manager_of: owner }'), change)).toMatchObject({ outcome: 'deny', denial: { code: 'route-unsatisfiable' } });
  });
  it('a deadline for the whole route ends it before its stages would', async () => {
    const made = await plan(stages('approvers: { groups: [g-a] }', '    expires_in: 20m\n'));
    expect(made.decideBy).toBe(new Date(startMs + 20 * 60_000).toISOString());
    expect(made.expiresAt).toBe(new Date(startMs + 80 * 60_000).toISOString());
    expect(await plan(stages('approvers: { groups: [g-a] }'))).not.toHaveProperty('decideBy');
  });
});

describe('a plan with these against an evaluation of its own, some minutes later', () => {
  const all = stages('approvers: { groups: [g-a] }, quorum: all');
  const at = startMs + 5 * 60_000;
  it.each([
    ['all of', all],
    ['a manager', stages('approvers: { manager_of: owner }')],
    ['a deadline', stages('approvers: { groups: [g-a] }', '    expires_in: 20m\n')],
    ['rejections', stages('approvers: { groups: [g-a] }, reject_quorum: 2')],
    ['replacement', stages('approvers: { people: [bea] }, escalate: [{ after: 5m, mode: replace, approvers: { people: [carl] } }]')],
  ])('holds: %s', async (_name, route) => expect(fallsShort(await plan(route), await plan(route, {}, at))).toBeUndefined());
  it.each([
    ['all, when somebody has joined', all, all, createDirectory({ ...data, people: [...data.people, person('new', ['g-a'])] })],
    ['all, when somebody has left', all, all, createDirectory({ ...data, people: data.people.filter(({ id }) => id !== 'bea') })],
    ['another manager', stages('approvers: { manager_of: owner }'), stages('approvers: { people: [carl] }'), undefined],
    ['no deadline', stages('approvers: { groups: [g-a] }'), stages('approvers: { groups: [g-a] }', '    expires_in: 20m\n'), undefined],
    [
      'a later deadline',
      stages('approvers: { groups: [g-a] }', '    expires_in: 21m\n'),
      stages('approvers: { groups: [g-a] }', '    expires_in: 20m\n'),
      undefined,
    ],
    ['more rejections', stages('approvers: { groups: [g-a] }, reject_quorum: 2'), stages('approvers: { groups: [g-a] }'), undefined],
    [
      'those who should have been replaced',
      stages('approvers: { people: [bea] }, escalate: [{ after: 5m, approvers: { people: [carl] } }]'),
      stages('approvers: { people: [bea] }, escalate: [{ after: 5m, mode: replace, approvers: { people: [carl] } }]'),
      undefined,
    ],
    [
      'nobody replaced',
      stages('approvers: { people: [bea] }'),
      stages('approvers: { people: [bea] }, escalate: [{ after: 5m, mode: replace, approvers: { people: [carl] } }]'),
      undefined,
    ],
  ])('falls short: %s', async (_name, theirs, mine, now) => expect(fallsShort(await plan(theirs), await plan(mine, {}, at, now ?? directory()))).toBeDefined());
});

describe('managers in the directory file', () => {
  it.each(['bea', 'nobody'])('who do not exist or are their own are refused: %s', (manager) =>
    expect(() => createDirectory({ ...data, people: [{ ...person('bea', []), manager }, person('dave', [])] })).toThrow(/bea reports to/),
  );
});

describe('routes that make no sense', () => {
  it.each([
    ['all and escalation', 'approvers: { groups: [g-a] }, quorum: all, escalate: [{ after: 5m, approvers: { people: [bea] } }]', /:3: .*asks for all/],
    ['more people than are named', 'approvers: { people: [bea] }, quorum: 2', /:3: .*asks for 2 people and names 1/],
    ['more rejections than people', 'approvers: { people: [bea] }, reject_quorum: 2', /:3: .*2 people to reject and names 1/],
    ['no rejection at all', 'approvers: { people: [bea] }, reject_quorum: 0', /:3: .*reject_quorum/],
    ['escalation to nobody', 'approvers: { people: [bea] }, escalate: [{ after: 5m, approvers: { groups: [] } }]', /:3: .*escalates to nobody/],
    ['a mode that is none', 'approvers: { people: [bea] }, escalate: [{ after: 5m, mode: both, approvers: { people: [carl] } }]', /:3: /],
    ['the manager of somebody else', 'approvers: { manager_of: everybody }', /:3: /],
  ])('%s', (_name, entry, says) => expect(() => parseRoutes('routes.yaml', `routes:\n  r:\n${stages(entry)}`)).toThrow(says));
});
