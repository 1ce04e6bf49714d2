import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { verifyCommand } from '../../../cli/verify.js';
import type { Finding } from '../../../domain/examine.js';
import type { Grant } from '../../../domain/grant.js';
import { sign } from '../../../domain/signing.js';
import { makeKeys } from '../../helpers/keys.js';
import { directoryFile, signedGrant, type SignedGrant } from '../../helpers/signed-grant.js';

const folder = mkdtempSync(path.join(os.tmpdir(), 'countersign-verify-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => (process.exitCode = undefined));

const good = await signedGrant();
const file = (name: string) => path.join(folder, name);
const write = (name: string, value: unknown): string => {
  writeFileSync(file(name), typeof value === 'string' ? value : JSON.stringify(value));
  return file(name);
};
write('idp.jwks.json', good.providerKeys);
const keys = write('public.jwks.json', good.keys.jwks);
const providers = write('providers.json', good.providers);
const bundle = write('policy.bundle.jws', good.bundle);
const everything = ['--keys', keys, '--providers', providers, '--directory', directoryFile, '--bundle', bundle, '--authors-keys', keys];

/** Runs the command as `countersign verify` does. */
async function verify(subject: unknown, ...options: readonly string[]) {
  const out = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  const err = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  try {
    await verifyCommand().parseAsync([write('grant.json', subject), ...options], { from: 'user' });
    return { code: process.exitCode, out: out.mock.calls.join(''), err: err.mock.calls.join('') };
  } finally {
    out.mockRestore();
    err.mockRestore();
  }
}

type Report = { readonly result: string; readonly checks: readonly Finding[]; readonly refusal?: { readonly code: string }; readonly judged_why: string };
async function report(subject: unknown, ...options: readonly string[]): Promise<Report & { readonly code: unknown }> {
  const { code, out } = await verify(subject, ...options, '--json');
  return { ...(JSON.parse(out) as Report), code };
}
const exported = ({ grant, outcome }: SignedGrant, change: object = {}) => ({ kind: 'countersign.grant.v1', grant: { ...grant, ...change }, outcome });
const refusedIn = ({ checks }: Report) => checks.filter(({ state }) => state === 'refused').map(({ check }) => check);

describe('countersign verify', () => {
  it('finds that an honest grant holds, by public keys and files alone', async () => {
    const { code, result, checks, judged_why } = await report(exported(good), ...everything);
    expect(checks.filter(({ state }) => state !== 'held')).toEqual([]);
    expect(checks.map(({ check }) => check)).toEqual([
      'request',
      'plan',
      'connector',
      'approval 1',
      'proof 1',
      'release',
      'grant',
      'receipt',
      'approvers',
      'policy bundle',
      'policy',
    ]);
    expect([code, result, judged_why]).toEqual([0, 'holds', 'when it began, as the executor signed']);
  });

  it('says so in words, and lets no text of a grant reach the terminal as it is', async () => {
    const { code, out } = await verify(exported(good), ...everything);
    expect(code).toBe(0);
    const shown = /```text\n([^]*?)```/.exec(readFileSync(path.resolve(import.meta.dirname, '../../../docs/verify.md'), 'utf8'))?.[1] ?? '';
    const bare = (text: string) => text.replaceAll(/sha256:[0-9a-f…]+/g, 'sha256:…');
    expect(bare(out)).toBe(bare(shown));
    expect(out).toMatch(/ok +approval 1 +alice approved exactly this at 2026-03-02T10:05:00.000Z through inbox/);
    const request = { ...good.grant.request, resource: { type: 'Table', id: 'x\u001b[2Jy\u202e' } };
    const hostile = await verify({ ...good.grant, request }, ...everything, '--at', '2026-03-02T10:06:00Z');
    expect(hostile.code).toBe(1);
    expect(hostile.out).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/);
  });

  it('takes a bare grant, and judges it for now unless told for when', async () => {
    const late = await report(good.grant, ...everything);
    expect([late.code, late.refusal?.code, late.judged_why]).toEqual([1, 'grant-expired', 'now']);
    const then = await report(good.grant, ...everything, '--at', '2026-03-02T10:06:00Z');
    expect([then.code, then.result]).toEqual([0, 'holds']);
  });

  it('says that a proof could not be checked without its provider, and does not pass it', async () => {
    const without = await report(exported(good), '--keys', keys);
    expect([without.code, without.result]).toEqual([2, 'incomplete']);
    expect(without.checks.filter(({ state }) => state === 'not-checked').map(({ check }) => check)).toEqual(['proof 1', 'approvers']);
  });

  it('refuses what the provider did not sign for this decision', async () => {
    const [approval] = good.grant.approvals;
    const proof = await good.provider.proofOf({ ...good.decision, decisionId: 'dec-other' });
    const other = await report(exported(good, { approvals: [{ ...approval, proof }] }), ...everything);
    expect([other.code, refusedIn(other)]).toEqual([1, ['proof 1', 'grant']]);
    expect(other.checks.find(({ check }) => check === 'proof 1')?.detail).toBe('The ID token was not issued for this decision.');
  });

  const stranger = makeKeys('grant');
  const tampered: Record<string, { readonly change: (grant: Grant) => object | Promise<object>; readonly refused: readonly string[] }> = {
    'another parameter': {
      change: ({ request }) => ({ request: { ...request, parameters: { ...request.parameters, limit: 501 } } }),
      refused: ['request', 'plan', 'approval 1', 'grant', 'receipt'],
    },
    'a plan by a key nobody knows': {
      change: async () => ({ plan: await signPlan((await stranger).signing.policy) }),
      refused: ['plan', 'grant', 'receipt'],
    },
    'a plan that the decision key signed': {
      change: async () => ({ plan: await signPlan({ ...good.keys.signing.decision, role: 'policy' }) }),
      refused: ['plan', 'grant', 'receipt'],
    },
    'no approval': { change: () => ({ approvals: [] }), refused: ['grant'] },
    'a rejection in the place of the approval': {
      change: async ({ approvals }) => ({
        approvals: [{ ...approvals[0], decision: await sign('decision', good.keys.signing.decision, { ...good.decision, verdict: 'reject' }, decisionTimes) }],
      }),
      refused: ['approval 1', 'proof 1', 'grant'],
    },
    'the approval of another digest': {
      change: async ({ approvals }) => ({
        approvals: [
          { ...approvals[0], decision: await sign('decision', good.keys.signing.decision, { ...good.decision, actionDigest: 'sha256:00' }, decisionTimes) },
        ],
      }),
      refused: ['approval 1', 'proof 1', 'grant'],
    },
    'a cut signature': {
      change: ({ approvals }) => ({ approvals: [{ ...approvals[0], decision: approvals[0]?.decision.slice(0, -4) }] }),
      refused: ['approval 1', 'grant'],
    },
    'no release': { change: () => ({ release: undefined }), refused: ['release', 'grant'] },
    'the request in the place of the release': { change: ({ signedRequest }) => ({ release: signedRequest }), refused: ['release', 'grant'] },
    'another connector': {
      change: ({ request }) => ({ request: { ...request, connector: { ...request.connector, version: '0.0.0' } } }),
      refused: ['request', 'plan', 'connector', 'approval 1', 'grant', 'receipt'],
    },
  };
  it.each(Object.entries(tampered))('refuses %s, and names each check that stands against it', async (_name, { change, refused }) => {
    const found = await report(exported(good, await change(good.grant)), '--keys', keys, '--providers', providers);
    expect(found.code).toBe(1);
    expect(refusedIn(found)).toEqual(refused);
  });

  it('refuses an outcome that the receipt does not fit', async () => {
    const forged = await report({ ...exported(good), outcome: { ...good.outcome, facts: [] } }, ...everything);
    expect([forged.code, refusedIn(forged)]).toEqual([1, ['receipt']]);
  });

  it('refuses a plan of a stolen policy key that asks for less than the policy which the authors signed', async () => {
    const weak = await signedGrant(() => ({ outcome: 'allow', stages: [] }));
    write('idp.jwks.json', weak.providerKeys);
    const found = await report(
      exported(weak),
      '--keys',
      write('weak.jwks.json', weak.keys.jwks),
      '--directory',
      directoryFile,
      '--bundle',
      bundle,
      '--authors-keys',
      keys,
    );
    write('idp.jwks.json', good.providerKeys);
    expect([found.code, refusedIn(found)]).toEqual([1, ['policy']]);
    expect(found.checks.at(-1)?.detail).toContain('policy asks people, and the plan asks nobody');
  });

  it('refuses a bundle that somebody else signed, or whose time was over', async () => {
    const others = write('others.jwks.json', (await makeKeys('others')).jwks);
    const foreign = await report(exported(good), '--keys', keys, '--providers', providers, '--bundle', bundle, '--authors-keys', others);
    expect([foreign.code, refusedIn(foreign)]).toEqual([1, ['policy bundle']]);
    const late = await report(exported(good), ...everything, '--at', '2026-03-03T10:00:30Z');
    expect(refusedIn(late)).toContain('policy bundle');
  });

  const unreadable: Record<string, { readonly subject: unknown; readonly says: string }> = {
    'what is not JSON': { subject: '{', says: 'is not JSON' },
    'a file of another kind': { subject: { kind: 'countersign.other.v1' }, says: 'is no grant' },
  };
  it.each(Object.entries(unreadable))('ends with 2 on %s', async (_name, { subject, says }) => {
    const { code, err } = await verify(subject, ...everything);
    expect([code, err]).toEqual([2, expect.stringContaining(says)]);
  });
  const shapeless: Record<string, unknown> = {
    nothing: null,
    'a list': [],
    'an empty object': {},
    'a grant with an empty approval': { ...good.grant, approvals: [null] },
    'a grant of no requester': { ...good.grant, request: { ...good.grant.request, requester: 1 } },
  };
  it.each(Object.entries(shapeless))('refuses %s', async (_name, subject) => {
    const { code, out } = await verify(subject, ...everything);
    expect(code).toBe(1);
    expect(out).toContain('not the shape of a grant');
  });
  it('needs no provider where a stage takes the word of the api', async () => {
    const chat = await signedGrant(() => ({}));
    const found = await report(exported(chat), '--keys', write('chat.jwks.json', chat.keys.jwks));
    expect([found.code, found.result]).toEqual([0, 'holds']);
    expect(found.checks.find(({ check }) => check === 'proof 1')?.detail).toContain('is worth chat');
  });
  const moment = ['--at', '2026-03-02T10:06:00Z'];
  it('does not pass a grant for a time that the file alone names', async () => {
    const { grant } = good;
    const kept = { kind: 'countersign.grant.v1', grant, consumedAt: '2026-03-02T10:05:02.000Z' };
    const found = await report(kept, ...everything);
    expect([found.code, found.result, found.judged_why]).toEqual([2, 'incomplete', 'when it was consumed, as the file says and nobody signed']);
    expect(found.checks.at(-1)).toMatchObject({ check: 'time', state: 'not-checked' });
    expect((await report(kept, ...everything, ...moment)).code).toBe(0);
    expect((await report(kept, ...everything, '--at', '2026-03-04T10:05:02Z')).refusal?.code).toBe('grant-expired');
    expect((await report({ ...kept, outcome: good.outcome }, ...everything)).code).toBe(0);
  });

  const people = readFileSync(directoryFile, 'utf8');
  const elsewhere = (text: string) => everything.map((word) => (word === directoryFile ? write('directory.yaml', text) : word));
  it.each([
    ['is gone', people.replace('- id: alice\n', '- id: alice\n    active: false\n')],
    ['never was in the group', people.replace('groups: [g-data-owners, g-security]', 'groups: [g-security]')],
  ])('refuses the approval of somebody who %s by the directory, whatever the api says of them', async (_name, text) => {
    expect(text).not.toBe(people);
    const found = await report(exported(good), ...elsewhere(text));
    expect([found.code, refusedIn(found)]).toEqual([1, ['approvers']]);
  });

  it('ends with 2 where keys cannot be read, and names the file', async () => {
    const { code, err } = await verify(good.grant, '--keys', file('nowhere.json'));
    expect([code, err]).toEqual([2, expect.stringContaining('nowhere.json cannot be read')]);
  });
});

const decisionTimes = { issuedAt: Date.parse(good.decision.decidedAt) / 1000, expiresAt: Date.parse(good.decision.decidedAt) / 1000 + 300, id: 'dec-alice' };

function signPlan(key: Parameters<typeof sign>[1]): Promise<string> {
  return sign('plan', key, good.plan, { issuedAt: Date.parse(good.plan.evaluatedAt) / 1000, expiresAt: Date.parse(good.plan.expiresAt) / 1000, id: 'plan' });
}
