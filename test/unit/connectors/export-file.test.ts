import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exportPath, openExportFile } from '../../../activities/adapters/connectors/postgres-export-file.js';

const id = `act_${'a'.repeat(32)}`;
const host = createHash('sha256').update(os.hostname()).digest('hex').slice(0, 8);
const drafts = (folder: string): string[] => readdirSync(folder).filter((name) => name.endsWith('.partial'));

describe('the file of an export', () => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'countersign-export-'));
    file = path.join(folder, 'a.csv');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it.each(['../x', 'a/b', '/etc/passwd', '..', '.', '', 'a\\b', 'a\0b', 'a/'])('attack: the destination %j is no path out of its folder', (destination) => {
    expect(() => exportPath(id, destination, 'csv')).toThrow(expect.objectContaining({ code: 'parameters-invalid' }));
  });

  it('attack: a second attempt takes no draft from under a live one, and the last to finish is whole', async () => {
    const one = await openExportFile(file, id);
    await one.write('one');
    const two = await openExportFile(file, id);
    await two.write('two');
    expect(drafts(folder)).toHaveLength(2);
    await one.commit();
    expect(readFileSync(file, 'utf8')).toBe('one');
    await two.commit();
    expect(readFileSync(file, 'utf8')).toBe('two');
    expect(drafts(folder)).toEqual([]);
  });

  it('removes drafts of dead processes and abandoned ones of the same action, and no others', async () => {
    const dead = spawnSync(process.execPath, ['-e', '']).pid;
    const draft = (actionId: string, owner: string): string => {
      const name = `.${actionId}.${owner}.${'0'.repeat(8)}.partial`;
      writeFileSync(path.join(folder, name), 'personal data');
      return name;
    };
    const gone = [draft(id, `${host}-${dead}-01234567`), draft(id, `${host}-${process.pid}-01234567`), draft(id, '01234567-1-01234567')];
    utimesSync(path.join(folder, gone[2] as string), 0, 0);
    const kept = [draft(id, `${host}-${process.ppid}-01234567`), draft(id, '01234567-1-76543210'), draft('act_other', `${host}-${dead}-01234567`)];
    const next = await openExportFile(file, id);
    await next.discard();
    expect(drafts(folder).toSorted()).toEqual(kept.toSorted());
  });

  it('attack: a disk that fails while the file takes its place is no clear failure', async () => {
    const draft = await openExportFile(file, id);
    await draft.write('rows');
    mkdirSync(file);
    await expect(draft.commit()).rejects.toMatchObject({ code: 'execution-unclear' });
    await draft.discard();
    expect(drafts(folder)).toEqual([]);
  });

  it('is for its owner alone', async () => {
    const draft = await openExportFile(file, id);
    await draft.commit();
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(existsSync(file)).toBe(true);
  });
});
