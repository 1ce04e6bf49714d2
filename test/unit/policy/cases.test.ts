import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runPolicy } from '../../helpers/run-cli.js';

const root = path.resolve(import.meta.dirname, '../../..');
const sample = ['--policies', path.join(root, 'policies'), '--connector', path.join(root, 'examples/release-connector/connector.json')];
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'countersign-cases-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const head = `defaults:
  now: 2026-04-01T10:00:00Z
  request: { requester: invoice-bot, action: postgres.export, resource: { type: Table, id: crm/public.customers }, reason: Payment reminders }
`;

async function test(cases: string, ...options: readonly string[]) {
  const file = path.join(folder, 'cases.yaml');
  writeFileSync(file, cases);
  const { code, output } = await runPolicy('test', file, ...sample, ...options);
  return { code, output: output.replaceAll(`${folder}/`, '') };
}
const one = (request: string, expected: string) => `${head}cases:\n  - name: one\n    request: ${request}\n    expect: ${expected}\n`;

describe('the cases of the sample policies', () => {
  it('pass, and every rule decides one of them', async () => {
    const { code, output } = await runPolicy('test', ...sample, '--every-rule');
    expect(output).toMatch(/^\d+ passed, 0 failed\n$/);
    expect(code).toBe(0);
  }, 60_000);
});

describe('countersign policy test', () => {
  it('shows what was expected and what came, and says why', async () => {
    const { code, output } = await test(one('{ parameters: { columns: [id] } }', '{ outcome: allow, policies: [price-list-is-public], stages: [] }'));
    expect(output).toContain(
      [
        '✗ cases.yaml:5: one',
        '    outcome',
        '      - allow',
        '      + review',
        '    policies',
        '      - - price-list-is-public',
        '      + - all-customers-ask-two-people',
        '    stages',
        '      - (none)',
        '      + - name: Data owner',
      ].join('\n'),
    );
    expect(output).toMatch(/\n0 passed, 1 failed\n$/);
    expect(code).toBe(1);
  });

  it('marks only the people who are missing or too many', async () => {
    const { output } = await test(one('{ parameters: { columns: [id], limit: 1 } }', '{ stages: [{ approvers: [alice, dave] }] }'));
    expect(output).toContain('        - approvers:\n            - alice\n      -     - dave\n      +     - bob\n');
  });

  it('gives the reason of a denial', async () => {
    const { output } = await test(one('{ resource: { type: Table, id: crm/x } }', '{ outcome: allow, denial: policy-error }'));
    expect(output).toContain('    denial\n      - policy-error\n      + policy-no-match\n');
    expect(output).toContain('The api would refuse this request: parameters');
  });

  it('compares only what a case speaks of', async () =>
    expect((await test(one('{ parameters: { columns: [id] } }', '{ outcome: review }'))).output).toMatch(/1 passed, 0 failed\n$/));

  it('names the rules that no case is about, and fails for them when told to', async () => {
    const cases = one('{ parameters: { columns: [id] } }', '{ outcome: review }');
    expect((await test(cases)).output).toContain('No case is decided by price-list-is-public, customer-data-asks-its-owner, ');
    expect((await test(cases)).code).toBe(0);
    expect((await test(cases, '--every-rule')).code).toBe(1);
  });

  it('judges for the environment and the time of the case', async () => {
    const { output } = await test(one('{ parameters: { columns: [id] } }', '{ signals: [] }').replace('expect:', 'now: 2026-04-05T10:00:00Z\n    expect:'));
    expect(output).toContain('    signals\n      - (none)\n      + - outside-hours\n');
  });

  it('answers in JSON', async () =>
    expect(JSON.parse((await test(one('{ parameters: { columns: [id] } }', '{ outcome: deny }'), '--json')).output)).toMatchObject({
      passed: 0,
      failed: 1,
      cases: [{ line: 5, name: 'one', passed: false, differences: [{ member: 'outcome', expected: 'deny', got: 'review' }] }],
    }));

  const bad: Record<string, { readonly cases: string; readonly says: RegExp }> = {
    'a misspelt member': { cases: one('{}', '{ outcom: allow }'), says: /cases\.yaml:7: "cases\.0\.expect\.outcom" is not known/ },
    'no expectation': { cases: one('{}', '{}'), says: /cases\.yaml:7: / },
    'a request with a part missing': {
      cases: one('{}', '{ outcome: deny }').replace('action: postgres.export, ', ''),
      says: /cases\.yaml:5: the case "one" has no whole request/,
    },
    'no time': { cases: one('{}', '{ outcome: deny }').replace(/ {2}now.*\n/, ''), says: /cases\.yaml:4: the case "one" has no time/ },
    'a requester whom nobody knows': {
      cases: one('{ requester: ghost }', '{ outcome: deny }'),
      says: /cases\.yaml:5: the case "one": The directory knows neither/,
    },
    'no case': { cases: `${head}cases: []\n`, says: /cases\.yaml:4: / },
  };
  for (const [name, { cases, says }] of Object.entries(bad)) it(`refuses ${name}`, async () => expect(test(cases)).rejects.toThrow(says));

  it('refuses a folder without cases, and one that is not there', async () => {
    await expect(runPolicy('test', path.join(root, 'policies/nothing'), ...sample)).rejects.toThrow('cannot be read; name the files with the cases');
    await expect(runPolicy('test', path.join(root, 'scripts'), ...sample)).rejects.toThrow('holds no YAML file');
  });
});
