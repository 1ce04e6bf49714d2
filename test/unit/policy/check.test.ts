import { copyFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { runPolicy } from '../../helpers/run-cli.js';

const sample = path.resolve(import.meta.dirname, '../../../policies');
// Policies whose lines stay where they are; the schema is the one in use.
const fixture = path.resolve(import.meta.dirname, '../../testdata/policy');
const folders: string[] = [];
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

/** The policies of the fixture with some of their files written anew. */
function folder(files: Readonly<Record<string, string | ((before: string) => string)>>): string {
  const made = mkdtempSync(path.join(os.tmpdir(), 'countersign-check-'));
  folders.push(made);
  cpSync(fixture, made, { recursive: true });
  copyFileSync(path.join(sample, 'schema.cedarschema'), path.join(made, 'schema.cedarschema'));
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(made, name);
    writeFileSync(file, typeof content === 'string' ? content : content(readFileSync(file, 'utf8')));
  }
  return made;
}

async function check(files: Parameters<typeof folder>[0], ...options: readonly string[]) {
  const made = folder(files);
  const { code, output } = await runPolicy('check', '--policies', made, ...options);
  return { code, lines: output.replaceAll(`${made}/`, '').trim().split('\n') };
}

const rule = (id: string, when = '', more = '') =>
  `@id("${id}")\n${more}permit (principal is Agent, action == Action::"postgres.export", resource is Table)\n${when};\n`;
const one = (when: string, more = '') => ({ 'extra.cedar': `// one more\n${rule('extra', when, more)}` });

describe('countersign policy check', () => {
  it('finds nothing but a connector that is not configured', async () => {
    const { code, lines } = await check({});
    expect(lines).toEqual([
      'operations.cedar:9: warning: policy "releases-ask-security" speaks of the action "release.rollout", which no connector offers. [unoffered-action]',
      '0 errors, 1 warning',
    ]);
    expect(code).toBe(0);
  });

  it('finds no error in the sample policies', async () => {
    const { code, output } = await runPolicy('check', '--policies', sample);
    expect(output).toContain('\n0 errors, ');
    expect(code).toBe(0);
  });

  it('asks for managers by whoever asks, as at run time', async () => {
    const routes = (text: string) =>
      text
        .replace('approvers: { people: [bob] }', 'approvers: { manager_of: owner }')
        .replace('after: 20s, approvers: { groups: [g-security] }', 'after: 20s, approvers: { manager_of: owner }');
    const managed = await check({
      'routes.yaml': routes,
      'directory.yaml': (text) => text.replace('name: Dave Diallo\n', 'name: Dave Diallo\n    manager: carol\n'),
    });
    expect(managed.lines.filter((line) => line.includes('error:'))).toEqual([]);
    const nobody = await check({ 'routes.yaml': routes });
    expect(nobody.lines.join('\n')).toMatch(/nobody can pass the route "orders" when it is asked for by invoice-bot \(owned by dave\)/);
  });

  it('takes warnings for errors when told to', async () => expect((await check({}, '--strict')).code).toBe(1));

  it('answers in JSON', async () => {
    const { output, code } = await runPolicy('check', '--json', '--policies', folder(one('when { context.environment == "prod" }')));
    expect(JSON.parse(output)).toMatchObject({
      errors: 1,
      warnings: 1,
      findings: expect.arrayContaining([expect.objectContaining({ code: 'unreachable-rule', line: 4 })]),
    });
    expect(code).toBe(1);
  });

  const cases: Record<string, { readonly files: Parameters<typeof folder>[0]; readonly says: string }> = {
    'syntax that is none': { files: { 'extra.cedar': '\n\npermit (principal, action resource);' }, says: 'extra.cedar:3: error: unexpected token' },
    'a misspelt attribute, on its line': {
      files: one('when {\n  context.hour > 3 &&\n  context.hourr < 5\n}'),
      says: 'extra.cedar:6: error: policy "extra": attribute `hourr` in context for Action::"postgres.export" not found (did you mean `hour`?). [schema]',
    },
    'a schema that does not parse': { files: { 'schema.cedarschema': 'entity' }, says: 'error: ' },
    'a policy without an id': { files: { 'extra.cedar': 'permit (principal, action, resource);' }, says: 'extra.cedar:1: error: every policy needs @id' },
    'a group in a condition that nobody is in': {
      files: one('when {\n  principal.owner in Group::"g-ghosts" }'),
      says: 'extra.cedar:5: error: policy "extra" names Group::"g-ghosts", a group that the directory does not have. [unknown-group]',
    },
    'a person that nobody knows': { files: one('when { principal.owner == Person::"mallory" }'), says: '[unknown-person]' },
    'an agent that nobody knows': {
      files: { 'extra.cedar': '@id("extra")\nforbid (principal == Agent::"ghost-bot", action, resource);' },
      says: 'extra.cedar:2: error: policy "extra" names Agent::"ghost-bot", an agent',
    },
    'a route that does not exist': { files: one('', '@review("nowhere")\n'), says: 'extra.cedar:2: error: policy "extra" asks for the route "nowhere"' },
    'a route that nobody asks for': {
      files: { 'routes.yaml': (text) => `${text}  spare:\n    stages: [{ name: S, approvers: { people: [carol] }, expires_in: 1h }]\n` },
      says: 'routes.yaml:63: warning: no policy asks for the route "spare". [unused-route]',
    },
    'a group of a route that does not exist': {
      files: { 'routes.yaml': (text) => text.replace('{ people: [bob] }', '{ people: [bob], groups: [g-nobody] }') },
      says: 'routes.yaml:41: error: the directory has no group "g-nobody", so it admits nobody. [unknown-group]',
    },
    'a person of an escalation who does not exist': {
      files: { 'routes.yaml': (text) => text.replace('after: 20s, approvers: { groups: [g-security] }', 'after: 20s, approvers: { people: [mallory] }') },
      says: 'routes.yaml:44: error: the directory has no person "mallory".',
    },
    'somebody in a route who has left': {
      files: { 'directory.yaml': (text) => text.replace('name: Bob Baumann', 'name: Bob Baumann\n    active: false') },
      says: 'routes.yaml:41: warning: "bob" is not active, so they cannot approve. [unknown-person]',
    },
    'a quorum that is larger than the group': {
      files: { 'routes.yaml': (text) => text.replace('quorum: 1', 'quorum: 6') },
      says: 'routes.yaml:3: error: nobody can pass the route "data-owner", whoever asks: The stage "Data owner" needs 6, but only 4 could approve. [unsatisfiable-route]',
    },
    'a quorum that is too large without the owner of the agents': {
      files: {
        'routes.yaml': (text) =>
          text
            .replace('    stages:\n      - name: Security\n', '    stages:\n      - name: Security\n        quorum: 2\n')
            .replace('{ people: [bob] }', '{ people: [dave] }')
            .replace('          - { after: 20s, approvers: { groups: [g-security] } }\n', '          - { after: 20s, approvers: { groups: [g-platform] } }\n'),
      },
      says: 'routes.yaml:38: error: nobody can pass the route "orders" when it is asked for by invoice-bot (owned by dave), release-bot (owned by dave): The stage "Data owner" needs 1, but only 0 could approve.',
    },
    'stages that need the same person twice': {
      files: {
        'routes.yaml': (text) =>
          text.replace(
            '  tickets:\n    stages:\n',
            '  tickets:\n    stages:\n      - { name: First, approvers: { people: [carol] }, expires_in: 1h }\n      - { name: Second, approvers: { people: [carol] }, expires_in: 1h }\n',
          ),
      },
      says: 'nobody can pass the route "tickets", whoever asks: The stages need more different people than there are',
    },
    'a permit under a forbid without condition': {
      files: { 'extra.cedar': '@id("none")\nforbid (principal, action == Action::"http.request", resource);\n' },
      says: 'operations.cedar:3: error: policy "http-calls-ask-security" can never permit: "none" (extra.cedar:1) forbids all that it could match, without condition. [unreachable-rule]',
    },
    'a word for an environment that there is not': {
      files: one('when { context.environment == "prod" }'),
      says: 'policy "extra" can never match: "context.environment == "prod"" is always false; context.environment is "development" or "production".',
    },
    'an hour that no day has': { files: one('when { context.hour > 23 || false }'), says: 'can never match: ' },
    'conditions that exclude each other': {
      files: one('when { context.hour < 6 && context.risk > 3 }\nunless { context.hour < 20 }'),
      says: 'extra.cedar:4: error: policy "extra" can never match: its conditions on context.hour exclude each other.',
    },
    'an unless that always holds': {
      files: one('unless { context.weekday >= 1 }'),
      says: '"context.weekday >= 1" is always true; context.weekday is from 1 to 7',
    },
    'a rule about a resource that the connector does not know': {
      files: {
        'schema.cedarschema': (text) => text.replace('resource: [Table, Database]', 'resource: [Table, Database, Service]'),
        'extra.cedar': '@id("extra")\nforbid (principal, action == Action::"postgres.export", resource is Service);\n',
      },
      says: 'extra.cedar:2: warning: policy "extra" speaks of a Service, on which postgres.export cannot be performed. [unoffered-action]',
    },
    'a parameter that the connector keeps from policy': {
      files: {
        'schema.cedarschema': (text) => text.replace('limit?: Long', 'limit?: Long, destination?: String'),
        ...one('when {\n  context.parameters has destination }'),
      },
      says: 'extra.cedar:5: warning: policy "extra" reads context.parameters.destination, which postgres.export does not hand to policy. [unseen-parameter]',
    },
    'a mask that hides nothing': {
      files: {
        'extra.cedar':
          '@id("extra")\n@review("data-owner")\n@mask("limit, filter.column, colums")\npermit (principal, action == Action::"postgres.export", resource) when { context.risk > 101 || context.hour == 3 };\n',
      },
      says: 'extra.cedar:3: error: policy "extra" masks "colums", which is no parameter of postgres.export; nothing is hidden by it. [unknown-mask]',
    },
    'routes that are no YAML': { files: { 'routes.yaml': 'routes:\n  a: [\n' }, says: 'routes.yaml:3: error: ' },
  };
  for (const [name, { files, says }] of Object.entries(cases))
    it(`finds ${name}`, async () => {
      const { code, lines } = await check(files);
      const line = lines.find((candidate) => candidate.includes(says));
      expect(line, lines.join('\n')).toBeDefined();
      expect(code).toBe(line?.includes(' error: ') === true ? 1 : 0);
    });

  it('finds all of several mistakes at once', async () => {
    const { lines } = await check({
      'extra.cedar': rule('a', 'when { context.hourr == 1 }') + rule('b', 'when { context.houur == 1 }') + rule('c', '', '@review("x")\n'),
    });
    expect(lines.map((line) => line.split(':').slice(0, 2).join(':')).slice(0, 3)).toEqual(['extra.cedar:3', 'extra.cedar:6', 'extra.cedar:7']);
  });

  it('says of every condition that may hold nothing', async () => {
    const conditions = [
      'context.hour >= 0',
      'context.hour < 6 || context.hour > 20',
      'context.risk == 100 && context.risk != 99',
      'context.environment != "development"',
      'context.reason != "x" && context.reason == "y"',
    ];
    for (const condition of conditions) expect((await check(one(`when { ${condition} }`))).lines, condition).toHaveLength(2);
  });

  it('says what it could not look at without a directory', async () => {
    const made = folder({});
    rmSync(path.join(made, 'directory.yaml'));
    expect((await runPolicy('check', '--policies', made)).output).toContain('people and groups were not looked at; name it with --directory');
  });

  it('names a folder that is not there', async () => {
    const { code, output } = await runPolicy('check', '--policies', '/nowhere/at/all');
    expect(output).toContain('/nowhere/at/all cannot be read');
    expect(code).toBe(1);
  });
});
