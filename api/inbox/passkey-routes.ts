import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { CountersignError } from '../../domain/errors.js';
import { passkeyChallenge } from '../../domain/proof.js';
import type { RelyingParty } from '../../domain/verify-passkey.js';
import { creationOptions, newChallenge, readCreated, type Created } from '../passkeys/register.js';
import { maxPasskeys, type PasskeyStore } from '../passkeys/store.js';
import type { Cookies } from './cookies.js';
import { createdForm, csrfOf, oneField } from './forms.js';
import { requireOwnForm, sendPage } from './guard.js';
import type { Login } from './login.js';
import type { InboxOptions } from './options.js';
import { onwardPage } from './pages/confirm.js';
import { newPasskeyPage, passkeysPage } from './pages/passkeys.js';
import { Pending } from './pending.js';
import type { People } from './people.js';
import type { CookieJar } from './session.js';
import type { SignedInFor } from './session-routes.js';

/** Where passkeys are kept, and the site they are made for. */
export type InboxPasskeys = { readonly store: PasskeyStore; readonly party: RelyingParty };

type Parts = { readonly jar: CookieJar; readonly cookies: Cookies; readonly people: People; readonly login: Login };

const maxShown = 500;

/**
 * The passkeys of people: a list, adding, removing. A credential that a browser made is nobody's until the provider has signed its digest in
 * a sign-in with a second factor; that token stays with it, and the executor checks it for each decision.
 */
export function passkeyRoutes(
  app: FastifyInstance,
  options: InboxOptions,
  { store, party }: InboxPasskeys,
  { jar, cookies, people, login }: Parts,
  toLogin: (request: FastifyRequest, reply: FastifyReply) => FastifyReply,
): SignedInFor<'passkey'> {
  const now = options.now ?? (() => new Date());
  const ownOrigin = new URL(options.publicUrl).origin;
  const challenges = new Pending<string>(now);
  const made = new Pending<Created>(now);

  app.get('/passkeys', async (request, reply) => {
    const who = await people.find(request);
    if (who === undefined) return toLogin(request, reply);
    await people.touch(reply, who.session);
    const mine = store.of(who.person.id);
    if (!who.viewer.operator) return sendPage(reply, 200, passkeysPage(who.frame, mine));
    const all = store.all(maxShown);
    const names = new Map<string, string>();
    for (const id of new Set(all.map((one) => one.personId))) names.set(id, (await options.directory.person(id).catch(() => undefined))?.name ?? id);
    const everybody = all.map((passkey) => ({ passkey, owner: names.get(passkey.personId) ?? passkey.personId }));
    return sendPage(reply, 200, passkeysPage(who.frame, mine, everybody));
  });

  app.get('/passkeys/new', async (request, reply) => {
    const who = await people.find(request);
    if (who === undefined) return toLogin(request, reply);
    await people.touch(reply, who.session);
    const mine = store.of(who.person.id);
    if (mine.length >= maxPasskeys) return reply.redirect('/inbox/passkeys', 303);
    const challenge = newChallenge();
    challenges.put(who.session, 'new', challenge);
    return sendPage(reply, 200, newPasskeyPage(who.frame, creationOptions(who.person, challenge, party, mine)));
  });

  app.post('/passkeys/new', async (request, reply) => {
    const who = await people.need(request);
    requireOwnForm(request, ownOrigin, who.session.csrf, csrfOf(request.body));
    const form = createdForm(request.body);
    const challenge = challenges.get(who.session, 'new');
    challenges.drop(who.session, 'new');
    if (challenge === undefined) throw new CountersignError('decision-expired', 'Making the passkey took too long, or it was not begun here.');
    const created = await readCreated(form, challenge, party);
    const nonce = passkeyChallenge({ personId: who.person.id, credentialId: created.credentialId, publicKey: created.publicKey });
    made.put(who.session, nonce, created);
    // Asked anew each time: else a sign-in of a minute ago would, in a browser left open, register a key that the person never saw.
    const { url, attempt } = await login.start('/inbox/passkeys', true, { nonce, mfa: true, purpose: { kind: 'passkey', registration: nonce } });
    cookies.write(reply, 'login', await jar.sealLogin(attempt), 600);
    return sendPage(reply.header('refresh', `0;url=${url.href}`), 200, onwardPage(who.frame, url.href, 'No passkey is registered before you have signed in.'));
  });

  for (const path of ['/passkeys/remove', '/actions/:id/confirm/passkey'])
    app.get<{ Params: { id?: string } }>(path, (_request, reply) => reply.redirect(path === '/passkeys/remove' ? '/inbox/passkeys' : '/inbox', 303));

  app.post('/passkeys/remove', async (request, reply) => {
    const who = await people.need(request);
    requireOwnForm(request, ownOrigin, who.session.csrf, csrfOf(request.body));
    const credentialId = oneField(request.body, 'credential');
    const found = credentialId === undefined ? undefined : store.find(credentialId);
    // Whoever may not remove it does not learn whether there is one.
    if (found === undefined || (found.personId !== who.person.id && !who.viewer.operator)) throw new CountersignError('not-found');
    if (store.remove(found.credentialId, who.person.id, now().toISOString()))
      request.log.warn({ person: found.personId, registration: found.registration, by: who.person.id }, 'a passkey was removed');
    return reply.redirect('/inbox/passkeys', 303);
  });

  return async (request, reply, { registration }, { personId, idToken, acr, authTime }) => {
    const who = await people.need(request);
    const created = made.get(who.session, registration);
    made.drop(who.session, registration);
    if (created === undefined) throw new CountersignError('decision-expired', 'This took too long, or it was not asked for here.');
    if (personId !== who.person.id)
      throw new CountersignError('assurance-too-low', 'Somebody else signed in than the person whose passkey this is, so it was not registered.');
    if (authTime === undefined || acr === undefined || options.login.stepUp?.mfaAcr.includes(acr) !== true)
      throw new CountersignError('assurance-too-low', 'The identity provider does not say that you signed in with a second factor, so nothing was registered.');
    if (!store.add({ ...created, personId, registration, idToken, registeredAt: now().toISOString() }))
      throw new CountersignError('assurance-too-low', 'This passkey is registered already, or you have as many as one person may have.');
    request.log.warn({ person: personId, registration, synced: created.synced }, 'a passkey was registered');
    return reply.redirect('/inbox/passkeys', 303);
  };
}
