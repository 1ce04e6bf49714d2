import { cpSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadPolicies } from '../../../policy/bundle.js';
import { PolicyFolder, type FolderNews } from '../../../policy/folder-in-force.js';

let folder: string;
let news: FolderNews[];
let opened: PolicyFolder;
const write = (name: string, text: string) => writeFileSync(path.join(folder, name), text);
const cedar = (id: string) => `@id("${id}")\npermit (principal, action, resource);\n`;
const look = (times: number) => {
  for (let time = 0; time < times; time += 1) opened.refresh();
};

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'countersign-folder-'));
  cpSync(path.resolve(import.meta.dirname, '../../../policies'), folder, { recursive: true });
  news = [];
  opened = PolicyFolder.open(folder, (one) => news.push(one));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('a policy folder in force', () => {
  it('is told of when it is opened, and not again while nothing changes', () => {
    look(3);
    expect(news).toEqual([{ kind: 'in-force', digest: loadPolicies(folder).digest, policies: opened.bundle().policies.size }]);
  });

  it('is replaced as a whole once two looks find the same', () => {
    const before = opened.bundle().digest;
    write('more.cedar', cedar('more'));
    look(1);
    expect(opened.bundle().digest).toBe(before);
    write('more.cedar', cedar('more-still'));
    look(1);
    expect(opened.bundle().digest).toBe(before);
    look(1);
    expect(opened.bundle().policies.has('more-still')).toBe(true);
    expect(news.slice(1)).toEqual([{ kind: 'in-force', digest: loadPolicies(folder).digest, policies: opened.bundle().policies.size, replaces: before }]);
  });

  it.each<readonly [string, () => void, RegExp]>([
    ['a typo', () => write('more.cedar', 'permit (principle, action, resource);'), /more\.cedar:1: /],
    ['a route that is gone', () => write('routes.yaml', 'routes: {}\n'), /routes\.yaml|route/],
    ['a calendar that cannot be read', () => write('calendar.yaml', 'windows: [\n'), /calendar\.yaml:\d+: /],
    ['a schema that is gone', () => renameSync(path.join(folder, 'schema.cedarschema'), path.join(folder, 'x')), /schema\.cedarschema cannot be read/],
    ['a folder that is gone', () => rmSync(folder, { recursive: true }), /cannot be read/],
  ])('stays when it is changed to %s, which is told at every look until it is mended', (_name, spoil, says) => {
    const before = opened.bundle();
    spoil();
    look(4);
    expect(opened.bundle()).toBe(before);
    const refused = news.slice(1);
    expect(refused.length).toBeGreaterThanOrEqual(3);
    for (const one of refused) expect(one).toMatchObject({ kind: 'refused', stays: before.digest, detail: expect.stringMatching(says) as string });
    cpSync(path.resolve(import.meta.dirname, '../../../policies'), folder, { recursive: true });
    for (const name of ['more.cedar', 'calendar.yaml', 'x']) rmSync(path.join(folder, name), { force: true });
    news.length = 0;
    look(3);
    expect(news).toEqual([]);
  });

  it('does not open at all when it does not compile', () => {
    write('more.cedar', 'permit (');
    expect(() => PolicyFolder.open(folder, () => undefined)).toThrow('config-invalid');
  });
});
