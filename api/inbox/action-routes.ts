import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { CountersignError, errorCodes } from '../../domain/errors.js';
import type { ActionView } from '../../domain/view.js';
import { maySee, viewOf } from '../temporal/authorise.js';
import type { Cookies } from './cookies.js';
import { decideForm, type DecideForm } from './forms.js';
import { requireOwnForm, sendPage } from './guard.js';
import { versionOf, type LiveStreams } from './live.js';
import type { InboxOptions } from './options.js';
import { actionPage } from './pages/action.js';
import type { People, SignedInPerson } from './people.js';
import type { CookieJar } from './session.js';

type Parts = { readonly jar: CookieJar; readonly cookies: Cookies; readonly people: People; readonly live: LiveStreams };

/** One action: its page, its live stream and the decision. */
export function actionRoutes(
  app: FastifyInstance,
  options: InboxOptions,
  { jar, cookies, people, live }: Parts,
  toLogin: (request: FastifyRequest, reply: FastifyReply) => FastifyReply,
): void {
  const { actions } = options;
  const now = options.now ?? (() => new Date());
  const ownOrigin = new URL(options.publicUrl).origin;

  app.get<{ Params: { id: string } }>('/actions/:id', async (request, reply) => {
    const who = await people.find(request);
    if (who === undefined) return toLogin(request, reply);
    await people.touch(reply, who.session);
    const view = viewOf(await actions.view(actionId(request.params.id), who.viewer), who.viewer);
    const sealed = cookies.read(request, 'flash');
    const flash = sealed === undefined ? undefined : await jar.openFlash(sealed);
    if (sealed !== undefined) cookies.clear(reply, 'flash');
    const result = flash?.actionId === view.id ? { result: { kind: flash.kind } } : {};
    return sendPage(reply, 200, actionPage({ frame: who.frame, view, version: versionOf(view), now: now(), ...result }));
  });

  app.get<{ Params: { id: string } }>('/actions/:id/live', async (request, reply) => {
    const who = await people.need(request);
    await live.open(request, reply, who.viewer, actionId(request.params.id));
    return reply;
  });

  // Where a reader lands who reloads or follows the address of a form: on the page, and nothing is decided.
  app.get<{ Params: { id: string } }>('/actions/:id/decide', (request, reply) => reply.redirect(`/inbox/actions/${actionId(request.params.id)}`, 303));

  app.post<{ Params: { id: string } }>('/actions/:id/decide', async (request, reply) => {
    const who = await people.need(request);
    const form = decideForm(request.body);
    requireOwnForm(request, ownOrigin, who.session.csrf, form.csrf);
    await people.touch(reply, who.session);
    const id = actionId(request.params.id);
    // Whoever may not see an action learns nothing from trying to decide on it.
    const shown = await actions.view(id, who.viewer);
    return await decide(reply, who, shown, form);
  });

  async function decide(reply: FastifyReply, who: SignedInPerson, shown: ActionView, form: DecideForm): Promise<FastifyReply> {
    const { id } = shown;
    const { verdict, digest, comment } = form;
    let refusal: { readonly view: ActionView; readonly error: CountersignError } | undefined;
    try {
      const answer = await actions.decide({
        actionId: id,
        person: who.person,
        channel: 'inbox',
        assurance: 'login',
        verdict,
        digest,
        // The digest of an action names its plan: with another one the decision is refused anyway.
        ...(shown.digest === digest ? { planDigest: shown.planDigest } : {}),
        ...(comment === undefined ? {} : { comment }),
      });
      refusal = answer.accepted ? undefined : { view: answer.view, error: new CountersignError(answer.code, answer.detail) };
    } catch (error) {
      if (!(error instanceof CountersignError)) throw error;
      const view = await actions.view(id, who.viewer).catch(() => undefined);
      if (view === undefined) throw error;
      refusal = { view, error };
    }
    if (refusal !== undefined) return refused(reply, who, form, refusal.view, refusal.error);
    cookies.write(reply, 'flash', await jar.sealFlash({ actionId: id, kind: verdict === 'approve' ? 'approved' : 'rejected' }), 60);
    return reply.redirect(`/inbox/actions/${id}`, 303);
  }

  // Not a redirect: the person keeps what they wrote, and sending it again does no harm since nothing was changed.
  function refused(reply: FastifyReply, who: SignedInPerson, form: DecideForm, whole: ActionView, error: CountersignError): FastifyReply {
    // Meanwhile it may have passed to others.
    if (!maySee(whole, who.viewer)) throw new CountersignError('not-found');
    const view = viewOf(whole, who.viewer);
    const result = { kind: 'refused', code: error.code, detail: error.detail, verdict: form.verdict } as const;
    const page = actionPage({ frame: who.frame, view, version: versionOf(view), now: now(), result, comment: form.comment ?? '' });
    return sendPage(reply, errorCodes[error.code].status, page);
  }
}

// Checked before anything is asked with it; an id of another shape names nothing.
function actionId(value: string): string {
  if (!/^act_[a-z0-9]{1,64}$/.test(value)) throw new CountersignError('not-found');
  return value;
}
