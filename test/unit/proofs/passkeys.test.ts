import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openProofs } from '../../../activities/adapters/proofs/index.js';
import { openPasskeyList } from '../../../activities/adapters/proofs/passkey-list.js';
import { openPasskeyStore, maxPasskeys } from '../../../api/passkeys/store.js';

const folder = mkdtempSync(path.join(tmpdir(), 'countersign-passkeys-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const [one, other] = [`sha256:${'1'.repeat(64)}`, `sha256:${'2'.repeat(64)}`];

describe("the list of an executor's operator", () => {
  const file = path.join(folder, 'list.yaml');
  const refuse = openPasskeyList(file);

  it('admits nothing while it cannot be read', () => {
    for (const text of [undefined, '', 'admitted: everybody', 'admited: []', `removed: [${one.slice(0, 20)}]`, '{']) {
      if (text !== undefined) writeFileSync(file, text);
      expect(refuse(one)).toMatch(/cannot be read/);
    }
  });
  it('admits what it does not remove', () => {
    writeFileSync(file, `removed: ['${one}']`);
    expect([refuse(one), refuse(other)]).toEqual([expect.stringMatching(/removed/), undefined]);
  });
  it('admits nothing else once it names what counts, from that moment on', () => {
    writeFileSync(file, `admitted: ['${one}']`);
    expect([refuse(one), refuse(other)]).toEqual([undefined, expect.stringMatching(/not on the list/)]);
    writeFileSync(file, 'admitted: []');
    expect(refuse(one)).toMatch(/not on the list/);
    writeFileSync(file, `{ admitted: ['${one}'], removed: ['${one}'] }`);
    expect(refuse(one)).toMatch(/removed/);
  });
});

describe('the site that an executor takes passkeys for', () => {
  const directory = { personByAccount: async () => undefined };
  const config = (passkeys: object) => ({ environment: 'production', resolve: (name: string) => name, executor: { providers: [], passkeys } }) as never;

  it.each(['http://countersign.example', 'https://10.1.2.3', 'countersign.example'])('is not %s', (origin) => {
    expect(() => openProofs(config({ origin }), directory)).toThrow(/config-invalid.*origin/);
  });
  it('is the https address of the inbox', () => openProofs(config({ origin: 'https://countersign.example' }), directory).close());
});

describe('the passkeys of the inbox', () => {
  const file = path.join(folder, 'passkeys.sqlite');
  const passkey = (credentialId: string, personId = 'alice') => ({
    credentialId,
    personId,
    publicKey: 'key',
    registration: one,
    idToken: 'a.b.c',
    transports: ['usb'],
    label: 'Key',
    synced: false,
    registeredAt: '2026-03-02T10:00:00.000Z',
    counter: 3,
  });

  it('belong to whoever registered them first, for good', () => {
    const store = openPasskeyStore(file);
    expect(store.add(passkey('c1'))).toBe(true);
    expect(store.add(passkey('c1', 'bob'))).toBe(false);
    expect(store.remove('c1', 'carol', '2026-03-02T11:00:00.000Z')).toBe(true);
    expect(store.remove('c1', 'carol', '2026-03-02T12:00:00.000Z')).toBe(false);
    expect(store.add(passkey('c1', 'bob'))).toBe(false);
    store.close();
    const again = openPasskeyStore(file);
    expect(again.of('alice')).toEqual([]);
    expect(again.all(10)).toMatchObject([{ credentialId: 'c1', personId: 'alice', removed: { by: 'carol', at: '2026-03-02T11:00:00.000Z' } }]);
    again.close();
  });

  it('are bounded for one person', () => {
    const store = openPasskeyStore(file);
    const added = Array.from({ length: maxPasskeys + 1 }, (_, index) => store.add(passkey(`d${index}`, 'dave')));
    expect(added).toEqual([...Array.from({ length: maxPasskeys }, () => true), false]);
    store.close();
  });

  it('count onwards, or not at all', () => {
    const store = openPasskeyStore(file);
    store.add(passkey('counts', 'erin'));
    store.add({ ...passkey('silent', 'erin'), counter: 0 });
    expect([2, 3, 4].map((count) => store.goesOn('counts', count))).toEqual([false, false, true]);
    store.used('counts', 9, '2026-03-02T11:00:00.000Z');
    expect([9, 10, 0].map((count) => store.goesOn('counts', count))).toEqual([false, true, false]);
    expect([0, 1].map((count) => store.goesOn('silent', count))).toEqual([true, true]);
    expect(store.find('counts')).toMatchObject({ lastUsedAt: '2026-03-02T11:00:00.000Z' });
    store.close();
  });
});
