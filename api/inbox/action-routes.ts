import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { CountersignError, errorCodes } from '../../domain/errors.js';
import type { DecisionProof } from '../../domain/proof.js';
import { challengeBytes, verifyAssertion } from '../../domain/verify-passkey.js';
import type { ActionView } from '../../domain/view.js';
import { requestOptions } from '../passkeys/register.js';
import { maySee, viewOf } from '../temporal/authorise.js';
import type { Cookies } from './cookies.js';
import { assertedForm, csrfOf, decideForm, type DecideForm } from './forms.js';
import { requireOwnForm, sendPage } from './guard.js';
import { versionOf, type LiveStreams } from './live.js';
import type { InboxOptions } from './options.js';
import type { Login } from './login.js';
import { actionPage } from './pages/action.js';
import { confirmPage, onwardPage } from './pages/confirm.js';
import { whyNot } from './pages/decide.js';
import type { People, SignedInPerson } from './people.js';
import type { CookieJar } from './session.js';
import type { SignedInFor } from './session-routes.js';
import { PendingApprovals, type PendingApproval } from './step-up.js';

type Parts = { readonly jar: CookieJar; readonly cookies: Cookies; readonly people: People; readonly live: LiveStreams; readonly login: Login };

/** One action: its page, its live stream and the decision. Returns what goes on with a decision after its sign-in. */
export function actionRoutes(
  app: FastifyInstance,
  options: InboxOptions,
  { jar, cookies, people, live, login }: Parts,
  toLogin: (request: FastifyRequest, reply: FastifyReply) => FastifyReply,
): SignedInFor<'decision'> {
  const { actions } = options;
  const now = options.now ?? (() => new Date());
  const approvals = new PendingApprovals(now);
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
    // Approving what asks for more than our word begins a sign-in; a rejection needs none.
    if (form.verdict === 'approve' && canProve(shown) && shown.digest === form.digest && whyNot(shown, who.person.id) === undefined) {
      approvals.put(who, shown, form.comment);
      return reply.redirect(`/inbox/actions/${id}/confirm`, 303);
    }
    return await decide(reply, who, shown, form);
  });

  app.get<{ Params: { id: string } }>('/actions/:id/confirm', async (request, reply) => {
    const who = await people.find(request);
    if (who === undefined) return toLogin(request, reply);
    const view = await actions.view(actionId(request.params.id), who.viewer);
    const pending = approvals.get(who, view.id);
    if (pending === undefined) return reply.redirect(`/inbox/actions/${view.id}`, 303);
    const mine = options.passkeys?.store.of(who.person.id) ?? [];
    const passkey =
      options.passkeys === undefined || mine.length === 0 ? {} : { passkey: requestOptions(challengeBytes(pending.challenge), options.passkeys.party, mine) };
    return sendPage(reply, 200, confirmPage({ frame: who.frame, view: viewOf(view, who.viewer), pending, ...passkey }));
  });

  // Worker and executor check what the passkey signed. Here it is only found, and held against what it counted before.
  app.post<{ Params: { id: string } }>('/actions/:id/confirm/passkey', async (request, reply) => {
    const who = await people.need(request);
    requireOwnForm(request, ownOrigin, who.session.csrf, csrfOf(request.body));
    const asserted = assertedForm(request.body);
    const id = actionId(request.params.id);
    const pending = approvals.get(who, id);
    if (pending === undefined || options.passkeys === undefined) return reply.redirect(`/inbox/actions/${id}`, 303);
    const { store, party } = options.passkeys;
    const passkey = store.find(asserted.credentialId);
    if (passkey?.personId !== who.person.id || passkey.removed !== undefined)
      throw new CountersignError('assurance-too-low', 'This passkey is not registered for you.');
    const { publicKey, idToken } = passkey;
    const result = await verifyAssertion(asserted, publicKey, pending.challenge, party);
    if ('counter' in result && !store.goesOn(passkey.credentialId, result.counter)) {
      request.log.error({ person: who.person.id, registration: passkey.registration }, 'a passkey counts backwards: there may be a copy of it');
      throw new CountersignError('assurance-too-low', 'This passkey counts backwards, as a copy of it would. Remove it and add a new one.');
    }
    approvals.take(who, id, pending.decisionId);
    const shown = await actions.view(id, who.viewer);
    // What does not hold is sent all the same, so that the refusal is on record.
    return decide(reply, who, shown, formOf(pending), {
      pending,
      proof: { kind: 'passkey', ...asserted, registration: { publicKey, idToken } },
      accepted: () => ('counter' in result ? store.used(passkey.credentialId, result.counter, now().toISOString()) : undefined),
    });
  });

  // As with the form of a decision: whoever follows the address starts and drops nothing.
  for (const step of ['start', 'cancel'])
    app.get<{ Params: { id: string } }>(`/actions/:id/confirm/${step}`, (request, reply) =>
      reply.redirect(`/inbox/actions/${actionId(request.params.id)}`, 303),
    );

  // Starts a sign-in at the provider, which may answer at once. Another site must not be able to: it would finish an approval that was left.
  app.post<{ Params: { id: string } }>('/actions/:id/confirm/start', async (request, reply) => {
    const who = await people.need(request);
    requireOwnForm(request, ownOrigin, who.session.csrf, csrfOf(request.body));
    const id = actionId(request.params.id);
    const pending = approvals.get(who, id);
    if (pending === undefined) return reply.redirect(`/inbox/actions/${id}`, 303);
    const purpose = { kind: 'decision', actionId: id, decisionId: pending.decisionId } as const;
    if (pending.assurance === 'passkey') throw new CountersignError('assurance-too-low', 'This approval needs a passkey.');
    const { url, attempt } = await login.start(`/inbox/actions/${id}`, false, { nonce: pending.challenge, mfa: pending.assurance !== 'login', purpose });
    cookies.write(reply, 'login', await jar.sealLogin(attempt), 600);
    // Not a redirect: browsers hold every address that a form's redirects go through against form-action, and providers pass people on to others.
    return sendPage(reply.header('refresh', `0;url=${url.href}`), 200, onwardPage(who.frame, url.href));
  });

  app.post<{ Params: { id: string } }>('/actions/:id/confirm/cancel', async (request, reply) => {
    const who = await people.need(request);
    requireOwnForm(request, ownOrigin, who.session.csrf, csrfOf(request.body));
    const id = actionId(request.params.id);
    approvals.drop(who.session, id);
    return reply.redirect(`/inbox/actions/${id}`, 303);
  });

  const signedInFor: SignedInFor<'decision'> = async (request, reply, purpose, { personId, idToken }) => {
    const who = await people.need(request);
    const id = actionId(purpose.actionId);
    const pending = approvals.take(who, id, purpose.decisionId);
    if (personId !== who.person.id)
      throw new CountersignError('assurance-too-low', 'Somebody else signed in than the person whose decision this is, so nothing was decided.');
    const shown = await actions.view(id, who.viewer);
    return decide(reply, who, shown, formOf(pending), { pending, proof: { kind: 'id-token', token: idToken } });
  };

  async function decide(
    reply: FastifyReply,
    who: SignedInPerson,
    shown: ActionView,
    form: DecideForm,
    proven?: { readonly pending: PendingApproval; readonly proof: DecisionProof; readonly accepted?: () => void },
  ): Promise<FastifyReply> {
    const { id } = shown;
    const { verdict, digest, comment } = form;
    let refusal: { readonly view: ActionView; readonly error: CountersignError } | undefined;
    try {
      const answer = await actions.decide({
        actionId: id,
        person: who.person,
        channel: 'inbox',
        // What no proof comes with rests on us alone.
        assurance: proven?.pending.assurance ?? 'chat',
        verdict,
        digest,
        // The digest of an action names its plan: with another one the decision is refused anyway.
        ...(proven === undefined
          ? shown.digest === digest
            ? { planDigest: shown.planDigest }
            : {}
          : { decisionId: proven.pending.decisionId, planDigest: proven.pending.planDigest, proof: proven.proof }),
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
    proven?.accepted?.();
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

  // What cannot be proved here goes on as it is, and is refused on the record.
  function canProve(view: ActionView): boolean {
    const assurance = view.stage?.assurance ?? 'chat';
    return assurance === 'passkey' ? options.passkeys !== undefined : assurance !== 'chat';
  }

  return signedInFor;
}

function formOf({ digest, comment }: PendingApproval): DecideForm {
  return { csrf: undefined, verdict: 'approve', digest, ...(comment === undefined ? {} : { comment }) };
}

// Checked before anything is asked with it; an id of another shape names nothing.
function actionId(value: string): string {
  if (!/^act_[a-z0-9]{1,64}$/.test(value)) throw new CountersignError('not-found');
  return value;
}
