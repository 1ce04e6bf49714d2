import type { FastifyBaseLogger, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import type { TeamsCredentials } from '../../config/teams-token.js';
import type { Directory } from '../../directory/port.js';
import { CountersignError } from '../../domain/errors.js';
import type { Actions } from '../actions.js';
import { RateLimited, sendError } from '../plugins/errors.js';
import { admit, cardInvoke, clickOf, type Activity } from './activity.js';
import { ChannelTokenRefused, createChannelTokenVerifier, type ChannelToken } from './channel-token.js';
import { createRate } from '../plugins/rate.js';
import { createClicks, type ClickReply } from './clicks.js';
import { createDelivered } from './delivered.js';
import { createTeamsAiEngine, type InvokeBody, type TeamsEngine, type TeamsHandlers } from './engine.js';

export type TeamsPluginOptions = {
  readonly config: TeamsCredentials;
  readonly actions: Actions;
  readonly directory: Directory;
  readonly publicUrl: string;
  readonly log: FastifyBaseLogger;
  /** Another Teams SDK than `@microsoft/teams-ai`. */
  readonly createEngine?: (config: TeamsCredentials, handlers: TeamsHandlers) => TeamsEngine;
  readonly keyCooldownMs?: number;
  readonly answerWithinMs?: number;
  readonly requestsPerMinute?: { readonly address?: number; readonly person?: number };
};

const bodyLimit = 262_144;
// Teams delivers for all people from few addresses.
const defaultAddressRate = 3_000;
const defaultPersonRate = 120;
const logLinesPerMinute = 60;

declare module 'fastify' {
  interface FastifyRequest {
    teamsToken: ChannelToken | undefined;
  }
}

/**
 * `POST /v1/teams/messages`, the endpoint of the Teams bot. The token is verified before the body is even read; the
 * activity is handed to the Teams SDK only when the token vouches for its channel, tenant and service address.
 */
export const teamsPlugin: FastifyPluginAsync<TeamsPluginOptions> = async (app, options) => {
  const { config, publicUrl, log } = options;
  const verify = createChannelTokenVerifier(config, options.keyCooldownMs === undefined ? {} : { cooldownMs: options.keyCooldownMs });
  const delivered = createDelivered();
  const addressRate = createRate(options.requestsPerMinute?.address ?? defaultAddressRate);
  const personRate = createRate(options.requestsPerMinute?.person ?? defaultPersonRate);
  const logRate = createRate(logLinesPerMinute);
  const click = createClicks({
    actions: options.actions,
    directory: options.directory,
    tenantId: config.tenantId,
    publicUrl,
    log,
    ...(options.answerWithinMs === undefined ? {} : { answerWithinMs: options.answerWithinMs }),
  });
  const engine = (options.createEngine ?? createTeamsAiEngine)(config, {
    onCard: async (activity) => invokeBody(await click(activity, clickOf(activity))),
    onOther: (activity) => helpFor(activity, publicUrl),
  });

  app.addHook('onListen', async () => {
    await engine.prepare().catch((error: unknown) => log.error({ err: error }, 'the Teams SDK could not be loaded'));
  });

  app.decorateRequest('teamsToken', undefined);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'string', bodyLimit }, app.getDefaultJsonParser('error', 'error'));
  app.setErrorHandler((error: unknown, request, reply) => {
    refused(error, request);
    return sendError(error, request, reply, publicUrl);
  });

  // A flood of bad tokens may not fill the disk either.
  function refused(error: unknown, request: FastifyRequest): void {
    if (!(error instanceof CountersignError) || !logRate('refused').allowed) return;
    const reason = error instanceof ChannelTokenRefused ? error.reason : error.detail;
    log.warn({ code: error.code, reason, address: request.ip, request: request.id }, 'teams activity refused');
  }

  app.post(
    '/v1/teams/messages',
    {
      bodyLimit,
      schema: { hide: true },
      onRequest: async (request) => {
        limit(addressRate(request.ip));
        request.teamsToken = await verify(request.headers.authorization);
      },
    },
    async (request, reply) => {
      const { teamsToken } = request;
      if (teamsToken === undefined) throw new CountersignError('token-missing');
      const activity = admit(request.body, teamsToken, config.tenantId);
      limit(personRate(activity.from.id));
      return handle(activity, reply);
    },
  );

  async function handle(activity: Activity, reply: FastifyReply): Promise<FastifyReply> {
    if (activity.type === 'invoke') {
      if (activity.name !== cardInvoke) return reply.code(200).send(invokeError(400, 'NotSupported', 'Countersign does not offer this.'));
      clickOf(activity);
    }
    if (!delivered.first(activity.conversation.id, activity.id)) {
      log.warn({ code: 'decision-replayed', type: activity.type }, 'teams activity delivered again; ignored');
      const text = 'Nothing was changed: this click had arrived before. The card shows what counts.';
      return activity.type === 'invoke' ? reply.code(200).send(invokeBody({ kind: 'message', text })) : reply.code(200).send();
    }
    const answer = await run(activity);
    return reply.code(answer.status).send(answer.body ?? '');
  }

  async function run(activity: Activity): Promise<{ readonly status: number; readonly body?: unknown }> {
    try {
      return await engine.handle(activity);
    } catch (error) {
      // A greeting that could not be sent is no reason for Teams to deliver the activity again and again.
      if (activity.type !== 'invoke') {
        log.warn({ err: error, type: activity.type }, 'teams reply failed');
        return { status: 200 };
      }
      throw error;
    }
  }
};

function limit(state: { readonly allowed: boolean; readonly retryAfterSeconds: number }): void {
  if (!state.allowed) throw new RateLimited(state.retryAfterSeconds);
}

function invokeBody(reply: ClickReply): InvokeBody {
  return reply.kind === 'card'
    ? { statusCode: 200, type: 'application/vnd.microsoft.card.adaptive', value: reply.card }
    : { statusCode: 200, type: 'application/vnd.microsoft.activity.message', value: reply.text };
}

function invokeError(statusCode: number, code: string, message: string): InvokeBody {
  return { statusCode, type: 'application/vnd.microsoft.error', value: { code, message } };
}

function helpFor(activity: Activity, publicUrl: string): string | undefined {
  const welcome =
    'This is Countersign. When an agent asks for something that needs your decision, a card appears here. ' +
    `Writing to this bot decides nothing. Everything that waits for you: ${publicUrl.replace(/\/+$/, '')}/inbox`;
  if (activity.type === 'message') return welcome;
  if (activity.type === 'installationUpdate') return (activity as { action?: unknown }).action === 'add' ? welcome : undefined;
  // installationUpdate greets whoever installed the bot; the arrival of other people is not ours to comment on.
  return undefined;
}
