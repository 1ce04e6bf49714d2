import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyInstance } from 'fastify';
import { CountersignError } from '../../domain/errors.js';
import { isActionId } from '../../domain/ids.js';
import { isFinal } from '../../domain/view.js';
import type { DecideReply } from '../../workflows/contract.js';
import type { Actions } from '../actions.js';
import type { Caller } from '../identity/caller.js';
import { ActionProblem } from '../plugins/errors.js';
import { toWire, type WireAction } from '../schemas/action.js';
import { commonProblems, problems } from '../schemas/problem.js';
import { ActionList, CancelBody, DecisionBody, IdParams, ListQuery, NoQuery, SubmitBody, WaitQuery } from '../schemas/requests.js';
import { maySee } from '../temporal/authorise.js';
import { answerSubmission, idempotencyKey, preferredWait } from './submit.js';

type Deps = { readonly actions: Actions; readonly publicUrl: string; readonly closing: AbortSignal };

// A configuration from before this setting has none, and then no token decides.
const notForDecisions =
  'This access token was not issued to a client that may decide. Decide in the inbox or in Teams, or have an operator name its client in identity.issuers[].decide of countersign.yaml; configurations written before that setting existed lack it.';

const security = [{ bearer: [] }];
const tags = ['actions'];
const action = (description: string) => ({ description, content: { 'application/json': { schema: { $ref: 'Action#' } } } });

/** Throws `not-found` for anything that cannot be the id of an action. */
export function requireActionId(id: string): string {
  if (!isActionId(id)) throw new CountersignError('not-found');
  return id;
}

/** Aborted when the client has gone or the server stops, so that nobody is waited for in vain. */
export function gone(reply: { readonly raw: NodeJS.EventEmitter }, closing: AbortSignal): AbortSignal {
  const controller = new AbortController();
  reply.raw.once('close', () => controller.abort());
  return AbortSignal.any([controller.signal, closing]);
}

/** Submit, read, list, decide and cancel actions. */
export function actionRoutes(scope: FastifyInstance, { actions, publicUrl, closing }: Deps): void {
  const app = scope.withTypeProvider<TypeBoxTypeProvider>();

  app.post(
    '/actions',
    {
      schema: {
        tags,
        security,
        summary: 'Ask for an action',
        description:
          'Idempotency-Key is required: 1 to 128 visible ASCII characters. The same key and body give the same action, another body under the same key 409. `Prefer: wait=30` waits for a final state.',
        querystring: NoQuery,
        headers: {
          type: 'object',
          properties: { 'idempotency-key': { type: 'string', description: 'Required' }, prefer: { type: 'string', description: 'wait=N, N at most 60' } },
        },
        body: SubmitBody,
        response: {
          201: action('Allowed: it runs or has run'),
          202: action('Waits for people'),
          ...commonProblems,
          409: problems[409],
          413: problems[413],
          415: problems[415],
          422: problems[422],
        },
      },
    },
    async (request, reply) => {
      const { caller } = request;
      const key = idempotencyKey(request.headers['idempotency-key']);
      const { view, repeated } = await actions.submit(caller.principal, request.body, key, caller.delegation, caller.issuedAt);
      if (repeated) void reply.header('idempotency-replayed', 'true');
      const waitSeconds = preferredWait(request.headers['prefer']);
      if (waitSeconds !== undefined) void reply.header('preference-applied', `wait=${waitSeconds}`);
      const answered =
        waitSeconds === undefined || isFinal(view.status) ? view : await actions.wait(view.id, caller, waitSeconds * 1_000, gone(reply, closing));
      return answerSubmission(reply, answered, caller, publicUrl);
    },
  );

  app.get(
    '/actions',
    {
      schema: {
        tags,
        security,
        summary: 'List actions that the caller may see, newest first',
        querystring: ListQuery,
        response: { 200: { description: 'One page', content: { 'application/json': { schema: ActionList } } }, ...commonProblems },
      },
    },
    async (request) => {
      const { limit = 50, ...filter } = request.query;
      const { rows, nextCursor } = await actions.list({ ...filter, limit }, request.caller);
      return { items: rows, ...(nextCursor === undefined ? {} : { next_cursor: nextCursor }) };
    },
  );

  app.get(
    '/actions/:id',
    {
      schema: {
        tags,
        security,
        summary: 'Read an action, or wait for its final state',
        params: IdParams,
        querystring: WaitQuery,
        response: { 200: action('The action as it stands'), ...commonProblems, 404: problems[404] },
      },
    },
    async (request, reply) => {
      const id = requireActionId(request.params.id);
      const waitMs = (request.query.wait ?? 0) * 1_000;
      const view = waitMs === 0 ? await actions.view(id, request.caller) : await actions.wait(id, request.caller, waitMs, gone(reply, closing));
      void reply.type('application/json');
      return toWire(view, request.caller, publicUrl);
    },
  );

  app.post(
    '/actions/:id/decisions',
    {
      schema: {
        tags,
        security,
        summary: 'Approve or reject as the person signed in',
        params: IdParams,
        querystring: NoQuery,
        body: DecisionBody,
        response: { 200: action('The decision counts'), ...commonProblems, 404: problems[404], 409: problems[409], 413: problems[413], 415: problems[415] },
      },
    },
    async (request) => {
      const { caller, body } = request;
      const actionId = requireActionId(request.params.id);
      if (caller.person === undefined) throw new CountersignError('approver-not-human');
      if (!caller.mayDecide) throw new CountersignError('not-permitted', notForDecisions);
      const deciding = actions.decide({
        actionId,
        person: caller.person,
        channel: 'api',
        // A bearer token says who asks, not that the person is there; and nobody but us could check it.
        assurance: 'chat',
        verdict: body.verdict,
        digest: body.digest,
        ...(body.plan_digest === undefined ? {} : { planDigest: body.plan_digest }),
        ...(body.comment === undefined ? {} : { comment: body.comment }),
      });
      return answerReply(await orNothing(deciding, actionId, caller), caller);
    },
  );

  app.post(
    '/actions/:id/cancel',
    {
      schema: {
        tags,
        security,
        summary: 'Cancel, as the requester or the owner of the agent that asked',
        params: IdParams,
        querystring: NoQuery,
        body: CancelBody,
        response: {
          200: action('Cancelled, or being cancelled'),
          ...commonProblems,
          404: problems[404],
          409: problems[409],
          413: problems[413],
          415: problems[415],
        },
      },
    },
    async (request) => {
      const id = requireActionId(request.params.id);
      return answerReply(await actions.cancel(id, request.caller.principal, request.body?.reason), request.caller);
    },
  );

  function answerReply(reply: DecideReply, caller: Caller): WireAction {
    // Somebody who tried to decide on what is none of their business learns not even that it is there; the workflow recorded the attempt.
    if (!maySee(reply.view, caller)) throw new CountersignError('not-found');
    if (reply.accepted) return toWire(reply.view, caller, publicUrl);
    throw new ActionProblem(reply.code, reply.detail, toWire(reply.view, caller, publicUrl));
  }

  // An error tells as much as a refusal: for those who may not see the action it is the same as for one that is not there.
  async function orNothing(deciding: Promise<DecideReply>, id: string, caller: Caller): Promise<DecideReply> {
    try {
      return await deciding;
    } catch (error) {
      await actions.view(id, caller);
      throw error;
    }
  }
}
