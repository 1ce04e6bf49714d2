import { ConfidentialClientApplication, LogLevel, type NodeSystemOptions } from '@azure/msal-node';
import { CountersignError } from '../domain/errors.js';
import type { TeamsConfig } from './schema.js';

/** The Teams section of the configuration with the secret it names. */
export type TeamsCredentials = TeamsConfig & { readonly appPassword?: string };

/** Gives the bot's own access token for the Bot Connector, a new one with `renew`. Throws `channel-unavailable` when none can be had. */
export type BotToken = (options?: { readonly renew?: boolean }) => Promise<string>;

/** What is said while nobody has opened the local Teams of a development system. It is no trouble, and told as none. */
export const noLocalTeams = 'No Teams is connected here yet; "npm run teams" opens a local one.';

/** The audience of the bot's own tokens. */
export const connectorScope = 'https://api.botframework.com';

const microsoftAuthority = 'https://login.microsoftonline.com';
const timeoutMs = 10_000;

/**
 * Tokens of a single-tenant bot, cached until they expire.
 * Requires an https authority; plain http is accepted on loopback only, for development and tests.
 */
export function createBotToken(config: TeamsCredentials): BotToken {
  const secret = config.appPassword;
  if (secret === undefined || secret === '') {
    return () => Promise.reject(new CountersignError('channel-unavailable', 'No password of the Teams bot is configured.'));
  }
  const base = secureUrl(config.loginAuthority ?? microsoftAuthority, 'teams.loginAuthority');
  const local = base.protocol === 'http:';
  const authority = local ? new URL(microsoftAuthority) : base;
  const client = new ConfidentialClientApplication({
    auth: {
      clientId: config.appId,
      clientSecret: secret,
      authority: `${authority.origin}/${encodeURIComponent(config.tenantId)}`,
      knownAuthorities: [authority.host],
    },
    // MSAL speaks https only; what it would send to Microsoft goes to the local authority instead.
    system: { networkClient: network(local ? base.origin : undefined), loggerOptions: { logLevel: LogLevel.Error, piiLoggingEnabled: false } },
  });
  return async ({ renew = false } = {}) => {
    try {
      const result = await client.acquireTokenByClientCredential({ scopes: [`${connectorScope}/.default`], skipCache: renew });
      if (result?.accessToken === undefined || result.accessToken === '') throw new Error('no token');
      return result.accessToken;
    } catch (error) {
      if (local && !(await answers(base))) throw new CountersignError('channel-unavailable', noLocalTeams, { cause: error });
      // The cause names what the authority said; MSAL puts no secret into it.
      throw new CountersignError('channel-unavailable', 'The bot got no access token from its login authority.', { cause: error });
    }
  };
}

/** A URL that secrets may be sent to: https, or http on loopback. Throws `config-invalid` that names `what`. */
export function secureUrl(value: string, what: string): URL {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url.hostname))) return url;
  throw new CountersignError('config-invalid', `${what} must be an https address; http is accepted on loopback only.`);
}

async function answers(base: URL): Promise<boolean> {
  return fetch(base, { redirect: 'manual', signal: AbortSignal.timeout(2_000) }).then(
    () => true,
    () => false,
  );
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname);
}

function network(localOrigin: string | undefined): NonNullable<NodeSystemOptions['networkClient']> {
  const send = async (method: 'GET' | 'POST', url: string, options?: { headers?: Record<string, string>; body?: string }) => {
    const target = new URL(url);
    const response = await fetch(localOrigin === undefined ? target : new URL(target.pathname + target.search, localOrigin), {
      method,
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
      ...(options?.headers === undefined ? {} : { headers: options.headers }),
      ...(method === 'GET' || options?.body === undefined ? {} : { body: options.body }),
    });
    return { status: response.status, headers: Object.fromEntries(response.headers), body: (await response.json()) as never };
  };
  return { sendGetRequestAsync: (url, options) => send('GET', url, options), sendPostRequestAsync: (url, options) => send('POST', url, options) };
}
