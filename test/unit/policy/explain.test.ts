import { cpSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runPolicy } from '../../helpers/run-cli.js';

const root = path.resolve(import.meta.dirname, '../../..');
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'countersign-explain-'));
  cpSync(path.join(root, 'test/testdata/policy'), folder, { recursive: true });
  copyFileSync(path.join(root, 'policies/schema.cedarschema'), path.join(folder, 'schema.cedarschema'));
  writeFileSync(
    path.join(folder, 'more.cedar'),
    [
      '@id("not-by-platform")\nforbid (principal is Agent, action == Action::"postgres.export", resource)\nwhen { principal.owner in Group::"g-security" };',
      '@id("not-at-night")\nforbid (principal, action, resource)\nwhen { context.hour < 6 };',
      '@id("overflows")\nforbid (principal, action == Action::"http.request", resource)\nwhen { context.risk >= 0 && context.hour + 100000000000000 * 90000 * 2 > 0 };',
      '// A number that JSON would round.\n@id("huge")\nforbid (principal, action == Action::"http.request", resource)\nwhen { context.risk == 9223372036854775807 };',
    ].join('\n'),
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const body = {
  requester: 'invoice-bot',
  action: 'postgres.export',
  resource: { type: 'Table', id: 'crm/public.customers' },
  parameters: { columns: ['id', 'name'], limit: 500 },
  reason: 'Payment reminders for overdue invoices',
};

async function explain(change: object = {}, ...options: readonly string[]): Promise<string> {
  const file = path.join(folder, 'action.json');
  writeFileSync(file, JSON.stringify({ ...body, ...change }));
  return (await runPolicy('explain', file, '--policies', folder, '--as-of', '2026-04-01T10:00:00Z', ...options)).output;
}

describe('countersign policy explain', () => {
  it('says who asks, when, and what comes of it', async () => {
    const said = await explain();
    expect(said).toContain(
      'invoice-bot asks for postgres.export on Table::"crm/public.customers"\nas of 2026-04-01T10:00:00.000Z (Wednesday 10:00 in Etc/UTC)',
    );
    expect(said).toContain('Verdict: people are asked\n  by customer-data-asks-its-owner\n');
  });

  it('says of every rule whether it matched, and where it did not, which part was in the way and what was there', async () => {
    const said = (await explain()).replaceAll(`${folder}/`, '');
    for (const part of [
      '✓ customer-data-asks-its-owner (permit, asks data-owner) exports.cedar:6\n',
      '· price-list-is-public (permit) exports.cedar:3\n      is for: resource == Table::"crm/public.products"\n      resource is Table::"crm/public.customers"\n',
      '✗ all-customers-ask-two-people (permit, asks two-people) exports.cedar:28\n      excepted, since: (context.parameters has limit) && (context.parameters.limit <= 10000)\n      context.parameters.limit is 500\n',
      '✗ notes-ask-for-a-second-factor (permit, asks data-owner-mfa) exports.cedar:16\n      false, each of:\n        (context.parameters has columns) && context.parameters.columns.contains("notes")\n',
      'context.parameters.columns is ["id","name"]; context.parameters.filter_column is absent;',
      '✗ not-by-platform (forbid) more.cedar:1\n      false: principal.owner in Group::"g-security"\n      principal.owner is Person::"dave" in Group::"g-platform", Group::"g-data-owners"\n',
      '✗ not-at-night (forbid) more.cedar:4\n      false: context.hour < 6\n      context.hour is 10\n',
      '· http-calls-ask-security (permit, asks security) operations.cedar:3\n      is for: action == Action::"http.request"\n      action is Action::"postgres.export"\n',
    ])
      expect(said).toContain(part);
  });

  it('takes the conjunct that is false first, as the engine does, and not a later one that fails', async () => {
    const said = await explain({ parameters: { columns: ['id'] } });
    expect(said).toContain('✗ customer-data-asks-its-owner (permit, asks data-owner)');
    expect(said).toContain('false: context.parameters has limit\n      context.parameters.limit is absent\n');
  });

  it('says which rule failed, which denies', async () => {
    const said = await explain({ action: 'http.request', resource: { type: 'Endpoint', id: 'billing/refunds' }, parameters: { method: 'GET', path: '/' } });
    expect(said).toContain('Verdict: denied (policy-error)');
    expect(said).toContain('! overflows (forbid)');
    expect(said).toMatch(/failed: .*90000.*\n {6}integer overflow/);
    expect(said).toMatch(/✗ huge \(forbid\) .*\n {6}false: its conditions\n/);
  });

  it('says who can approve and why, and who cannot and why', async () => {
    const said = await explain();
    expect(said).toContain('Stage 1: Data owner (route data-owner): 1 of these, assurance chat (the word of the api alone), within 24h');
    expect(said).toMatch(/can +alice +Alice Almeida +in g-data-owners\n/);
    expect(said).toMatch(/carol +Carol Chen +in g-security, after 4h without an answer\n/);
    expect(said).toMatch(/cannot +dave +Dave Diallo +owns invoice-bot, though in g-data-owners\n/);
    expect(await explain({ on_behalf_of: 'bob' })).toMatch(/bob +Bob Baumann +is the person on whose behalf it is asked, though in g-data-owners\n/);
    expect(await explain({ parameters: { columns: ['id'] } })).toMatch(/bob +Bob Baumann +is not in g-security\n/);
  });

  it('lists the signals of risk', async () => {
    const parameters = { columns: ['id'], limit: 5 };
    expect(await explain({ parameters, reason: 'x' })).toMatch(/Risk: 30\n {2}reason-thin +\+20 +The stated reason.*\n {2}production +\+10 /);
    expect(await explain({ parameters })).toMatch(/Risk: 10\n {2}production/);
    expect(await explain({ parameters: { columns: ['id'] } })).toMatch(/whole-personal-data +\+45 /);
  });

  it('judges for the moment it is given', async () => {
    const said = await explain({}, '--as-of', '2026-04-05T03:00:00Z');
    expect(said).toContain('Verdict: denied (denied-by-policy)');
    expect(said).toMatch(/✓ not-at-night \(forbid\)/);
    await expect(explain({}, '--as-of', 'tomorrow')).rejects.toThrow('is no time');
  });

  it('says when no rule was asked, and why', async () => {
    const said = await explain({ action: 'iam.grant' });
    expect(said).toContain('Verdict: denied (action-unknown)\n  No connector offers this action.');
    expect(said).toContain('No rule was asked.');
  });

  it('says what does not fit the schema, and what the api would have refused', async () => {
    expect(await explain({ resource: { type: 'Bucket', id: 'x' } })).toContain('Bucket');
    expect(await explain({ parameters: { columns: 'id' } })).toContain('The api would refuse this request: parameters/columns must be array.');
  });

  it('answers in JSON', async () => {
    const said = JSON.parse(await explain({}, '--json')) as { readonly rules: readonly { readonly id: string; readonly result: string }[] };
    expect(said).toMatchObject({ plan: { outcome: 'review' }, stages: [{ can: [{ id: 'alice' }, { id: 'bob' }, { id: 'carol' }], cannot: [{ id: 'dave' }] }] });
    expect(said.rules).toContainEqual(expect.objectContaining({ id: 'customer-data-asks-its-owner', result: 'matched' }));
  });

  it('knows a person who asks', async () =>
    expect(await explain({ requester: 'carol', resource: { type: 'Table', id: 'crm/public.products' } })).toMatch(
      /· price-list-is-public .*\n {6}is for: principal is Agent\n {6}principal is Person::"carol"/,
    ));

  it('names what is wrong with the file', async () => {
    await expect(explain({ requester: 'ghost' })).rejects.toThrow('neither an agent nor a person "ghost"');
    await expect(explain({ requester: undefined })).rejects.toThrow('does not say who asks');
    await expect(explain({ paramters: {} })).rejects.toThrow(/action\.json:1: "paramters" is not known/);
    await expect(runPolicy('explain', '/nowhere.json', '--policies', folder)).rejects.toThrow('/nowhere.json cannot be read');
  });
});
