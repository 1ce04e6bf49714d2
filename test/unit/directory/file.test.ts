import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createFileDirectory, parseDirectory } from '../../../directory/file.js';

const folder = mkdtempSync(path.join(os.tmpdir(), 'countersign-directory-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const text = (people: string, agents = '') => `groups: [{ id: g1, name: One }]\npeople:\n${people}\nagents: [${agents}]\n`;
const alice =
  '  - { id: alice, name: Alice, email: alice@example.com, groups: [g1], accounts: [{ issuer: i, subject: a }], teams: { tenantId: T1, aadObjectId: AB } }';
const parse = (content: string) => parseDirectory('directory.yaml', content);

describe('a directory file', () => {
  const refused: Record<string, { content: string; says: RegExp }> = {
    'bad YAML, with its line': { content: 'groups: []\npeople: [\n', says: /directory\.yaml:\d+: / },
    'a member nobody knows, with its line': {
      content: text('  - { id: alice, name: Alice, groups: [], accounts: [], admin: true }'),
      says: /directory\.yaml:3: .*admin/,
    },
    'a name that stands twice in YAML': { content: 'groups: []\ngroups: []\npeople: []\nagents: []\n', says: /directory\.yaml:\d+: / },
    'a person twice': { content: text(`${alice}\n  - { id: alice, name: A, groups: [], accounts: [] }`), says: /same person twice/ },
    'an account of two people': {
      content: text(`${alice}\n  - { id: bob, name: B, groups: [], accounts: [{ issuer: i, subject: a }] }`),
      says: /same account twice/,
    },
    'a Teams identity of two people, in another case': {
      content: text(`${alice}\n  - { id: bob, name: B, groups: [], accounts: [], teams: { tenantId: t1, aadObjectId: ab } }`),
      says: /same Teams identity twice/,
    },
    'an address of two people, in another case': {
      content: text(`${alice}\n  - { id: al, name: A, email: Alice@Example.com, groups: [], accounts: [] }`),
      says: /same e-mail address twice/,
    },
    'an agent with the account of a person': {
      content: text(alice, '{ id: bot, name: Bot, owner: alice, accounts: [{ issuer: i, subject: a }] }'),
      says: /also a person's/,
    },
    'an agent with the id of a person': { content: text(alice, '{ id: alice, name: Bot, owner: alice, accounts: [] }'), says: /both a person and an agent/ },
    'an agent whose owner is nobody': { content: text(alice, '{ id: bot, name: Bot, owner: ghost, accounts: [] }'), says: /owned by ghost/ },
    'an account of two agents': {
      content: text(
        alice,
        '{ id: b1, name: B, owner: alice, accounts: [{ issuer: i, subject: b }] }, { id: b2, name: B, owner: alice, accounts: [{ issuer: i, subject: b }] }',
      ),
      says: /same account twice/,
    },
    'a group nobody defined': { content: text('  - { id: bob, name: B, groups: [g2], accounts: [] }'), says: /g2, which is not defined/ },
    'a group twice': { content: 'groups: [{ id: g1, name: A }, { id: g1, name: B }]\npeople: []\nagents: []\n', says: /same group twice/ },
  };
  for (const [name, { content, says }] of Object.entries(refused)) it(`is refused for ${name}`, () => expect(() => parse(content)).toThrow(says));

  it('answers live: a change counts at once, and a broken file answers nobody', async () => {
    const file = path.join(folder, 'directory.yaml');
    writeFileSync(file, text(alice));
    const directory = createFileDirectory(file);
    expect(await directory.person('alice')).toMatchObject({ active: true, groups: ['g1'] });
    writeFileSync(file, text('  - { id: alice, name: Alice, active: false, groups: [g1], accounts: [] }'));
    expect(await directory.person('alice')).toMatchObject({ active: false });
    expect(await directory.members({ groups: ['g1'], people: ['alice'] }, 10)).toEqual([]);
    writeFileSync(file, 'groups: [');
    await expect(directory.person('alice')).rejects.toMatchObject({ code: 'directory-unavailable' });
    rmSync(file);
    await expect(directory.members({ groups: ['g1'], people: [] }, 10)).rejects.toMatchObject({ code: 'directory-unavailable' });
  });

  it('development accounts match nobody without the development provider', async () => {
    const file = path.join(folder, 'dev.yaml');
    writeFileSync(file, text('  - { id: bob, name: B, groups: [], accounts: [{ issuer: development, subject: bob }] }'));
    expect(await createFileDirectory(file).personByAccount('development', 'bob')).toBeUndefined();
    expect(await createFileDirectory(file, 'http://dev').personByAccount('http://dev', 'bob')).toMatchObject({ id: 'bob' });
    expect(await createFileDirectory(file, 'http://dev').personByAccount('http://de', 'vbob')).toBeUndefined();
  });
});
