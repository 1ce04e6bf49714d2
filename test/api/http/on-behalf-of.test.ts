import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRequestChecker } from '../../../api/temporal/check-request.js';
import { createFileDirectory, parseDirectory } from '../../../directory/file.js';
import { builtinConnectors } from '../../../domain/connectors/index.js';
import type { Principal } from '../../../domain/principal.js';
import { exportBody } from './support/api.js';

const text = (actsFor: string) => `
groups: []
people:
  - { id: dave, name: Dave, groups: [], accounts: [] }
  - { id: erin, name: Erin, groups: [], accounts: [] }
  - { id: gone, name: Gone, active: false, groups: [], accounts: [] }
  - { id: alice, name: Alice, groups: [], accounts: [] }
agents:
  - { id: plain-bot, name: Plain, owner: dave, accounts: [] }
  - { id: desk-bot, name: Desk, owner: dave, actsFor: ${actsFor}, accounts: [] }
`;
let folder: string;
let check: ReturnType<typeof createRequestChecker>;
beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'countersign-behalf-'));
  const file = path.join(folder, 'directory.yaml');
  await writeFile(file, text('[erin, gone]'));
  check = createRequestChecker(builtinConnectors, createFileDirectory(file));
});
afterAll(() => rm(folder, { recursive: true }));

const agent = (id: string): Principal => ({ kind: 'agent', id, name: id, owner: 'dave', issuer: 'i', subject: id });
const alice: Principal = { kind: 'person', id: 'alice', name: 'Alice', issuer: 'i', subject: 'alice' };
const ask = (who: Principal, onBehalfOf: string) =>
  check(who, { ...exportBody, on_behalf_of: onBehalfOf }, 'key', new Date()).then(
    (request) => request.onBehalfOf ?? 'nobody',
    (error: unknown) => String(error),
  );

describe('keeping an approver out, or finding out who exists, by naming them as beneficiary', () => {
  it('an agent may name its owner, or those whom the directory lists for it instead', async () => {
    expect(await ask(agent('plain-bot'), 'dave')).toBe('dave');
    expect(await ask(agent('desk-bot'), 'erin')).toBe('erin');
    expect(await ask(alice, 'alice')).toBe('alice');
  });
  it('for everybody else the refusal is one and the same', async () => {
    const refusals = await Promise.all([
      ...['alice', 'erin', 'nobody', 'plain-bot'].map((id) => ask(agent('plain-bot'), id)),
      ...['alice', 'dave', 'gone'].map((id) => ask(agent('desk-bot'), id)),
      ...['dave', 'nobody'].map((id) => ask(alice, id)),
    ]);
    expect(new Set(refusals).size).toBe(1);
    expect(refusals[0]).toContain('not-permitted');
  });
  it('a delegated token says for whom, also for people whom the directory does not list, and the body may not say otherwise', async () => {
    const delegation = { onBehalfOf: 'alice', via: [] };
    const request = (id?: string, to = delegation) =>
      check(agent('plain-bot'), { ...exportBody, ...(id === undefined ? {} : { on_behalf_of: id }) }, 'key', new Date(), to);
    expect(await request()).toMatchObject({ onBehalfOf: 'alice' });
    expect(await request('alice')).toMatchObject({ onBehalfOf: 'alice' });
    for (const other of ['dave', 'erin', 'nobody']) await expect(request(other)).rejects.toThrow('not-permitted');
    // The same key for another person, or without a delegation, is another action.
    const plain = await check(agent('plain-bot'), exportBody, 'key', new Date());
    expect(new Set([(await request()).id, (await request(undefined, { onBehalfOf: 'erin', via: [] })).id, plain.id]).size).toBe(3);
    expect(plain.onBehalfOf).toBeUndefined();
  });
  it('a directory that lists somebody it does not know is not valid', () => {
    expect(() => parseDirectory('directory.yaml', text('[mallory]'))).toThrow('mallory');
  });
});
