import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { CountersignError } from '../../domain/errors.js';
import type { Cookies } from './cookies.js';
import { unknownPersonPage } from './failures.js';
import { csrfOf } from './forms.js';
import { requireOwnForm, safeReturnTo, sendPage } from './guard.js';
import type { Login, SignedIn } from './login.js';
import type { InboxOptions } from './options.js';
import { messagePage, type Way } from './pages/message.js';
import type { People } from './people.js';
import { newSecret, sessionLimits, type CookieJar, type SignInPurpose } from './session.js';

/** Goes on with what a sign-in was for. The session stays as it is. */
export type SignedInFor<Kind extends SignInPurpose['kind'] = SignInPurpose['kind']> = (
  request: FastifyRequest,
  reply: FastifyReply,
  purpose: SignInPurpose & { readonly kind: Kind },
  signedIn: { readonly personId: string | undefined } & Pick<SignedIn, 'idToken' | 'acr' | 'authTime'>,
) => Promise<FastifyReply>;

// Longer than providers usually keep a session.
const leftSeconds = 30 * 86_400;

/** Sign-in and sign-out. */
export function sessionRoutes(
  app: FastifyInstance,
  options: InboxOptions,
  parts: { readonly jar: CookieJar; readonly cookies: Cookies; readonly people: People; readonly login: Login; readonly signedInFor: SignedInFor },
): void {
  const { jar, cookies, people, login, signedInFor } = parts;
  const now = options.now ?? (() => new Date());
  const ownOrigin = new URL(options.publicUrl).origin;

  app.get<{ Querystring: Record<string, unknown> }>('/login', async (request, reply) => {
    // The provider's own session lives on after a sign-out here, and would sign in whoever opens the next link.
    const again = request.query['switch'] === '1' || cookies.read(request, 'left') !== undefined;
    const { url, attempt } = await login.start(safeReturnTo(request.query['return_to']), again);
    cookies.write(reply, 'login', await jar.sealLogin(attempt), 600);
    return reply.redirect(url.href, 303);
  });

  app.get('/callback', async (request, reply) => {
    const attempt = await jar.openLogin(cookies.read(request, 'login'));
    cookies.clear(reply, 'login');
    if (attempt === undefined) throw new CountersignError('session-missing', 'This sign-in was not started in this browser, or it took too long.');
    const { idToken, ...who } = await login.finish(request.url.slice(request.url.indexOf('?')), attempt);
    const person = await options.directory.personByAccount(who.issuer, who.subject);
    if (attempt.purpose !== undefined) return signedInFor(request, reply, attempt.purpose, { ...who, personId: person?.id, idToken });
    if (person === undefined || !person.active) {
      request.log.warn({ issuer: who.issuer, subject: who.subject, known: person !== undefined }, 'signed in, but not an active person of the directory');
      cookies.clear(reply, 'session');
      return sendPage(reply, 403, unknownPersonPage());
    }
    // A new session each time: nothing of an earlier one lives on. What a copy of the earlier cookie could do ends here.
    const earlier = await jar.openSession(cookies.read(request, 'session'));
    if (earlier !== undefined) people.end(earlier);
    const at = Math.floor(now().getTime() / 1000);
    const session = { ...who, csrf: newSecret(), startedAt: at, seenAt: at };
    cookies.write(reply, 'session', await jar.sealSession(session), sessionLimits.idle);
    cookies.clear(reply, 'left');
    return reply.redirect(safeReturnTo(attempt.returnTo), 303);
  });

  app.post('/logout', async (request, reply) => {
    const found = await people.known(request).catch(() => undefined);
    if (found !== undefined) {
      requireOwnForm(request, ownOrigin, found.session.csrf, csrfOf(request.body));
      people.end(found.session);
    }
    cookies.clear(reply, 'session');
    cookies.write(reply, 'left', '1', leftSeconds);
    return reply.redirect('/inbox/signed-out', 303);
  });

  app.get('/signed-out', async (_request, reply) => {
    const end = await login.endSessionUrl().catch(() => undefined);
    const ways: Way[] = [{ href: '/inbox/login?switch=1', label: 'Sign in again', strong: true }];
    if (end !== undefined) ways.push({ href: end, label: 'Sign out of the identity provider too' });
    return sendPage(reply, 200, messagePage({ title: 'You are signed out', text: 'Nothing can be decided from this browser until somebody signs in.', ways }));
  });
}
