import { cpSync, copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { answer, toolsAreThere } from '../../../cli/policy-prove.js';
import { loadPolicies } from '../../../policy/bundle.js';
import { separationQuestions } from '../../../policy/check/properties.js';
import { runPolicy } from '../../helpers/run-cli.js';

const root = path.resolve(import.meta.dirname, '../../..');
const sample = path.join(root, 'policies');
const folders: string[] = [];
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

function folder(proofs: string, changes: Readonly<Record<string, (text: string) => string>> = {}): string {
  const made = mkdtempSync(path.join(os.tmpdir(), 'countersign-proofs-'));
  folders.push(made);
  cpSync(path.join(root, 'test/testdata/policy'), made, { recursive: true });
  copyFileSync(path.join(sample, 'schema.cedarschema'), path.join(made, 'schema.cedarschema'));
  writeFileSync(path.join(made, 'proofs.yaml'), proofs);
  for (const [name, change] of Object.entries(changes)) writeFileSync(path.join(made, name), change(readFileSync(path.join(made, name), 'utf8')));
  return made;
}
const prove = async (...given: Parameters<typeof folder>) => runPolicy('prove', '--policies', folder(...given));
const exports_ = (more: string) => `properties:\n  - { name: one, actions: [postgres.export], ${more} }\n`;
const big = `when: 'resource == Table::"crm/public.customers" && !(context.parameters has limit && context.parameters.limit <= 10000)'`;
const tools = await toolsAreThere();

describe('without its tools countersign policy prove', () => {
  it('says that it is skipped and how to get them, which is no success', async () => {
    vi.stubEnv('PATH', '/nowhere');
    const { code, output } = await runPolicy('prove', '--policies', sample);
    expect(output).toMatch(/^skipped: .*cargo install cedar-policy-cli --features analyze.*apt-get install cvc5/);
    expect(code).toBe(3);
    expect((await runPolicy('prove', '--policies', sample, '--optional')).code).toBe(0);
  });

  const bad: Record<string, { readonly proofs: string; readonly says: string | RegExp }> = {
    'a condition that is none': {
      proofs: exports_('when: "context.hourr > 3", never: true'),
      says: /proofs\.yaml:2: the property "one" has a "when" that is no condition here: attribute `hourr`/,
    },
    'a condition that ends early': { proofs: exports_('when: "true };", never: true'), says: 'no condition here' },
    'an action that there is not': {
      proofs: exports_('never: true').replace('postgres.export', 'iam.grant'),
      says: 'the action "iam.grant", which the schema does not have',
    },
    'nothing that is to hold': { proofs: exports_('when: "true"'), says: 'needs either "people" or "never: true"' },
    'a member that is misspelt': { proofs: exports_('peple: 2'), says: /proofs\.yaml:2: .*peple/ },
  };
  for (const [name, { proofs, says }] of Object.entries(bad)) it(`still refuses ${name}`, async () => expect(prove(proofs)).rejects.toThrow(says));
});

// Where the tools cannot be had the same tests say so, and that nothing is claimed.
describe(tools ? 'countersign policy prove' : 'countersign policy prove, skipped here: no Cedar CLI with analysis and cvc5 on PATH', () => {
  const proven = (output: string, expected: string | RegExp) => {
    if (tools) expect(output).toMatch(expected);
    else expect(output).toMatch(/^skipped: /);
  };

  it('proves the properties of the sample policies', async () => {
    const { code, output } = await runPolicy('prove', '--policies', sample);
    proven(output, /\n\d+ proven, 0 broken, \d+ questions in \d+ ms\n$/);
    expect(code).toBe(tools ? 0 : 3);
  });

  it('shows a request that happens with fewer people', async () => {
    proven((await prove(exports_(`${big}, people: 2`))).output, /✓ one: proven/);
    const { code, output } = await prove(exports_(`${big}, people: 3`));
    proven(output, /✗ one\n {4}broken by Agent, postgres\.export, Table:\n[^]*Table::"crm\/public\.customers"/);
    expect(code).toBe(tools ? 1 : 3);
  });

  it('notices a review that was lost, and a rule that opens a way around it', async () => {
    const lost = { 'exports.cedar': (text: string) => text.replace('@review("two-people")\n', '') };
    proven((await prove(exports_(`${big}, people: 1`), lost)).output, '✗ one');
    const around = {
      'operations.cedar': (text: string) => `${text}\n@id("x")\npermit (principal, action == Action::"http.request", resource) when { context.hour == 3 };\n`,
    };
    const calls = 'properties:\n  - { name: one, actions: [http.request], people: 1 }\n';
    proven((await prove(calls)).output, '✓ one: proven for 2');
    proven((await prove(calls, around)).output, /✗ one\n[^]*Person::[^]*hour: 3/);
  });

  it('counts a strong review beside a weak permit, since the strictest counts', async () => {
    const weak = {
      'exports.cedar': (text: string) =>
        `${text}\n@id("x")\npermit (principal is Agent, action == Action::"postgres.export", resource == Table::"crm/public.customers");\n`,
    };
    proven((await prove(exports_(`${big}, people: 2`), weak)).output, '✓ one: proven');
  });

  it('notices when a forbid does not cover all', async () => {
    const never = exports_(`when: 'context.parameters has columns && context.parameters.columns.contains("card_number")', never: true`);
    proven((await prove(never)).output, '✗ one');
  });

  const rules = {
    'does not exclude the owner of an agent':
      'forbid (principal is Agent, action, resource);\nforbid (principal is Person, action, resource is AskedByPerson) when { principal == resource.requester };\n',
    'lets agents approve': 'forbid (principal is Person, action, resource);\n',
  };
  for (const [name, rule] of Object.entries(rules))
    it(`finds the model broken that ${name}`, async () => {
      const questions = separationQuestions(loadPolicies(sample), rule);
      const answers = tools ? await Promise.all(questions.map(answer)) : [];
      expect(answers.some(({ holds }) => !holds)).toBe(tools);
    });
});
