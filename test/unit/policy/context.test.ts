import { copyFileSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { createFileDirectory } from '../../../directory/file.js';
import { digestJson } from '../../../domain/digest.js';
import type { ActionRequest } from '../../../domain/request.js';
import { compilePolicies, loadPolicies, type PolicyFile } from '../../../policy/bundle.js';
import { makePlan, type PlanDeps } from '../../../policy/plan.js';
import { definition, makeRequest, startMs } from '../domain/grant-fixture.js';
import { policiesWith } from '../../helpers/policies.js';

const sample = path.resolve(import.meta.dirname, '../../../policies');
const schema = readFileSync(path.join(sample, 'schema.cedarschema'), 'utf8');
/** The schema as it was before catalogue, calendar and requester were known. */
const oldSchema = `
entity Group; entity Person in [Group]; entity Agent { owner: Person }; entity System; entity Table in [System] { path: String };
action "postgres.export" appliesTo { principal: [Agent, Person], resource: [Table], context: {
  reason: String, environment: String, risk: Long, signals: Set<String>, hour: Long, weekday: Long, onBehalfOf?: Person,
  parameters: { columns?: Set<String>, filter_column?: Set<String>, order_by_column?: Set<String>, limit?: Long, format?: String } } };`;
const routes = 'routes:\n  one:\n    stages: [{ name: One, approvers: { groups: [g-data-owners] }, expires_in: 1h }]\n';
const directory = createFileDirectory(path.join(sample, 'directory.yaml'));
const teamed = { ...directory, agent: async (id: string) => ({ ...(await directory.agent(id))!, team: 'billing' }) };

const files = (cedar: string, more: Readonly<Record<string, string>> = {}): readonly PolicyFile[] =>
  Object.entries({ 'schema.cedarschema': schema, 'routes.yaml': routes, 'a.cedar': cedar, ...more }).map(([name, text]) => ({ name, text }));
const compile = (cedar: string, more?: Readonly<Record<string, string>>) => compilePolicies(files(cedar, more), 'p');

async function plan(cedar: string, more: Readonly<Record<string, string>> = {}, change: Partial<ActionRequest> = {}, deps: Partial<PlanDeps> = {}) {
  const bundle = compile(cedar, more);
  const connectors = new Map([[definition.name, definition]]);
  const all = { bundle: () => bundle, directory: teamed, connectors, timeZone: 'Etc/UTC', environment: 'development', ...deps };
  return (await makePlan(all, makeRequest(change), new Date(startMs))).plan;
}
const permit = (when: string) => `@id("p")\npermit (principal is Agent, action == Action::"postgres.export", resource is Table) when { ${when} };`;
const catalog = `resources:
  - { match: 'crm/public.products', classification: public, environment: development, team: shop }
  - { match: 'crm/*', classification: confidential, environment: staging, personal_data: true }
`;
const calendar =
  'windows:\n  - { name: migration, once: { from: 2026-03-02 09:00, to: 2026-03-02 11:00 } }\n  - { name: weekend, weekly: { from: Sat 00:00, to: Mon 00:00 } }\n';

describe('policy sees', () => {
  it.each([
    [
      'what the catalogue says',
      'resource.classification == "confidential" && resource.environment == "staging" && resource.personalData && !(resource has team)',
    ],
    ['the clock of the deployment', 'context.hour == 10 && context.minute == 0 && context.weekday == 1 && context.date == "2026-03-02"'],
    ['which freeze windows are in force', 'context.frozen.contains("migration") && !context.frozen.contains("weekend")'],
    [
      'who asks',
      'context.requester.kind == "agent" && context.requester.issuer == "https://idp.example" && context.requester has team && context.requester.team == "billing"',
    ],
    ['the team of an agent', 'principal has team && principal.team == "billing"'],
    ['how old the token is', 'context.requester has tokenAgeSeconds && context.requester.tokenAgeSeconds == 90'],
    [
      'typed parameters',
      'context.parameters has limit && context.parameters.limit == 500 && context.parameters has columns && context.parameters.columns.contains("name")',
    ],
    ['signals and risk', 'context.signals.contains("on-behalf") && context.risk == 5'],
    ['for whom', 'context has onBehalfOf && context.onBehalfOf in Group::"g-security"'],
  ])('%s', async (_name, when) => {
    const change = { onBehalfOf: 'alice', tokenIssuedAt: new Date(startMs - 90_000).toISOString() };
    expect(await plan(permit(when), { 'catalog.yaml': catalog, 'calendar.yaml': calendar }, change)).toMatchObject({ outcome: 'allow' });
    expect(await plan(permit(`!(${when})`), { 'catalog.yaml': catalog, 'calendar.yaml': calendar }, change)).toMatchObject({
      outcome: 'deny',
      denial: { code: 'policy-no-match' },
    });
  });
  it('the strictest of what the catalogue does not name', async () => {
    const when = 'resource.classification == "restricted" && resource.environment == "production" && resource.personalData';
    expect(await plan(permit(when), { 'catalog.yaml': catalog }, { resource: { type: 'Table', id: 'erp/x' } })).toMatchObject({ outcome: 'allow' });
  });
  it('no age of a token that a request does not state', async () =>
    expect(await plan(permit('!(context.requester has tokenAgeSeconds)'))).toMatchObject({ outcome: 'allow' }));
});

describe('a folder from before', () => {
  it('is asked with what its schema declares', async () =>
    expect(await plan(permit('context.hour == 10 && context.risk < 50'), { 'schema.cedarschema': oldSchema })).toMatchObject({ outcome: 'allow' }));
  it('keeps its digest, and a new file changes it', () => {
    expect(compile(permit('true'), { 'schema.cedarschema': oldSchema }).digest).toBe(
      digestJson({ schema: oldSchema, routes, policies: [['a.cedar', permit('true')]] }),
    );
    const digests = [{}, { 'catalog.yaml': catalog }, { 'calendar.yaml': calendar }, { 'risk.yaml': 'weights: { production: 5 }\n' }].map(
      (more) => compile(permit('true'), more).digest,
    );
    expect(new Set(digests).size).toBe(4);
  });
  it('still denies a parameter that its schema does not have', async () =>
    expect(
      await plan(permit('true'), { 'schema.cedarschema': oldSchema.replace(' format?: String', '') }, { parameters: { format: 'csv', limit: 1 } }),
    ).toMatchObject({
      outcome: 'deny',
      denial: { code: 'policy-error' },
    }));
});

describe('history', () => {
  const asked: unknown[] = [];
  const history = (past: 'none' | 'broken') => ({
    recent: async (...given: unknown[]) => {
      asked.push(given);
      return past === 'none' ? Promise.resolve([]) : Promise.reject(new Error('away'));
    },
  });
  it('is asked for thirty days before the request, and no later ones', async () => {
    expect((await plan(permit('true'), {}, {}, { history: history('none') })).risk.signals.map(({ name }) => name)).toEqual([
      'first-time-action',
      'first-time-resource',
    ]);
    const before = new Date(startMs).toISOString();
    expect(asked).toEqual([
      [
        { kind: 'agent', id: 'invoice-bot' },
        { from: new Date(startMs - 30 * 86_400_000).toISOString(), before, limit: 500 },
      ],
    ]);
  });
  it('that cannot be read raises the risk', async () =>
    expect((await plan(permit('true'), {}, {}, { history: history('broken') })).risk.signals.map(({ name }) => name)).toEqual(['history-unavailable']));
});

describe('a policy folder is refused, with file and line, for', () => {
  const two = `@id("q")\npermit (principal, action, resource is Table);\n\n`;
  it.each<readonly [string, string, Readonly<Record<string, string>>, RegExp]>([
    [
      'a freeze window that nobody defined',
      `${two}${permit('context.frozen.contains("wekend")')}`,
      { 'calendar.yaml': calendar },
      /: p\/a\.cedar:5: policy "p" compares context\.frozen with "wekend", .*migration, weekend/,
    ],
    ['a freeze window without a calendar', permit('["x"].containsAny(context.frozen)'), {}, /none is defined/],
    ['a signal that there is none of', permit('context.signals.containsAny(["production", "hiden-characters"])'), {}, /a\.cedar:2: .*"hiden-characters"/],
    ['a class that there is none of', permit('"secret" == resource.classification'), {}, /"secret".*public, internal/],
    ['an environment that there is none of', permit('resource.environment != "prod"'), { 'catalog.yaml': catalog }, /"prod".*staging/],
    [
      'a typo in an attribute, at its line',
      `${two}@id("p")\npermit (principal, action, resource is Table)\nwhen { context.risk > 3 &&\n  resource.clasification == "public" };`,
      {},
      /: p\/a\.cedar:7: policy "p".*clasification/,
    ],
    [
      'a class in the catalogue that is not listed',
      permit('true'),
      { 'catalog.yaml': `${catalog}  - { match: x, classification: secret, environment: staging }\n` },
      /catalog\.yaml:4: "secret" is none of/,
    ],
    [
      'an entry of the catalogue without a class',
      permit('true'),
      { 'catalog.yaml': 'resources:\n  - { match: x, environment: staging }\n' },
      /catalog\.yaml:2: .*classification/,
    ],
    [
      'a weight of a signal that there is none of',
      permit('true'),
      { 'risk.yaml': 'weights:\n  production: 1\n  prodution: 3\n' },
      /risk\.yaml:3: "weights\.prodution" is not known/,
    ],
    ['a weight that is none', permit('true'), { 'risk.yaml': 'weights:\n  production: -1\n' }, /risk\.yaml:2: /],
    ['working hours that end before they begin', permit('true'), { 'risk.yaml': 'working_hours:\n  days: [Mon]\n  from: 9\n  to: 8\n' }, /risk\.yaml:4: /],
    ['a calendar that is no YAML', permit('true'), { 'calendar.yaml': 'windows: [' }, /calendar\.yaml:1: /],
    ['a schema that is none', permit('true'), { 'schema.cedarschema': 'entity A;\nentity in;' }, /schema\.cedarschema:2: /],
  ])('%s', (_name, cedar, more, says) => expect(() => compile(cedar, more)).toThrow(says));
  it('a link that leads nowhere instead of a calendar', () => {
    const folder = policiesWith('  one:\n    stages: [{ name: One, approvers: { groups: [g-data-owners] }, expires_in: 1h }]\n', '// dangling');
    rmSync(path.join(folder, 'calendar.yaml'), { force: true });
    symlinkSync('/nowhere/at/all', path.join(folder, 'calendar.yaml'));
    expect(() => loadPolicies(folder)).toThrow(/calendar\.yaml cannot be read/);
    rmSync(path.join(folder, 'calendar.yaml'));
    copyFileSync(path.join(sample, 'catalog.yaml'), path.join(folder, 'catalog.yaml'));
    expect(loadPolicies(folder).catalog?.entries).toHaveLength(4);
  });
});
