import { copyFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Sqlite } from '../../../config/sqlite.js';
import { createSqliteEvidenceLog } from '../../../activities/adapters/evidence/sqlite.js';
import { open } from '../../../activities/open.js';
import type { WorkerDeps } from '../../../activities/deps.js';
import { createFileDirectory } from '../../../directory/file.js';
import { loadPolicies } from '../../../policy/bundle.js';
import { connectorRef } from '../../../domain/connector.js';
import { httpRequest } from '../../../domain/connectors/index.js';
import type { ActionRequest } from '../../../domain/request.js';
import { makeKeys, sealRequest } from '../../helpers/keys.js';
import { runPolicy } from '../../helpers/run-cli.js';
import { definition, makeRequest, startMs } from '../domain/grant-fixture.js';

const root = path.resolve(import.meta.dirname, '../../..');
const folder = mkdtempSync(path.join(os.tmpdir(), 'countersign-simulate-'));
const evidence = path.join(folder, 'evidence.db');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The fixture's policies with some files changed. */
function policies(name: string, changes: Readonly<Record<string, (text: string) => string>> = {}): string {
  const made = path.join(folder, name);
  cpSync(path.join(root, 'test/testdata/policy'), made, { recursive: true });
  copyFileSync(path.join(root, 'policies/schema.cedarschema'), path.join(made, 'schema.cedarschema'));
  for (const [file, change] of Object.entries(changes)) writeFileSync(path.join(made, file), change(readFileSync(path.join(made, file), 'utf8')));
  return made;
}

const secret = 'ada.lovelace@example.com';
const id = (letter: string) => `act_${letter.repeat(32)}` as const;
const requests: readonly Partial<ActionRequest>[] = [
  { id: id('a'), parameters: { columns: ['id', 'name'], limit: 500, filter: [{ column: 'email', op: '=', value: secret }] }, reason: `about ${secret}` },
  { id: id('b'), parameters: { columns: ['id'], limit: 20_000 } },
  { id: id('c'), parameters: { columns: ['id'] }, resource: { type: 'Table', id: 'crm/public.products' } },
  { id: id('d'), parameters: { columns: ['id', 'card_number'], limit: 1 } },
  {
    id: id('e'),
    action: httpRequest.name,
    connector: connectorRef(httpRequest),
    resource: { type: 'Endpoint', id: 'billing/refunds' },
    parameters: { method: 'POST', path: '/refunds' },
  },
];

beforeAll(async () => {
  const bundle = loadPolicies(policies('before'));
  const keys = await makeKeys();
  const log = createSqliteEvidenceLog(evidence);
  const deps = {
    bundle: () => bundle,
    directory: createFileDirectory(path.join(folder, 'before/directory.yaml')),
    connectors: new Map([definition, httpRequest].map((one) => [one.name, one])),
    evidence: log,
    policyKey: keys.signing.policy,
    trusted: keys.trusted,
    timeZone: 'Etc/UTC',
    environment: 'production',
    newId: () => 'id',
  } as unknown as WorkerDeps;
  for (const change of requests) {
    const request = makeRequest(change);
    await open(deps)({ request, signedRequest: await sealRequest(request, keys.signing.decision), runId: 'run', nowMs: startMs });
  }
  await log.close();
}, 60_000);

let made = 0;
const simulate = async (folderOf: string, ...options: readonly string[]) =>
  runPolicy('simulate', '--policies', folderOf, '--evidence', evidence, '--since', '2026-03-01T00:00:00Z', ...options);
const changesOf = async (folderOf: string) => {
  const { output } = await simulate(folderOf, '--json');
  return (JSON.parse(output) as { readonly changes: readonly { readonly actionId: string; readonly change: string; readonly why: string }[] }).changes.map(
    ({ actionId, change, why }) => [actionId.charAt(4), change, why] as const,
  );
};

describe('what the opening entry keeps for it', () => {
  const rows = () => new Sqlite(evidence, { readonly: true }).prepare<[], { readonly body: string }>('SELECT body FROM evidence').all();

  it('is what people were shown of what policy saw, and neither a hidden value nor the reason', () => {
    expect(JSON.parse(rows()[0]?.body ?? '')).toMatchObject({
      judged: { parameters: { columns: ['id', 'name'], limit: 500, filter_column: ['email'] }, withheld: [] },
    });
    for (const { body } of rows()) expect(body).not.toContain(secret);
  });
});

describe('countersign policy simulate', () => {
  it('finds nothing changed by the policy that was in force', async () => {
    const { code, output } = await simulate(path.join(folder, 'before'), '--fail-on-change', '--fail-on-unjudged');
    expect(output).toBe('5 requests since 2026-03-01T00:00:00.000Z: 5 unchanged, 0 weaker, 0 stricter, 0 different, 0 not judged\n');
    expect(code).toBe(0);
  });

  it('lists what would be weaker and what would be stricter, with what was and what would be', async () => {
    const changed = policies('after', {
      'exports.cedar': (text) =>
        text.replace('@review("two-people")\n', '').replace('resource == Table::"crm/public.products"', 'resource == Table::"crm/public.prices"'),
      'routes.yaml': (text) => text.replace('quorum: 1', 'quorum: 2'),
    });
    const { output } = await simulate(changed);
    expect(output).toMatch(
      /WEAKER +2026-03-02T10:00 +act_bbbbbbbb +invoice-bot +postgres\.export crm\/public\.customers +review two-people +allow +review becomes allow\n/,
    );
    expect(output).toMatch(/STRICTER +.*act_cccccccc .* allow +deny +allow becomes deny\n/);
    expect(output).toMatch(/STRICTER +.*act_aaaaaaaa .* review data-owner +review data-owner +.*1 instead of 2 people/);
    expect(output).toContain('5 requests since 2026-03-01T00:00:00.000Z: 2 unchanged, 1 weaker, 2 stricter, 0 different, 0 not judged\n');
  });

  it('tells weaker from stricter in every respect that the executor compares', async () => {
    const routes = (change: (text: string) => string) => changesOf(policies(`routes-${(made += 1)}`, { 'routes.yaml': change }));
    const security =
      '        approvers: { groups: [g-security] }\n        remind_after: [15m, 2h]\n        expires_in: 24h\n        channels: [teams, inbox]\n';
    const last = (text: string, to: string) => text.replace(new RegExp(`${security.replaceAll(/[[\]{}]/g, '\\$&')}$`), to);
    expect(await routes((text) => last(text, security.replace('24h', '48h')))).toEqual([['e', 'weaker', expect.stringContaining('more time')]]);
    expect(await routes((text) => last(text, `${security}        assurance: mfa\n`))).toEqual([['e', 'stricter', expect.stringContaining('assurance')]]);
    expect(await routes((text) => last(text, security.replace('groups: [g-security]', 'groups: [g-security, g-data-owners]')))).toEqual([
      ['e', 'weaker', expect.stringContaining('approvers')],
    ]);
    expect(await routes((text) => last(text, security.replace('g-security', 'g-data-owners')))).toEqual([['e', 'different', expect.any(String)]]);
    expect(await routes((text) => last(text, security.replace('remind_after: [15m, 2h]', 'remind_after: [1h]')))).toEqual([]);
  });

  it('fails when told to, for what it was told', async () => {
    const weaker = policies('weaker', { 'exports.cedar': (text) => text.replace('@review("two-people")\n', '') });
    const stricter = policies('stricter', { 'operations.cedar': () => '// nothing\n' });
    expect((await simulate(weaker)).code).toBe(0);
    expect((await simulate(weaker, '--fail-on-weaker')).code).toBe(1);
    expect((await simulate(stricter, '--fail-on-weaker')).code).toBe(0);
    expect((await simulate(stricter, '--fail-on-change')).code).toBe(1);
  });

  it('says what it cannot judge and why, instead of guessing', async () => {
    const reads = policies('reads', {
      'operations.cedar': (text) =>
        `${text}\n@id("by-reason")\nforbid (principal, action == Action::"http.request", resource)\nwhen { context.reason like "*refund*" };\n`,
    });
    const { output, code } = await simulate(reads, '--fail-on-unjudged');
    expect(output).toContain('Not judged:\n  1 × the rule "by-reason" reads context.reason, which is never kept in evidence\n');
    expect(output).toContain('4 unchanged, 0 weaker, 0 stricter, 0 different, 1 not judged');
    expect(code).toBe(1);
  });

  it('leaves the log as it is', async () => {
    const before = readFileSync(evidence);
    await simulate(path.join(folder, 'before'));
    expect(readFileSync(evidence).equals(before)).toBe(true);
  });

  it('does not judge by an entry that was changed', async () => {
    const forged = path.join(folder, 'forged.db');
    copyFileSync(evidence, forged);
    const database = new Sqlite(forged);
    database.exec("DROP TRIGGER evidence_no_update; UPDATE evidence SET body = replace(body, '20000', '20') WHERE action_id LIKE 'act_b%'");
    database.close();
    const { output } = await runPolicy('simulate', '--policies', path.join(folder, 'before'), '--evidence', forged, '--since', '2026-03-01');
    expect(output).toContain('1 × the entry is not what its digest says');
  });

  it('names what is missing', async () => {
    const before = path.join(folder, 'before');
    await expect(runPolicy('simulate', '--policies', before, '--since', '7d')).rejects.toThrow('No evidence log was named');
    await expect(runPolicy('simulate', '--policies', before, '--since', '7d', '--evidence', path.join(folder, 'none.db'))).rejects.toThrow(
      'is no evidence log',
    );
    expect((await runPolicy('simulate', '--policies', before, '--since', '7d', '--evidence', evidence)).output).toContain('requests since');
  });
});
