import { createRemoteJWKSet } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { DecideCommand } from '../../../api/actions.js';
import type { Decision } from '../../../domain/decision.js';
import type { Assurance } from '../../../domain/principal.js';
import { verifyProof, type ProofProvider } from '../../../domain/verify-proof.js';
import { hidden, onward, Visitor } from './browserless.js';
import { pendingExport } from './fixtures.js';
import { startRig, type Rig } from './rig.js';

const path = '/inbox/actions/act_exportpending';
let rig: Rig;
let provider: ProofProvider;

beforeAll(async () => {
  rig = await startRig([]);
  const keys = createRemoteJWKSet(new URL(`${rig.issuer}/jwks`));
  provider = {
    issuer: rig.issuer,
    audience: 'countersign-inbox',
    algorithms: ['ES256'],
    mfaAcr: ['mfa'],
    maxAgeSeconds: 300,
    keyFor: async (kid) => {
      await keys.reload();
      return keys.jwks()?.keys.find((key) => key.kid === kid);
    },
    personOf: async (subject) => (subject === 'alice-at-idp' ? 'alice' : subject),
  };
});
afterAll(() => rig.close());
beforeEach(() => rig.actions.decided.splice(0));

function ask(assurance: Assurance) {
  const view = pendingExport();
  const stage = view.stage === undefined ? {} : { stage: { ...view.stage, assurance } };
  rig.actions.put({ ...view, ...stage, deadlineAt: new Date(Date.now() + 3_600_000).toISOString() });
}

/** What the workflow would get, as the executor would read it. */
function decisionOf(command: DecideCommand | undefined): Decision {
  if (command?.decisionId === undefined) throw new Error('nothing was decided, or without an id of its own');
  const { decisionId, actionId, digest, planDigest, verdict, person, channel, assurance } = command;
  const decidedAt = new Date().toISOString();
  const { id, name, groups } = person;
  return { decisionId, actionId, actionDigest: digest, planDigest, verdict, person: { id, name, groups }, channel, assurance, decidedAt } as Decision;
}

/** Signs in at the provider, presses approve, and goes on to the provider. */
async function toProvider(subject = 'alice-at-idp') {
  const visitor = new Visitor(rig.url);
  const { page } = await visitor.signIn(subject, path);
  const form = { csrf: hidden(page, 'csrf'), digest: hidden(page, 'digest'), verdict: 'approve', comment: 'Fine.' };
  const confirm = await visitor.follow(`${path}/decide`, { form, headers: { origin: rig.url } });
  const start = { form: { csrf: form.csrf }, headers: { origin: rig.url } };
  return { visitor, confirm: await confirm.response.text(), form, start };
}

describe('approving what needs a proof', () => {
  it('with a second factor: the provider is asked for this decision, and what it signs holds for the executor', async () => {
    ask('mfa');
    const { visitor, confirm, start } = await toProvider();
    expect(confirm).toContain('Sign in to approve');
    expect(rig.actions.decided).toEqual([]);
    const atProvider = await visitor.follow(`${path}/confirm/start`, start);
    const sent = new URL(atProvider.trail[0] ?? '').searchParams;
    expect(Object.fromEntries(sent)).toMatchObject({ acr_values: 'mfa', max_age: '300', nonce: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) });
    expect(await atProvider.response.text()).toContain('Second factor of Alice Almeida');
    const { url, response } = await visitor.follow(atProvider.url.href, { form: { person: 'alice-at-idp', factor: 'pretended' } });
    expect(url.pathname).toBe(path);
    expect(await response.text()).toContain('You approved this action');
    expect(rig.actions.decided).toHaveLength(1);
    const command = rig.actions.decided[0];
    expect(command).toMatchObject({ assurance: 'mfa', comment: 'Fine.', person: { id: 'alice' }, proof: { kind: 'id-token' } });
    const decision = decisionOf(command);
    expect(await verifyProof(decision, command!.proof!, { providers: [provider] })).toBeUndefined();
    expect(await verifyProof({ ...decision, decisionId: 'dec_other' }, command!.proof!, { providers: [provider] })).toMatch(/not issued for this decision/);
  });

  it('with a fresh sign-in: no second page where the person just signed in', async () => {
    ask('login');
    const { visitor, start } = await toProvider();
    const { url } = await visitor.follow(`${path}/confirm/start`, start);
    expect(url.pathname).toBe(path);
    const command = rig.actions.decided[0];
    expect(command).toMatchObject({ assurance: 'login' });
    expect(await verifyProof(decisionOf(command), command!.proof!, { providers: [provider] })).toBeUndefined();
    expect(await verifyProof({ ...decisionOf(command), assurance: 'mfa' }, command!.proof!, { providers: [provider] })).toMatch(/second factor/);
  });

  it('decides nothing when somebody else signs in', async () => {
    ask('mfa');
    const { visitor, start } = await toProvider();
    const atProvider = await visitor.follow(`${path}/confirm/start`, start);
    const { response } = await visitor.follow(atProvider.url.href, { form: { person: 'bob', factor: 'pretended' } });
    expect(response.status).toBe(403);
    expect(await response.text()).toContain('Somebody else signed in');
    expect(rig.actions.decided).toEqual([]);
  });

  it('decides nothing when the answer of the provider comes a second time, or was asked for in another browser', async () => {
    ask('login');
    const { visitor, start } = await toProvider();
    let target = onward(await visitor.ask(`${path}/confirm/start`, start)) ?? '';
    let callback = '';
    while (!new URL(target).pathname.startsWith(path) || callback === '') {
      if (new URL(target).pathname === '/inbox/callback') callback = target;
      const answer = await visitor.ask(target);
      target = new URL(answer.headers.get('location') ?? path, target).href;
    }
    expect(rig.actions.decided).toHaveLength(1);
    expect((await visitor.ask(callback)).status).toBe(401);
    const other = new Visitor(rig.url);
    await other.signIn('bob', path);
    expect((await other.ask(callback)).status).toBe(401);
    expect(rig.actions.decided).toHaveLength(1);
  });

  it('starts nothing without having been asked to, and nothing for what has changed meanwhile', async () => {
    ask('mfa');
    const visitor = new Visitor(rig.url);
    const { page } = await visitor.signIn('alice-at-idp', path);
    const start = { form: { csrf: hidden(page, 'csrf') }, headers: { origin: rig.url } };
    expect((await visitor.follow(`${path}/confirm/start`, start)).url.pathname).toBe(path);
    expect((await visitor.follow(`${path}/confirm`)).url.pathname).toBe(path);
    const { form, visitor: second } = await toProvider();
    const stale = { ...form, digest: `sha256:${'0'.repeat(64)}` };
    const refused = await second.follow(`${path}/decide`, { form: stale, headers: { origin: rig.url } });
    expect(await refused.response.text()).toContain('decision-digest-mismatch');
  });

  it('is not begun by an address, another site or a form of another session, so a page that was left completes nothing', async () => {
    ask('login');
    const { visitor, start } = await toProvider();
    for (const step of ['start', 'cancel']) {
      expect((await visitor.follow(`${path}/confirm/${step}`)).url.pathname).toBe(path);
      const forged = { form: { csrf: 'x'.repeat(43) }, headers: { origin: rig.url } };
      for (const from of [
        { ...start, headers: { origin: 'https://evil.example' } },
        { ...start, headers: { ...start.headers, 'sec-fetch-site': 'cross-site' } },
        forged,
      ]) {
        const refused = await visitor.ask(`${path}/confirm/${step}`, from);
        expect(refused.status).toBe(403);
        expect(await refused.text()).toContain('csrf-invalid');
      }
    }
    expect(rig.actions.decided).toEqual([]);
    // It still waits for the one who asked for it.
    expect((await visitor.follow(`${path}/confirm`)).url.pathname).toBe(`${path}/confirm`);
  });

  it('is dropped by Cancel, also where the sign-in has begun', async () => {
    ask('login');
    const { visitor, start, confirm } = await toProvider();
    expect(confirm).toContain('Cancel drops this approval');
    const atProvider = onward(await visitor.ask(`${path}/confirm/start`, start)) ?? '';
    expect((await visitor.follow(`${path}/confirm/cancel`, start)).url.pathname).toBe(path);
    expect((await visitor.follow(`${path}/confirm`)).url.pathname).toBe(path);
    expect((await visitor.follow(`${path}/confirm/start`, start)).url.pathname).toBe(path);
    expect(await (await visitor.follow(atProvider)).response.text()).toContain('decision-expired');
    expect(rig.actions.decided).toEqual([]);
  });

  it('goes on with the sign-in of the approval that was asked for last, and with no earlier one', async () => {
    ask('login');
    const { visitor, start, form } = await toProvider();
    const earlier = onward(await visitor.ask(`${path}/confirm/start`, start)) ?? '';
    await visitor.follow(`${path}/decide`, { form: { ...form, comment: 'Another.' }, headers: { origin: rig.url } });
    expect(await (await visitor.follow(earlier)).response.text()).toContain('decision-expired');
    expect(rig.actions.decided).toEqual([]);
    await visitor.follow(`${path}/confirm/start`, start);
    expect(rig.actions.decided).toMatchObject([{ comment: 'Another.', assurance: 'login' }]);
  });

  it('lets a rejection through without a sign-in of its own', async () => {
    ask('passkey');
    const visitor = new Visitor(rig.url);
    const { page } = await visitor.signIn('alice-at-idp', path);
    const form = { csrf: hidden(page, 'csrf'), digest: hidden(page, 'digest'), verdict: 'reject', comment: '' };
    await visitor.follow(`${path}/decide`, { form, headers: { origin: rig.url } });
    expect(rig.actions.decided).toMatchObject([{ verdict: 'reject', assurance: 'chat' }]);
    expect(rig.actions.decided[0]?.proof).toBeUndefined();
  });
});
