import type { FastifyInstance, FastifyPluginCallback, FastifyReply, FastifyRequest } from 'fastify';
import { CountersignError } from '../../domain/errors.js';
import { actionRoutes } from './action-routes.js';
import { findAsset } from './assets/index.js';
import { createCookies, type Cookies } from './cookies.js';
import { sendFailure } from './failures.js';
import { readForms } from './forms.js';
import { safeReturnTo, securityHeaders } from './guard.js';
import { listRoutes } from './list-routes.js';
import { createLiveStreams } from './live.js';
import { createLogin } from './login.js';
import { isLoopbackHttp, type InboxOptions } from './options.js';
import { passkeyRoutes } from './passkey-routes.js';
import { createPeople, type People } from './people.js';
import { createCookieJar, type CookieJar } from './session.js';
import { sessionRoutes, type SignedInFor } from './session-routes.js';

export type { InboxOptions } from './options.js';

/** Who is signed in at the inbox, for whatever else of this process has to know it. */
export type Sessions = { readonly jar: CookieJar; readonly cookies: Cookies; readonly people: People };

/** The sessions of an inbox. Throws `config-invalid` for a short session secret. */
export function createSessions(options: InboxOptions): Sessions {
  const jar = createCookieJar(options.sessionSecret, options.now ?? (() => new Date()));
  const cookies = createCookies(!isLoopbackHttp(options.publicUrl));
  return { jar, cookies, people: createPeople(options, jar, cookies) };
}

/**
 * The web inbox under `/inbox`, as a fastify plugin to be registered without a prefix.
 * Throws `config-invalid` for a short session secret, or a public URL that is neither https nor http on loopback.
 */
export function inboxPlugin(options: InboxOptions, sessions: Sessions = createSessions(options)): FastifyPluginCallback {
  const loopback = isLoopbackHttp(options.publicUrl);
  if (!loopback && new URL(options.publicUrl).protocol !== 'https:')
    throw new CountersignError('config-invalid', 'api.publicUrl must be https; http is for loopback only.');
  const { jar, cookies, people } = sessions;
  const headers = securityHeaders(!loopback);
  const login = createLogin(options);

  const inbox = (app: FastifyInstance, _options: unknown, done: () => void) => {
    const live = createLiveStreams(options.actions, headers);
    readForms(app);
    app.addHook('onRequest', (_request, reply, next) => {
      void reply.headers(headers);
      next();
    });
    app.addHook('preClose', (next) => {
      live.close();
      next();
    });
    app.setErrorHandler((error, request, reply) => sendFailure(error, request, reply, cookies));
    app.setNotFoundHandler((request, reply) => sendFailure(new CountersignError('not-found'), request, reply, cookies));
    app.get<{ Params: { name: string } }>('/assets/:name', (request, reply) => {
      const asset = findAsset(request.params.name);
      if (asset === undefined) throw new CountersignError('not-found');
      return reply.header('cache-control', 'public, max-age=31536000, immutable').type(asset.type).send(asset.body);
    });
    listRoutes(app, options, people, toLogin);
    const decided = actionRoutes(app, options, { jar, cookies, people, live, login }, toLogin);
    const registered = options.passkeys === undefined ? undefined : passkeyRoutes(app, options, options.passkeys, { jar, cookies, people, login }, toLogin);
    const signedInFor: SignedInFor = async (request, reply, purpose, signedIn) => {
      if (purpose.kind === 'decision') return decided(request, reply, purpose, signedIn);
      if (registered === undefined) throw new CountersignError('not-found');
      return registered(request, reply, purpose, signedIn);
    };
    sessionRoutes(app, options, { jar, cookies, people, login, signedInFor });
    done();
  };
  return (app, _options, done) => {
    void app.register(inbox, { prefix: '/inbox' });
    done();
  };
}

function toLogin(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  return reply.redirect(`/inbox/login?return_to=${encodeURIComponent(safeReturnTo(request.url))}`, 303);
}
