import Fastify from 'fastify';
import type { JsonObject } from '../../../domain/json.js';
import { startBotConnector, type Faults, type TeamsPerson } from './index.js';

/**
 * The fake as a process of its own: `node --import tsx test/helpers/bot-connector/main.ts`, with PORT, CONTROL_PORT and
 * BOT_URL in the environment. The first line on stdout is JSON: `{"url", "control", "config"}`. On the control port:
 * `GET /messages`, `GET /calls`, `PUT /bot-url {url}`, `PUT /faults {...}` (replaces all), `POST /rotate {...}`,
 * `POST /click {person, activityId, verb, comment?, tamper?}`, `POST /deliver {activity, claims?}`, `POST /remove {activityId}`.
 */
const env = (name: string): number => Number(process.env[name] ?? 0);
const connector = await startBotConnector({ port: env('PORT'), ...(process.env['BOT_URL'] === undefined ? {} : { botUrl: process.env['BOT_URL'] }) });
const control = Fastify();

type ClickBody = {
  readonly person: TeamsPerson;
  readonly activityId: string;
  readonly verb: 'approve' | 'reject' | 'refresh';
  readonly comment?: string;
  readonly tamper?: JsonObject;
};
const messageBy = (activityId: string) => {
  const found = connector.messages().find((message) => message.activityId === activityId);
  if (found === undefined) throw new Error(`no message ${activityId}`);
  return found;
};
control.get('/messages', async () => connector.messages());
control.get('/calls', async () => connector.calls);
control.put<{ Body: { readonly url: string } }>('/bot-url', async ({ body }) => {
  connector.setBotUrl(body.url);
  return {};
});
control.put<{ Body: Faults }>('/faults', async ({ body }) => {
  for (const name of Object.keys(connector.faults)) delete connector.faults[name as keyof Faults];
  return Object.assign(connector.faults, body);
});
control.post<{ Body: { readonly forget?: boolean } }>('/rotate', async ({ body }) => {
  await connector.authority.rotate(body);
  return {};
});
control.post<{ Body: ClickBody }>('/click', async ({ body }) =>
  connector.click(body.person, messageBy(body.activityId), body.verb, body.comment, body.tamper ?? {}),
);
control.post<{ Body: { readonly activity: JsonObject; readonly claims?: object } }>('/deliver', async ({ body }) =>
  connector.deliver(body.activity, body.claims === undefined ? {} : { claims: body.claims }),
);
control.post<{ Body: { readonly activityId: string } }>('/remove', async ({ body }) => {
  connector.remove(messageBy(body.activityId));
  return {};
});

const controlUrl = await control.listen({ host: '127.0.0.1', port: env('CONTROL_PORT') });
process.stdout.write(`${JSON.stringify({ url: connector.url, control: controlUrl, config: connector.config })}\n`);
const stop = () => void Promise.all([connector.close(), control.close()]).then(() => process.exit(0));
process.once('SIGINT', stop);
process.once('SIGTERM', stop);
