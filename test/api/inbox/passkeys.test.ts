import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { decodeJwt } from 'jose';
import { challengeBytes } from '../../../domain/verify-passkey.js';
import { Authenticator, type AssertionChange } from '../../helpers/authenticator.js';
import { hidden, Visitor } from './browserless.js';
import { pendingExport } from './fixtures.js';
import { startRig, type Rig } from './rig.js';

const path = '/inbox/actions/act_exportpending';
let rig: Rig;
let site: { readonly origin: string; readonly rpId: string };

beforeAll(async () => {
  rig = await startRig([], { passkeys: true });
  site = { origin: rig.passkeys.party.origin, rpId: rig.passkeys.party.id };
});
afterAll(() => rig.close());
beforeEach(() => {
  rig.actions.decided.splice(0);
  const view = pendingExport();
  const stage = view.stage === undefined ? {} : { stage: { ...view.stage, assurance: 'passkey' as const } };
  rig.actions.put({ ...view, ...stage, deadlineAt: new Date(Date.now() + 3_600_000).toISOString() });
});

type Options = { readonly challenge: string; readonly allowCredentials?: readonly { readonly id: string }[] };

/** What a page asks of the authenticator. */
function optionsOf(page: string): Options {
  const found = /data-options="([^"]*)"/.exec(page)?.[1] ?? '{}';
  return JSON.parse(found.replaceAll('&quot;', '"').replaceAll('&#34;', '"').replaceAll('&amp;', '&')) as Options;
}

const sent = (form: Record<string, string>) => ({ form, headers: { origin: rig.url } });

/** Signs in, makes a credential, and goes on to the provider. */
async function make(device: Authenticator, subject = 'alice-at-idp', change: Omit<AssertionChange, 'challenge'> = {}) {
  const visitor = new Visitor(rig.url);
  const { page } = await visitor.signIn(subject, '/inbox/passkeys/new');
  const created = device.register(optionsOf(page).challenge, { ...site, ...change });
  const form = { csrf: hidden(page, 'csrf'), label: 'Key', transports: 'usb nonsense!', ...created };
  return { visitor, form, atProvider: await visitor.follow('/inbox/passkeys/new', sent(form)) };
}

/** The same, with the second factor. */
async function registered(subject = 'alice-at-idp') {
  const device = await Authenticator.make();
  const { visitor, form, atProvider } = await make(device, subject);
  await visitor.follow(atProvider.url.href, { form: { person: subject, factor: 'pretended' } });
  return { device, visitor, csrf: form.csrf };
}

/** Presses approve and reads what the page asks of the passkey. */
async function confirm(visitor: Visitor) {
  const page = await (await visitor.ask(path)).text();
  const form = { csrf: hidden(page, 'csrf'), digest: hidden(page, 'digest'), verdict: 'approve', comment: 'Fine.' };
  const { response } = await visitor.follow(`${path}/decide`, sent(form));
  return { csrf: form.csrf, confirm: await response.text() };
}

const fields = (asserted: Awaited<ReturnType<Authenticator['assert']>>) => ({
  credential: asserted.credentialId,
  client_data: asserted.clientDataJSON,
  authenticator_data: asserted.authenticatorData,
  signature: asserted.signature,
});

describe('registering a passkey', () => {
  it('takes a second factor, and what the provider signs names person, credential and key', async () => {
    const { device, visitor } = await registered();
    const [passkey] = rig.passkeys.store.of('alice');
    expect(passkey).toMatchObject({ credentialId: device.credentialId, publicKey: device.publicKey, label: 'Key', transports: ['usb'], synced: false });
    expect(decodeJwt(passkey?.idToken ?? '')).toMatchObject({ nonce: device.registrationOf('alice'), acr: 'mfa', sub: 'alice-at-idp' });
    const page = await (await visitor.ask('/inbox/passkeys')).text();
    expect(page).toContain(device.registrationOf('alice'));
    expect(page).not.toContain('Of everybody');
  });

  it.each([
    ['that did not verify the person', { flags: 0x01 }],
    ['on another site', { origin: 'http://evil.example' }],
    ['for another site', { rpId: 'evil.example' }],
    ['that was asked to sign in', { client: { type: 'webauthn.get' } }],
    ['for another challenge', { client: { challenge: challengeBytes('another') } }],
  ])('with a device %s makes none', async (_name, change) => {
    const device = await Authenticator.make();
    const { atProvider } = await make(device, 'bob', change);
    expect(atProvider.response.status).toBe(403);
    expect(await atProvider.response.text()).toContain('assurance-too-low');
    expect(rig.passkeys.store.find(device.credentialId)).toBeUndefined();
  });

  it('by somebody else at the provider makes none', async () => {
    const device = await Authenticator.make();
    const { visitor, atProvider } = await make(device, 'bob');
    const { response } = await visitor.follow(atProvider.url.href, { form: { person: 'alice-at-idp', factor: 'pretended' } });
    expect(await response.text()).toContain('Somebody else signed in');
    expect(rig.passkeys.store.find(device.credentialId)).toBeUndefined();
  });

  it('is begun from a form of this session alone, with a challenge that counts once', async () => {
    const device = await Authenticator.make();
    const { visitor, form } = await make(device, 'bob');
    expect((await visitor.ask('/inbox/passkeys/new', { form, headers: { origin: 'http://evil.example' } })).status).toBe(403);
    expect((await visitor.ask('/inbox/passkeys/new', sent({ ...form, csrf: 'guessed' }))).status).toBe(403);
    expect(await (await visitor.ask('/inbox/passkeys/new', sent(form))).text()).toContain('decision-expired');
    for (const change of [{ attestation: 'not base64!' }, { label: '' }, { label: 'x'.repeat(61) }, { client_data: '' }])
      expect((await visitor.ask('/inbox/passkeys/new', sent({ ...form, ...change }))).status).toBe(400);
  });
});

describe('a passkey that the person does not know of', () => {
  it('is not made on a second factor of a moment ago: the provider is asked for a sign-in of its own each time', async () => {
    const { visitor, csrf } = await registered('bob');
    const page = await (await visitor.ask('/inbox/passkeys/new')).text();
    const device = await Authenticator.make();
    const form = { csrf, label: 'Silent', transports: '', ...device.register(optionsOf(page).challenge, site) };
    const atProvider = await visitor.follow('/inbox/passkeys/new', sent(form));
    expect(Object.fromEntries(new URL(atProvider.trail[0] ?? '').searchParams)).toMatchObject({ prompt: 'login', max_age: '120', acr_values: 'mfa' });
    expect(atProvider.url.origin).toBe(new URL(rig.issuer).origin);
    expect(rig.passkeys.store.find(device.credentialId)).toBeUndefined();
  });

  it('is told of for a week on the first page, also when it was removed since', async () => {
    const { device } = await registered('erin');
    rig.passkeys.store.remove(device.credentialId, 'erin', new Date().toISOString());
    const visitor = new Visitor(rig.url);
    const told = async () => (await (await visitor.ask('/inbox')).text()).includes('A passkey was registered for you');
    const { page } = await visitor.signIn('erin', '/inbox');
    expect(page).toContain('A passkey was registered for you');
    expect(page).toContain('href="/inbox/passkeys">See your passkeys');
    expect((await new Visitor(rig.url).signIn('dave', '/inbox')).page).not.toContain('was registered for you');
    expect(await told()).toBe(true);
    rig.clock.offsetMs = 8 * 86_400_000;
    const { page: later } = await new Visitor(rig.url).signIn('erin', '/inbox');
    rig.clock.offsetMs = 0;
    expect(later).toContain('Waiting for you');
    expect(later).not.toContain('was registered for you');
  });
});

describe('approving with a passkey', () => {
  it('asks for one of the person, for this decision, and hands on what it signed with the word of the provider', async () => {
    const { device, visitor } = await registered();
    const page = await confirm(visitor);
    const options = optionsOf(page.confirm);
    expect(options.allowCredentials?.map(({ id }) => id)).toContain(device.credentialId);
    const challenge = Buffer.from(options.challenge, 'base64url').toString();
    const asserted = await device.assert(challenge, { ...site, counter: 1 });
    expect((await visitor.follow(`${path}/confirm/passkey`, sent({ csrf: page.csrf, ...fields(asserted) }))).url.pathname).toBe(path);
    expect(rig.actions.decided).toMatchObject([
      { verdict: 'approve', assurance: 'passkey', comment: 'Fine.', proof: { kind: 'passkey', ...asserted, registration: { publicKey: device.publicKey } } },
    ]);
    expect(rig.passkeys.store.find(device.credentialId)?.lastUsedAt).toBeDefined();

    // The same form again: what was asked for waits no longer.
    rig.actions.decided.splice(0);
    await visitor.follow(`${path}/confirm/passkey`, sent({ csrf: page.csrf, ...fields(asserted) }));
    expect(rig.actions.decided).toEqual([]);
  });

  it('is refused for a count that does not go on, for a passkey of somebody else, and for one that was removed', async () => {
    const { device, visitor } = await registered();
    rig.passkeys.store.used(device.credentialId, 9, new Date().toISOString());
    const approve = async (used: Authenticator, counter: number) => {
      const page = await confirm(visitor);
      const challenge = Buffer.from(optionsOf(page.confirm).challenge, 'base64url').toString();
      const form = fields(await used.assert(challenge, { ...site, counter }));
      return (await visitor.ask(`${path}/confirm/passkey`, sent({ csrf: page.csrf, ...form }))).text();
    };
    expect(await approve(device, 9)).toContain('counts backwards');
    const { device: bobs } = await registered('bob');
    expect(await approve(bobs, 1)).toContain('not registered for you');
    rig.passkeys.store.remove(device.credentialId, 'carol', new Date().toISOString());
    expect(await approve(device, 10)).toContain('not registered for you');
    expect(rig.actions.decided).toEqual([]);
  });

  it('cannot be begun at the provider instead', async () => {
    const { visitor } = await registered();
    const page = await confirm(visitor);
    const { response } = await visitor.follow(`${path}/confirm/start`, sent({ csrf: page.csrf }));
    expect(await response.text()).toContain('This approval needs a passkey');
    expect(rig.actions.decided).toEqual([]);
  });
});

describe('removing a passkey', () => {
  it('is for its person and for operators, and for nobody else, who does not learn that it exists', async () => {
    const { device } = await registered('bob');
    const remove = async (subject: string, start = '/inbox/passkeys/new') => {
      const visitor = new Visitor(rig.url);
      const { page } = await visitor.signIn(subject, start);
      return visitor.ask('/inbox/passkeys/remove', sent({ csrf: hidden(page, 'csrf'), credential: device.credentialId }));
    };
    expect((await remove('dave')).status).toBe(404);
    expect(rig.passkeys.store.find(device.credentialId)?.removed).toBeUndefined();
    expect((await remove('carol')).status).toBe(303);
    expect(rig.passkeys.store.find(device.credentialId)?.removed).toMatchObject({ by: 'carol' });
    const carol = new Visitor(rig.url);
    const { page } = await carol.signIn('carol', '/inbox/passkeys');
    expect(page).toContain('Of everybody');
    expect(page).toContain('Bob Baumann');
  });
});
