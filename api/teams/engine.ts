import type { ServiceClientCredentials, ServiceClientCredentialsFactory } from 'botframework-connector';
import { connectorScope, createBotToken, type TeamsCredentials } from '../../config/teams-token.js';
import type { Activity } from './activity.js';

/** What our handlers answer to an invoke, as Teams wants it. */
export type InvokeBody = { readonly statusCode: number; readonly type: string; readonly value: unknown };

/** Our side of a turn. */
export type TeamsHandlers = {
  readonly onCard: (activity: Activity) => Promise<InvokeBody>;
  /** A short text for people who write to the bot or install it; undefined says nothing. */
  readonly onOther: (activity: Activity) => string | undefined;
};

/**
 * Runs verified activities through a Teams SDK. This is the whole of what we ask of one, so that its successor can
 * take the place without touching anything that decides.
 */
export interface TeamsEngine {
  /** Loads what takes long, so that the first click does not wait for it. */
  prepare(): Promise<void>;
  /** Requires an activity whose token was verified. Resolves to what is answered on the same request. */
  handle(activity: Activity): Promise<{ readonly status: number; readonly body?: unknown }>;
}

/**
 * The engine on `@microsoft/teams-ai`. Its own authentication is not used: activities come in verified. It is loaded
 * on first use, since it brings far more than an api without Teams should start with.
 */
export function createTeamsAiEngine(config: TeamsCredentials, handlers: TeamsHandlers): TeamsEngine {
  const engine = once(() => load(config, handlers));
  return { prepare: async () => void (await engine()), handle: async (activity) => (await engine()).handle(activity) };
}

async function load(config: TeamsCredentials, handlers: TeamsHandlers): Promise<Pick<TeamsEngine, 'handle'>> {
  const [{ Application, TeamsAdapter }, botbuilder, connector] = await Promise.all([
    import('@microsoft/teams-ai'),
    import('botbuilder'),
    import('botframework-connector'),
  ]);
  const token = createBotToken(config);
  const credentials: ServiceClientCredentialsFactory = {
    isValidAppId: async (appId) => appId === config.appId,
    isAuthenticationDisabled: async () => false,
    createCredentials: async () =>
      ({
        signRequest: async (request: { headers: { set(name: string, value: string): void } }) => {
          request.headers.set('authorization', `Bearer ${await token()}`);
          return request;
        },
      }) as unknown as ServiceClientCredentials,
  };

  class VerifiedAdapter extends TeamsAdapter {
    async run(activity: Activity, logic: (context: InstanceType<typeof botbuilder.TurnContext>) => Promise<void>) {
      const claimsIdentity = new connector.ClaimsIdentity(
        [
          { type: connector.AuthenticationConstants.AudienceClaim, value: config.appId },
          { type: connector.AuthenticationConstants.AppIdClaim, value: config.appId },
        ],
        'verified',
      );
      const connectorFactory = this.botAuthentication.createConnectorFactory(claimsIdentity);
      const verified = { audience: connectorScope, callerId: '', claimsIdentity, connectorFactory };
      return this.processActivity(verified, activity as never, logic);
    }
    private get botAuthentication() {
      return (this as unknown as { botFrameworkAuthentication: { createConnectorFactory(identity: unknown): never } }).botFrameworkAuthentication;
    }
  }

  const adapter = new VerifiedAdapter({ MicrosoftAppId: config.appId, MicrosoftAppTenantId: config.tenantId, MicrosoftAppType: 'SingleTenant' }, credentials);
  const app = new Application({
    adapter,
    botAppId: config.appId,
    startTypingTimer: false,
    // Turns keep no state: nothing that a chat says may outlive it here.
    storage: { read: async () => ({}), write: async () => undefined, delete: async () => undefined },
  });
  app.adaptiveCards.actionExecute(/^(?:approve|reject|refresh)$/, async (context) => {
    // Our own answer, since teams-ai would answer a card with `refresh` by updating the message for everybody.
    const value = { status: 200, body: await handlers.onCard(context.activity as unknown as Activity) };
    await context.sendActivity({ type: botbuilder.ActivityTypes.InvokeResponse, value });
    return '';
  });
  for (const type of ['message', 'conversationUpdate', 'installationUpdate']) {
    app.activity(type, async (context) => {
      const text = handlers.onOther(context.activity as unknown as Activity);
      if (text !== undefined) await context.sendActivity({ type: 'message', text, textFormat: 'plain' });
    });
  }
  app.error(async (_context, error) => {
    throw error;
  });

  return {
    async handle(activity) {
      const response = await adapter.run(activity, async (context) => void (await app.run(context)));
      return response === undefined ? { status: 200 } : { status: response.status, ...(response.body === undefined ? {} : { body: response.body }) };
    },
  };
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () =>
    (made ??= make().catch((error: unknown) => {
      made = undefined;
      throw error;
    }));
}
