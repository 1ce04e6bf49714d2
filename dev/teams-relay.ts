import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import type { TeamsCredentials } from '../config/teams-token.js';
import { CountersignError } from '../domain/errors.js';
import type { JsonObject } from '../domain/json.js';
import { registerBotAuthority } from './bot-authority.js';

export type TeamsRelayOptions = {
  readonly config: TeamsCredentials;
  readonly environment: string;
  /** Where the bot listens, for example `http://127.0.0.1:7780/v1/teams/messages`. */
  readonly botUrl: string;
  /** The Connector of the local Teams, for example `http://127.0.0.1:56150/_connector`. */
  readonly connectorUrl: string;
  readonly port: number;
  /** The one person who sits before the local Teams; cards for others are refused, as when the bot is not installed. */
  readonly aadObjectId: string;
  readonly onCall?: (line: string) => void;
};

export type TeamsRelay = { readonly url: string; close(): Promise<void> };

/**
 * A local stand-in for the Bot Framework between a local Teams, which knows no tokens, and our bot, which accepts
 * nothing unsigned: it signs what the local Teams delivers and checks the bot's own token on the way back.
 * It would sign for anybody who reaches it: it listens on loopback only and throws `config-invalid` outside development.
 */
export async function startTeamsRelay(options: TeamsRelayOptions): Promise<TeamsRelay> {
  const { config, environment, botUrl, connectorUrl, onCall } = options;
  if (environment !== 'development' || process.env['NODE_ENV'] === 'production') {
    throw new CountersignError('config-invalid', 'The Teams relay signs for anybody on this machine, so it runs in development only.');
  }
  const server = Fastify({ bodyLimit: 262_144, forceCloseConnections: true });
  let url = '';
  const identity = { appId: config.appId, appPassword: config.appPassword ?? '', tenantId: config.tenantId };
  if (identity.appPassword === '') throw new CountersignError('config-invalid', 'The relay needs the password of the bot.');
  const authority = await registerBotAuthority(server, identity, () => url);
  server.addHook('onRequest', async (request, reply) => {
    // A page can send any other type without being asked first.
    if (request.url === '/api/messages' && !/^application\/json\b/.test(request.headers['content-type'] ?? ''))
      return reply.code(415).send({ error: 'JSON only' });
    if (fromBrowser(request, url)) return reply.code(403).send({ error: 'not for browsers' });
    return undefined;
  });
  relayActivities(server);
  relayConnector(server);
  url = await server.listen({ host: '127.0.0.1', port: options.port });
  return { url, close: () => server.close() };

  // Local Teams to bot.
  function relayActivities(app: FastifyInstance): void {
    app.post<{ Body: JsonObject }>('/api/messages', async (request, reply) => {
      const { body } = request;
      const tenant = { id: config.tenantId };
      const conversation = { ...(body['conversation'] as JsonObject | undefined), tenantId: config.tenantId };
      const activity = { ...body, serviceUrl: url, conversation, channelData: { ...(body['channelData'] as JsonObject | undefined), tenant } };
      const response = await fetch(botUrl, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${await authority.channelToken()}` },
        body: JSON.stringify(activity),
      });
      onCall?.(`teams → bot ${word(body['type'])} ${word(body['name'])} ${response.status}`);
      return pass(response, reply);
    });
  }

  // Bot to local Teams.
  function relayConnector(app: FastifyInstance): void {
    app.route<{ Body: JsonObject | undefined }>({
      method: ['GET', 'POST', 'PUT', 'DELETE'],
      url: '/v3/*',
      handler: async (request, reply) => {
        try {
          await authority.checkBotToken(request.headers.authorization);
        } catch {
          return reply.code(401).send({ error: { code: 'Unauthorized' } });
        }
        const members = (request.body?.['members'] ?? []) as readonly { readonly id?: string }[];
        if (request.url === '/v3/conversations' && members.some((member) => member.id !== options.aadObjectId)) {
          return reply.code(403).send({ error: { code: 'BotNotInConversationRoster' } });
        }
        const response = await fetch(connectorUrl + request.url, {
          method: request.method,
          ...(request.body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(request.body) }),
        });
        onCall?.(`bot → teams ${request.method} ${request.url} ${response.status}`);
        return pass(response, reply);
      },
    });
  }
}

const word = (value: unknown): string => (typeof value === 'string' ? value : '');

async function pass(
  response: Response,
  reply: { code(status: number): { header(name: string, value: string): { send(body: string): unknown } } },
): Promise<unknown> {
  const text = await response.text();
  return reply
    .code(response.status)
    .header('content-type', response.headers.get('content-type') ?? 'application/json')
    .send(text);
}

// A page on the web must not get an approval signed: browsers tell where a request comes from, and a rebound name shows in Host.
function fromBrowser(request: FastifyRequest, url: string): boolean {
  const { host, origin } = request.headers;
  const { port } = new URL(url);
  return origin !== undefined || request.headers['sec-fetch-site'] !== undefined || (host !== `127.0.0.1:${port}` && host !== `localhost:${port}`);
}
