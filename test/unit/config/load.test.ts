import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadConfig, parseYaml, secretFromEnv } from '../../../config/load.js';

const folder = mkdtempSync(path.join(os.tmpdir(), 'countersign-config-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const good = `version: 1
environment: development
temporal:
  address: 127.0.0.1:7233
  namespace: default
keys: { directory: keys }
api:
  host: 127.0.0.1
  port: 8080
  publicUrl: http://127.0.0.1:8080
  sessionSecretEnv: SESSION_SECRET
identity:
  issuers:
    - issuer: https://idp.example
      audience: countersign
      algorithms: [RS256]
      principal: { claim: kind, agent: [agent], person: [person] }
  login: { issuer: https://idp.example, clientId: inbox }
  operators: []
directory: { file: directory.yaml }
policy:
  directory: policies
  timeZone: Europe/Berlin
evidence: { file: evidence.sqlite }
executor: { grants: grants.sqlite, exports: exports, connectors: [], targets: {} }
dev: { idpPort: 0, databasePort: 0 }
`;
function load(text: string) {
  const file = path.join(folder, 'countersign.yaml');
  writeFileSync(file, text);
  return loadConfig(file);
}

describe('the configuration', () => {
  it('loads, and resolves its paths against its own folder', () => expect(load(good).resolve('keys')).toBe(path.join(folder, 'keys')));
  const cases: Record<string, { edit: (text: string) => string; says: RegExp }> = {
    'bad YAML': { edit: (text) => text.replace('version: 1', 'version: ['), says: /countersign\.yaml:\d+: / },
    'production without encryption': {
      edit: (text) => text.replace('environment: development', 'environment: production').replace(/^dev: .*\n/m, ''),
      says: /countersign\.yaml:1: "encryption" is missing/,
    },
    'an encryption key in place of the name of its variable': {
      edit: (text) => `${text}encryption: { keys: [{ id: k1, key: MDEyMzQ1Njc4OWFiY2RlZg }], writeWith: k1 }\n`,
      says: /"encryption\.keys/,
    },
    'a member nobody knows': {
      edit: (text) => text.replace('  port: 8080', '  prot: 8080\n  port: 8080'),
      says: /countersign\.yaml:9: "api\.prot" is not known/,
    },
    'two directories at once': {
      edit: (text) =>
        text.replace('directory: { file: directory.yaml }', 'directory: { file: directory.yaml, scim: { url: https://s, secretEnv: S, issuers: [i] } }'),
      says: /countersign\.yaml:20: "directory" names exactly one of/,
    },
    'a live directory without a file of agents': {
      edit: (text) => text.replace('directory: { file: directory.yaml }', 'directory: { scim: { url: https://s, secretEnv: S, issuers: [i] } }'),
      says: /countersign\.yaml:20: "directory\.agents" is missing/,
    },
    'a cache that is too old': {
      edit: (text) => text.replace('directory: { file: directory.yaml }', 'directory: { file: directory.yaml, cacheSeconds: 60 }'),
      says: /countersign\.yaml:20: "directory\.cacheSeconds"/,
    },
    'a wrong type in a list': {
      edit: (text) => text.replace('algorithms: [RS256]', 'algorithms: [none]'),
      says: /countersign\.yaml:16: "identity\.issuers\.0\.algorithms/,
    },
    'a member that stands twice': { edit: (text) => `${text}version: 1\n`, says: /countersign\.yaml:\d+: / },
    'a missing member': {
      edit: (text) => text.replace('  namespace: default\n', ''),
      says: /countersign\.yaml:\d+: "temporal" must have required property 'namespace'/,
    },
    'a secret in place of the name of its variable': {
      edit: (text) => text.replace('SESSION_SECRET', 'hunter2-very-secret'),
      says: /countersign\.yaml:11: "api\.sessionSecretEnv"/,
    },
    'a time zone that does not exist': { edit: (text) => text.replace('Europe/Berlin', 'Europe/Berln'), says: /countersign\.yaml:23: "policy\.timeZone"/ },
    'the development provider in production': {
      edit: (text) => text.replace('environment: development', 'environment: production'),
      says: /countersign\.yaml:26: "dev" is not allowed in production/,
    },
  };
  for (const [name, { edit, says }] of Object.entries(cases))
    it(`names file, line and what to do for ${name}`, () => {
      expect(() => load(edit(good))).toThrow(says);
      expect(() => load(edit(good))).toThrow('config-invalid');
    });
  it('never repeats the secret that somebody wrote into it', () => {
    const thrown = (() => {
      try {
        load(good.replace('SESSION_SECRET', 'hunter2-very-secret'));
        return '';
      } catch (error) {
        return String(error);
      }
    })();
    expect(thrown).toContain('config-invalid');
    expect(thrown).not.toContain('hunter2');
  });
  it('names a file that is not there', () => expect(() => loadConfig(path.join(folder, 'absent.yaml'))).toThrow(/absent\.yaml cannot be read/));
  it('names the variable of a secret that is not set', () =>
    expect(() => secretFromEnv('COUNTERSIGN_TEST_ABSENT')).toThrow(/COUNTERSIGN_TEST_ABSENT is not set/));
  it('refuses a bomb of aliases as a configuration error', () => {
    const bomb = `a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]\nc: [*b, *b, *b, *b, *b, *b, *b, *b, *b]\n`;
    expect(() => parseYaml('bomb.yaml', bomb)).toThrow('config-invalid');
  });
});
