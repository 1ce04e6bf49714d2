import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { exportJWK, generateKeyPair, type JWK } from 'jose';
import { afterAll, describe, expect, it } from 'vitest';
import { importSigningKey, sign, type SigningKey } from '../../../domain/signing.js';
import { compilePolicies, loadPolicies, readPolicyFiles, type PolicyFile } from '../../../policy/bundle.js';
import { PolicyInForce, type BundleNews } from '../../../policy/in-force.js';
import { openSignedPolicies, signPolicies } from '../../../policy/signed-bundle.js';
import { makeKeys } from '../../helpers/keys.js';

const sample = path.resolve(import.meta.dirname, '../../../policies');
const files = readPolicyFiles(sample);
const keys = await makeKeys();
const nowMs = Date.parse('2026-04-01T00:00:00.000Z');
const seconds = nowMs / 1000;
const times = { issuedAt: seconds, expiresAt: seconds + 86_400, id: 'bundle' };
const changed = (name: string, edit: (text: string) => string): readonly PolicyFile[] =>
  files.map((file) => (file.name === name ? { name, text: edit(file.text) } : file));
const harsher = [...files, { name: 'zz.cedar', text: '@id("nothing-at-all") forbid (principal, action, resource);' }];

describe('policies compiled from memory', () => {
  it('have the digest of the same files in a folder, in whatever order they come', () => {
    expect(compilePolicies([...files].reverse(), 'memory').digest).toBe(loadPolicies(sample).digest);
    expect(compilePolicies(harsher, 'memory').digest).not.toBe(loadPolicies(sample).digest);
    expect(
      compilePolicies(
        changed('routes.yaml', (text) => `${text}\n`),
        'memory',
      ).digest,
    ).not.toBe(loadPolicies(sample).digest);
  });
  const bad: Record<string, { readonly given: readonly PolicyFile[]; readonly says: string }> = {
    'a file twice': { given: [...files, ...files.slice(0, 1)], says: 'two files of one name' },
    'no schema': { given: files.filter(({ name }) => name !== 'schema.cedarschema'), says: 'schema.cedarschema is missing' },
    'no routes': { given: files.filter(({ name }) => name !== 'routes.yaml'), says: 'routes.yaml is missing' },
    'no policy': { given: files.filter(({ name }) => !name.endsWith('.cedar')), says: 'holds no .cedar file' },
    'a file of another kind': { given: [...files, { name: 'directory.yaml', text: '' }], says: 'no policy' },
    'a name with a path': { given: [...files, { name: '../../x.cedar', text: '' }], says: 'no policy' },
  };
  for (const [name, { given, says }] of Object.entries(bad)) it(`refuses ${name}`, () => expect(() => compilePolicies(given, 'memory')).toThrow(says));
});

describe('a signed bundle', () => {
  it('opens to the policies that were signed', async () => {
    const opened = await openSignedPolicies(`${await signPolicies(files, keys.signing.authors, times)}\n`, keys.trusted, nowMs);
    expect(opened).toMatchObject({ bundle: { digest: loadPolicies(sample).digest }, kid: 'authors-test', issuedAt: seconds });
  });

  it('is not made of what no executor could load, nor of too much', async () => {
    await expect(
      signPolicies(
        changed('routes.yaml', () => 'routes: {}'),
        keys.signing.authors,
        times,
      ),
    ).rejects.toMatchObject({ code: 'config-invalid' });
    const long = [...files, { name: 'long.cedar', text: `// ${'x'.repeat(1_000_000)}` }];
    await expect(signPolicies(long, keys.signing.authors, times)).rejects.toThrow('at most');
    const many = [...files, ...Array.from({ length: 200 }, (_, index) => ({ name: `c${index}.cedar`, text: '// nothing' }))];
    await expect(signPolicies(many, keys.signing.authors, times)).rejects.toThrow('at most');
  });

  const disguised = (role: 'policy' | 'decision' | 'executor'): SigningKey => ({ ...keys.signing[role], role: 'authors' });
  const content = { version: 1, digest: loadPolicies(sample).digest, files };
  const cases: Record<string, { readonly jws: () => Promise<string>; readonly at?: number; readonly says: string }> = {
    "the worker's policy key": { jws: () => signPolicies(files, disguised('policy'), times), says: 'not signed by the authors' },
    "the api's key": { jws: () => signPolicies(files, disguised('decision'), times), says: 'not signed by the authors' },
    "the executor's own key": { jws: () => signPolicies(files, disguised('executor'), times), says: 'not signed by the authors' },
    'authors of another deployment': {
      jws: async () => signPolicies(files, (await makeKeys('other')).signing.authors, times),
      says: 'not signed by the authors',
    },
    'a signature that is over': { jws: () => signPolicies(files, keys.signing.authors, times), at: nowMs + 86_400_000, says: 'good until' },
    'a signature from the future': { jws: () => signPolicies(files, keys.signing.authors, times), at: nowMs - 3_600_000, says: 'in the future' },
    'files that its digest does not name': {
      jws: () => sign('policy-bundle', keys.signing.authors, { ...content, files: harsher }, times),
      says: 'digest',
    },
    'another version': { jws: () => sign('policy-bundle', keys.signing.authors, { ...content, version: 2 }, times), says: 'version' },
    'files that are none': {
      jws: () => sign('policy-bundle', keys.signing.authors, { ...content, files: [{ name: 'a.cedar' }] }, times),
      says: 'cannot be read',
    },
    'a schema that does not parse': {
      jws: () => sign('policy-bundle', keys.signing.authors, { ...content, files: changed('schema.cedarschema', () => 'entity') }, times),
      says: 'config-invalid',
    },
    'nothing at all': { jws: async () => '', says: 'not signed by the authors' },
    'far too much': { jws: async () => 'a'.repeat(3_000_000), says: 'not a compact JWS' },
  };
  for (const [name, { jws, at = nowMs, says }] of Object.entries(cases))
    it(`does not open with ${name}`, async () => expect(openSignedPolicies(await jws(), keys.trusted, at)).rejects.toThrow(says));

  it('does not open after a byte of it was changed', async () => {
    const [head = '', body = '', signature = ''] = (await signPolicies(files, keys.signing.authors, times)).split('.');
    const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as { 'policy-bundle': { files: PolicyFile[] } };
    claims['policy-bundle'].files = [...harsher];
    const forged = `${head}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.${signature}`;
    await expect(openSignedPolicies(forged, keys.trusted, nowMs)).rejects.toThrow('not signed by the authors');
  });
});

describe('the policy in force at an executor', () => {
  const folders: string[] = [];
  afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

  async function scene() {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'countersign-in-force-'));
    folders.push(folder);
    const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
    const { d, ...bare } = { ...(await exportJWK(privateKey)), kid: 'authors-1' };
    const key = await importSigningKey({ ...bare, d } as JWK, 'authors');
    const at = { bundle: path.join(folder, 'bundle.jws'), authorsKeys: path.join(folder, 'authors.jwks.json') };
    const news: BundleNews[] = [];
    const clock = { nowMs };
    const put = (file: string, text: string) => {
      writeFileSync(`${file}.new`, text);
      renameSync(`${file}.new`, file);
    };
    const publish = (change: Record<string, unknown> = {}) =>
      put(at.authorsKeys, JSON.stringify({ keys: [{ ...bare, countersign_role: 'authors', ...change }] }));
    const release = async (given: readonly PolicyFile[], issuedAt = seconds) =>
      put(at.bundle, await signPolicies(given, key, { ...times, issuedAt, expiresAt: issuedAt + 86_400 }));
    publish();
    await release(files);
    const open = () =>
      PolicyInForce.open(
        at,
        () => new Date(clock.nowMs),
        (one) => news.push(one),
      );
    return { at, news, clock, put, publish, release, open };
  }

  it('is replaced while it runs', async () => {
    const { open, release, news } = await scene();
    const inForce = await open();
    expect(inForce.bundle().digest).toBe(loadPolicies(sample).digest);
    await release(harsher);
    await inForce.refresh();
    expect(inForce.bundle().policies.has('nothing-at-all')).toBe(true);
    expect(news.map(({ kind }) => kind)).toEqual(['in-force', 'in-force']);
  });

  it('stays when the new one is bad, which is told again and again', async () => {
    const { open, put, at, news } = await scene();
    const inForce = await open();
    put(at.bundle, 'not a bundle');
    await inForce.refresh();
    await inForce.refresh();
    expect(inForce.bundle().digest).toBe(loadPolicies(sample).digest);
    expect(news.slice(1)).toEqual([
      expect.objectContaining({ kind: 'refused', stays: loadPolicies(sample).digest }),
      expect.objectContaining({ kind: 'refused', detail: expect.stringContaining('bundle.jws') }),
    ]);
    rmSync(at.bundle);
    await inForce.refresh();
    expect(inForce.bundle().digest).toBe(loadPolicies(sample).digest);
  });

  it('does not go back to one that was signed before', async () => {
    const { open, release, news } = await scene();
    await release(harsher);
    const inForce = await open();
    await release(files, seconds - 60);
    await inForce.refresh();
    expect(inForce.bundle().policies.has('nothing-at-all')).toBe(true);
    expect(news.at(-1)).toMatchObject({ kind: 'refused', detail: expect.stringContaining('signed before the one in force') });
  });

  it('ends with the time of its signature', async () => {
    const { open, clock } = await scene();
    const inForce = await open();
    clock.nowMs += 86_400_000;
    expect(() => inForce.bundle()).toThrow('policy-unavailable');
  });

  it('ends when its key is marked compromised, and comes back with another', async () => {
    const { open, publish } = await scene();
    const inForce = await open();
    publish({ countersign_status: 'compromised' });
    await inForce.refresh();
    expect(() => inForce.bundle()).toThrow('policy-unavailable');
    publish();
    await inForce.refresh();
    expect(inForce.bundle().digest).toBe(loadPolicies(sample).digest);
  });

  it('does not begin without a bundle, or with keys that are not of authors alone', async () => {
    const { open, at, put, publish } = await scene();
    put(at.authorsKeys, JSON.stringify(keys.jwks));
    await expect(open()).rejects.toThrow('and no others');
    put(at.authorsKeys, '{"keys":[]}');
    await expect(open()).rejects.toThrow('and no others');
    put(at.authorsKeys, readFileSync(at.bundle, 'utf8'));
    await expect(open()).rejects.toThrow('no usable set of public keys');
    publish();
    rmSync(at.bundle);
    await expect(open()).rejects.toThrow('countersign policy sign');
  });
});
