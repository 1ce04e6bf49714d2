import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { createFileDirectory } from '../../../directory/file.js';
import { compilePolicies } from '../../../policy/bundle.js';
import { makePlan } from '../../../policy/plan.js';
import { definition, makeRequest, startMs } from '../domain/grant-fixture.js';

const sample = path.resolve(import.meta.dirname, '../../../policies');
const schema = readFileSync(path.join(sample, 'schema.cedarschema'), 'utf8');
const routes = `routes:
  one:
    stages:
      - name: One
        approvers: { groups: [g-data-owners] }
        remind_after: [10m, 50m]
        escalate: [{ after: 40m, approvers: { groups: [g-security] } }]
        expires_in: 1h
        assurance: login
  two:
    stages: [{ name: Two, approvers: { groups: [g-security] }, expires_in: 20m }]
`;
const compile = (cedar: string) =>
  compilePolicies(
    [
      { name: 'schema.cedarschema', text: schema },
      { name: 'routes.yaml', text: routes },
      { name: 'a.cedar', text: cedar },
    ],
    'p',
  );
const policy = (id: string, annotations: string, effect = 'permit') =>
  `@id("${id}")\n${annotations}\n${effect} (principal, action == Action::"postgres.export", resource is Table);\n`;
async function plan(cedar: string) {
  const bundle = compile(cedar);
  const directory = createFileDirectory(path.join(sample, 'directory.yaml'));
  const connectors = new Map([[definition.name, definition]]);
  return (await makePlan({ bundle: () => bundle, directory, connectors, timeZone: 'Etc/UTC', environment: 'development' }, makeRequest(), new Date(startMs)))
    .plan;
}

describe('obligations', () => {
  it('raise the assurance of every stage, and weaken none', async () => {
    const raised = await plan(policy('p', '@review("one")\n@assurance("mfa")') + policy('q', '@review("two")'));
    expect(raised.stages.map(({ name, assurance }) => [name, assurance])).toEqual([
      ['One', 'mfa'],
      ['Two', 'mfa'],
    ]);
    expect((await plan(policy('p', '@review("one")\n@assurance("chat")'))).stages[0]?.assurance).toBe('login');
  });
  it('shorten stages, with the reminders and escalations that would come too late, and the plan', async () => {
    const short = await plan(policy('p', '@review("one")\n@expires("30m")') + policy('q', '@review("two")'));
    expect(short.stages.map(({ expiresInMs }) => expiresInMs / 60_000)).toEqual([30, 20]);
    expect(short.stages[0]).toMatchObject({ remindAfterMs: [600_000], escalations: [] });
    // Both stages, and an hour to execute.
    expect(Date.parse(short.expiresAt) - startMs).toBe(110 * 60_000);
  });
  it('mask, and want people', async () => {
    const cedar = policy('p', '@review("two")\n@mask("columns, filter.column")') + policy('q', '@review("one")\n@mask("limit,columns")\n@executor_floor("1")');
    expect(await plan(cedar)).toMatchObject({ mask: ['columns', 'filter.column', 'limit'], executorFloor: 1 });
  });
  it('are in no plan that has none: its digest is what it was', async () => {
    const plain = await plan(policy('p', '@review("one")'));
    expect(Object.keys(plain)).not.toEqual(expect.arrayContaining(['mask']));
    expect(Object.keys(plain)).not.toEqual(expect.arrayContaining(['executorFloor']));
  });
  it('of all that match the strictest counts, member by member', async () => {
    const cedar =
      policy('p', '@review("one")\n@expires("10m")\n@assurance("login")') +
      policy('q', '@review("one")\n@expires("5m")') +
      policy('r', '@review("one")\n@assurance("passkey")');
    expect((await plan(cedar)).stages).toMatchObject([{ expiresInMs: 300_000, assurance: 'passkey' }]);
  });
  it.each<readonly [string, string, RegExp]>([
    [
      'an assurance that there is none of',
      policy('p', '@review("one")\n\n@assurance("mfaa")'),
      /p\/a\.cedar:4: .*@assurance takes one of: chat, login, mfa, passkey/,
    ],
    ['a length of time that is none', policy('p', '@review("one")\n@expires("soon")'), /a\.cedar:3: .*@expires/],
    ['a mask of nothing', policy('p', '@review("one")\n@mask("columns,,limit")'), /a\.cedar:3: .*@mask/],
    ['a floor of nobody', policy('p', '@review("one")\n@executor_floor("0")'), /a\.cedar:3: .*@executor_floor/],
    [
      'a floor that its route cannot reach',
      policy('p', '@review("one")\n@executor_floor("2")'),
      /a\.cedar:1: .*wants 2 people, but its route "one" asks only 1/,
    ],
    ['an obligation of a permit that asks nobody', policy('p', '@assurance("mfa")'), /a\.cedar:2: .*asks nobody; add @review/],
    ['an obligation of a forbid', policy('q', '') + policy('p', '@mask("limit")', 'forbid'), /a\.cedar:5: .*is a forbid/],
    ['an annotation nobody knows', policy('p', '@review("one")\n@assurence("mfa")'), /a\.cedar:3: .*unknown annotation @assurence/],
  ])('are refused for %s', (_name, cedar, says) => expect(() => compile(cedar)).toThrow(says));
});
