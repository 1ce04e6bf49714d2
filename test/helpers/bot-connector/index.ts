import { randomUUID } from 'node:crypto';
import Fastify from 'fastify';
import { registerBotAuthority, type BotAuthority, type ChannelClaims } from '../../../dev/bot-authority.js';
import type { TeamsCredentials } from '../../../config/teams-token.js';
import type { JsonObject } from '../../../domain/json.js';
import { registerRest } from './rest.js';
import { cardSeenBy, ConnectorState, type Faults, type StoredMessage, type TeamsPerson } from './state.js';

export { cardSeenBy, type Faults, type StoredMessage, type TeamsPerson } from './state.js';

export const sampleTenant = 'd6d49420-f39b-4df7-a1dc-d59a935871db';

/** The people of the sample directory, as Teams knows them. */
export const samplePeople = {
  alice: { name: 'Alice Almeida', aadObjectId: '00000000-0000-4000-8000-000000000001' },
  bob: { name: 'Bob Baumann', aadObjectId: '00000000-0000-4000-8000-000000000002' },
  carol: { name: 'Carol Chen', aadObjectId: '00000000-0000-4000-8000-000000000003' },
  dave: { name: 'Dave Diallo', aadObjectId: '00000000-0000-4000-8000-000000000004' },
  /** In the tenant, but not in the directory. */
  stranger: { name: 'Alice Almeida', aadObjectId: '00000000-0000-4000-8000-0000000000ff' },
} as const satisfies Record<string, TeamsPerson>;

export type BotConnectorOptions = {
  readonly port?: number;
  readonly tenantId?: string;
  readonly appId?: string;
  readonly appPassword?: string;
  /** Where activities are delivered; may be set later. */
  readonly botUrl?: string;
};

/** What a person saw after a click. */
export type ClickResult = {
  readonly status: number;
  readonly body: JsonObject;
  readonly kind: 'card' | 'message' | 'error';
  readonly card?: JsonObject;
  readonly text?: string;
};

/** Departures from what Teams would send. */
export type Tamper = {
  readonly claims?: ChannelClaims;
  readonly authorization?: string | null;
  readonly activity?: JsonObject;
  readonly data?: JsonObject;
  readonly trigger?: 'manual' | 'automatic';
};

export type BotConnector = {
  readonly url: string;
  readonly authority: BotAuthority;
  /** The `teams` section of a configuration that uses this fake, with the bot's password. */
  readonly config: Required<Omit<TeamsCredentials, 'appPasswordEnv'>>;
  readonly faults: Faults;
  /** `METHOD path` of every Connector call, refused ones included. */
  readonly calls: readonly string[];
  setBotUrl(url: string): void;
  messages(): readonly StoredMessage[];
  /** Messages in the personal chat of a person, oldest first. */
  messagesOf(person: TeamsPerson): readonly StoredMessage[];
  /** Clicks a button of the card that the person sees, as Teams does: a signed invoke, whose answer is shown to that person alone. */
  click(person: TeamsPerson, message: StoredMessage, verb: 'approve' | 'reject' | 'refresh', comment?: string, tamper?: Tamper): Promise<ClickResult>;
  /** The automatic refresh that Teams makes when a card with `refresh` is shown. */
  refresh(person: TeamsPerson, message: StoredMessage): Promise<ClickResult>;
  /** Writes to the bot. */
  say(person: TeamsPerson, text: string): Promise<number>;
  install(person: TeamsPerson): Promise<number>;
  /** The activity that a click would send, to be changed or replayed. */
  clickActivity(person: TeamsPerson, message: StoredMessage, verb: 'approve' | 'reject' | 'refresh', comment?: string, tamper?: Tamper): JsonObject;
  /** Delivers any activity with a signed token. */
  deliver(activity: JsonObject, tamper?: Pick<Tamper, 'claims' | 'authorization'>): Promise<{ readonly status: number; readonly body: JsonObject }>;
  remove(message: StoredMessage): void;
  close(): Promise<void>;
};

/** Starts a Bot Connector with its login authority on loopback. It issues and checks real RS256 tokens. */
export async function startBotConnector(options: BotConnectorOptions = {}): Promise<BotConnector> {
  const tenantId = options.tenantId ?? sampleTenant;
  const appId = options.appId ?? '7d5c8f2e-1111-4222-8333-444455556666';
  const appPassword = options.appPassword ?? 'fake-bot-password';
  const server = Fastify({ forceCloseConnections: true });
  const state = new ConnectorState();
  const calls: string[] = [];
  let url = '';
  let botUrl = options.botUrl ?? '';
  const authority = await registerBotAuthority(server, { appId, appPassword, tenantId }, () => url);
  registerRest(server, state, authority, calls);
  url = await server.listen({ host: '127.0.0.1', port: options.port ?? 0 });

  const envelope = (person: TeamsPerson, conversationId: string): JsonObject => ({
    id: `f:${randomUUID()}`,
    channelId: 'msteams',
    serviceUrl: url,
    timestamp: new Date().toISOString(),
    from: { id: `29:${person.aadObjectId}`, name: person.name, aadObjectId: person.aadObjectId },
    recipient: { id: `28:${appId}`, name: 'Countersign' },
    conversation: { id: conversationId, tenantId, conversationType: conversationId.startsWith('a:') ? 'personal' : 'channel' },
    channelData: { tenant: { id: tenantId } },
  });

  const connector: BotConnector = {
    url,
    authority,
    config: {
      appId,
      tenantId,
      appPassword,
      serviceUrl: url,
      tokenIssuer: authority.issuer,
      openIdMetadataUrl: `${url}${authority.metadataPath}`,
      loginAuthority: url,
    },
    faults: state.faults,
    calls,
    setBotUrl: (to) => void (botUrl = to),
    messages: () => state.messages(),
    messagesOf: (person) => state.messages().filter((message) => message.kind === 'personal' && message.recipient === person.aadObjectId && !message.deleted),
    async deliver(activity, { claims, authorization } = {}) {
      const header = authorization === undefined ? `Bearer ${await authority.channelToken(claims)}` : authorization;
      const response = await fetch(botUrl, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...(header === null ? {} : { authorization: header }) },
        body: JSON.stringify(activity),
      });
      const text = await response.text();
      return { status: response.status, body: text === '' ? {} : (JSON.parse(text) as JsonObject) };
    },
    clickActivity(person, message, verb, comment, tamper = {}) {
      const card = cardSeenBy(state.messages().find((stored) => stored.activityId === message.activityId) ?? message, person.aadObjectId);
      const data = buttonData(card, verb);
      return {
        ...envelope(person, message.conversationId),
        type: 'invoke',
        name: 'adaptiveCard/action',
        replyToId: message.activityId,
        value: {
          action: { type: 'Action.Execute', verb, data: { ...data, ...(comment === undefined ? {} : { comment }), ...tamper.data } },
          trigger: tamper.trigger ?? 'manual',
        },
        ...tamper.activity,
      };
    },
    async click(person, message, verb, comment, tamper = {}) {
      const { status, body } = await connector.deliver(connector.clickActivity(person, message, verb, comment, tamper), tamper);
      const { type, value } = body as { type?: string; value?: JsonObject | string };
      if (type === 'application/vnd.microsoft.card.adaptive') {
        state.replaceFor(message, person.aadObjectId, value as JsonObject);
        return { status, body, kind: 'card', card: value as JsonObject };
      }
      if (type === 'application/vnd.microsoft.activity.message')
        return { status, body, kind: 'message', text: typeof value === 'string' ? value : JSON.stringify(value) };
      return { status, body, kind: 'error' };
    },
    refresh: (person, message) => connector.click(person, message, 'refresh', undefined, { trigger: 'automatic' }),
    async say(person, text) {
      return (await connector.deliver({ ...envelope(person, state.personal(person.aadObjectId).id), type: 'message', text })).status;
    },
    async install(person) {
      return (await connector.deliver({ ...envelope(person, state.personal(person.aadObjectId).id), type: 'installationUpdate', action: 'add' })).status;
    },
    remove: (message) => void state.remove(message.conversationId, message.activityId),
    close: () => server.close(),
  };
  return connector;
}

// A click sends the data of the button that is there. For a button that is gone it is what the first card had, as from a screen left open.
function buttonData(card: JsonObject | undefined, verb: string): JsonObject {
  const refresh = (card?.['refresh'] as { action?: JsonObject } | undefined)?.action;
  const actions = [...((card?.['actions'] as readonly JsonObject[] | undefined) ?? []), ...(refresh === undefined ? [] : [refresh])];
  const found = actions.find((action) => action['verb'] === verb);
  if (found !== undefined) return found['data'] as JsonObject;
  const any = actions.find((action) => action['data'] !== undefined);
  return any === undefined ? {} : { ...(any['data'] as JsonObject), verb };
}
