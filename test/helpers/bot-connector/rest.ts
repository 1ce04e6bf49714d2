import { setTimeout as pause } from 'node:timers/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { BotAuthority } from '../../../dev/bot-authority.js';
import type { JsonObject } from '../../../domain/json.js';
import type { ConnectorState } from './state.js';

type Ids = { readonly Params: { readonly c: string; readonly a: string }; readonly Body: JsonObject };

/** The Bot Connector's REST interface: every call needs the bot's own token, and every fault applies. */
export function registerRest(server: FastifyInstance, state: ConnectorState, authority: BotAuthority, calls: string[]): void {
  const before = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    calls.push(`${request.method} ${request.url}`);
    const { faults } = state;
    if (faults.slowMs !== undefined) await pause(faults.slowMs);
    if (faults.down === true) {
      // Hijacked, or the call would still take effect and only its answer be lost.
      reply.hijack();
      request.raw.socket.destroy();
      return;
    }
    if (faults.throttle !== undefined && faults.throttle.times > 0) {
      faults.throttle.times -= 1;
      await reply
        .code(429)
        .header('retry-after', String(faults.throttle.retryAfterSeconds))
        .send({ error: { code: 'TooManyRequests' } });
      return;
    }
    if (faults.fail !== undefined && faults.fail.times > 0) {
      faults.fail.times -= 1;
      await reply.code(faults.fail.status).send({ error: { code: 'Fault' } });
      return;
    }
    try {
      await authority.checkBotToken(request.headers.authorization);
    } catch {
      await reply.code(401).send({ error: { code: 'Unauthorized' } });
    }
  };
  const missing = (reply: FastifyReply) => reply.code(404).send({ error: { code: 'ConversationNotFound' } });

  server.post<{ Body: JsonObject }>('/v3/conversations', { preHandler: before }, async ({ body }, reply) => {
    const members = body['members'] as readonly { readonly id: string }[] | undefined;
    const channel = (body['channelData'] as { channel?: { id?: string } } | undefined)?.channel?.id;
    const recipient = channel ?? members?.[0]?.id;
    if (recipient === undefined) return reply.code(400).send({ error: { code: 'BadSyntax' } });
    if (state.faults.blocked?.includes(recipient) === true) return reply.code(403).send({ error: { code: 'BotNotInConversationRoster' } });
    if (channel === undefined) return reply.code(201).send({ id: state.personal(recipient).id });
    const thread = state.thread(channel);
    state.post(thread, thread.activityId, body['activity'] as JsonObject);
    return reply.code(201).send({ id: thread.id });
  });

  const send = async (request: FastifyRequest<Ids>, reply: FastifyReply) => {
    const conversation = state.conversation(request.params.c);
    if (conversation === undefined) return missing(reply);
    const id = state.newId();
    state.post(conversation, id, request.body);
    return reply.code(201).send({ id });
  };
  server.post<Ids>('/v3/conversations/:c/activities', { preHandler: before }, send);
  server.post<Ids>('/v3/conversations/:c/activities/:a', { preHandler: before }, send);
  server.put<Ids>('/v3/conversations/:c/activities/:a', { preHandler: before }, async (request, reply) => {
    const { c, a } = request.params;
    return state.update(c, a, request.body) ? { id: a } : missing(reply);
  });
  server.delete<Ids>('/v3/conversations/:c/activities/:a', { preHandler: before }, async (request, reply) =>
    state.remove(request.params.c, request.params.a) ? reply.code(200).send() : missing(reply),
  );
}
