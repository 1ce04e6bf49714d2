import type { JWK } from 'jose';
import { developmentIssuer, directoryFile } from '../config/directory.js';
import type { DirectoryConfig, EntraDirectory, GoogleDirectory, OktaDirectory, ScimDirectory } from '../config/directory-schema.js';
import { secretFromEnv, type LoadedConfig } from '../config/load.js';
import { CountersignError } from '../domain/errors.js';
import { createAgentsFile } from './agents.js';
import { createFileDirectory } from './file.js';
import type { Authorize } from './live/client.js';
import { createLiveDirectory, type LiveDirectory, type LiveOptions } from './live/directory.js';
import { createEntraSource } from './live/entra.js';
import { createGoogleSource } from './live/google.js';
import { createOktaSource } from './live/okta.js';
import { createScimSource } from './live/scim.js';
import type { DirectorySource } from './live/source.js';
import { assertion, clientToken, fixedToken } from './live/tokens.js';
import type { Directory } from './port.js';

/** The parts of a logger that a directory needs. */
export type DirectoryLog = { error(fields: object, message: string): void; info(fields: object, message: string): void };

type Opened = { readonly source: DirectorySource; readonly issuers: readonly string[]; readonly aliases: boolean; readonly teamsTenant?: string };
type Times = { readonly timeoutMs: number };

const googleScopes = ['user', 'group', 'group.member'].map((what) => `https://www.googleapis.com/auth/admin.directory.${what}.readonly`).join(' ');
const oktaScopes = 'okta.users.read okta.groups.read';
const tellAgainMs = 60_000;

/** The directory that the configuration names. Throws `config-invalid` for one that cannot be; whether the provider answers is found out later. */
export function openDirectory(config: LoadedConfig, log?: DirectoryLog): Directory {
  return config.directory.file === undefined ? openLiveDirectory(config, log) : createFileDirectory(directoryFile(config), developmentIssuer(config));
}

/** The same where people are a provider's. */
export function openLiveDirectory(config: LoadedConfig, log?: DirectoryLog): LiveDirectory {
  const { directory } = config;
  const opened = sourceOf(config, directory);
  const options: LiveOptions = {
    agents: createAgentsFile(config.resolve(directory.agents ?? ''), developmentIssuer(config)),
    issuers: opened.issuers,
    aliases: opened.aliases,
    cacheMs: (directory.cacheSeconds ?? 5) * 1_000,
    deadlineMs: (directory.deadlineSeconds ?? 8) * 1_000,
    ...(opened.teamsTenant === undefined ? {} : { teamsTenant: opened.teamsTenant }),
    ...(log === undefined ? {} : loud(log, opened.source.kind)),
  };
  return createLiveDirectory(opened.source, options);
}

// While a provider is away every lookup fails: the same trouble is told once a minute.
function loud(log: DirectoryLog, source: string): Pick<LiveOptions, 'onTrouble' | 'onRecovery'> {
  const told = new Map<string, number>();
  return {
    onTrouble: ({ kind, message }) => {
      const before = told.get(kind);
      if (before !== undefined && Date.now() - before < tellAgainMs) return;
      told.set(kind, Date.now());
      log.error({ code: 'directory-unavailable', source, kind, reason: message }, 'the directory cannot be asked; nobody can decide until it answers');
    },
    onRecovery: () => {
      told.clear();
      log.info({ source }, 'the directory answers again');
    },
  };
}

function sourceOf(config: LoadedConfig, directory: DirectoryConfig): Opened {
  const times: Times = { timeoutMs: (directory.timeoutSeconds ?? 3) * 1_000 };
  const safe = (url: string) => requireSafeUrl(config, url);
  if (directory.okta !== undefined) return okta(directory.okta, times, safe);
  if (directory.entra !== undefined) return entra(directory.entra, times, safe);
  if (directory.google !== undefined) return google(directory.google, times, safe);
  if (directory.scim !== undefined) return scim(directory.scim, times, safe);
  throw new CountersignError('config-invalid', '"directory" names no provider.');
}

function okta({ url, secretEnv, clientId, issuers, aliases, teams }: OktaDirectory, times: Times, safe: (url: string) => string): Opened {
  const base = safe(url);
  const endpoint = `${base}/oauth2/v1/token`;
  const authorize = clientId === undefined ? fixedToken('SSWS', secretFromEnv(secretEnv)) : oktaApp(clientId, secretEnv, endpoint, times);
  return {
    source: createOktaSource({ url: base, authorize, ...times, ...attributes(aliases, teams) }),
    issuers: issuers ?? [base, `${base}/oauth2/default`],
    aliases: aliases !== undefined,
    ...(teams === undefined ? {} : { teamsTenant: teams.tenantId }),
  };
}

function oktaApp(clientId: string, secretEnv: string, endpoint: string, times: Times): Authorize {
  const jwk = secretJson(secretEnv) as JWK;
  return clientToken(
    endpoint,
    async (nowMs) => ({
      grant_type: 'client_credentials',
      scope: oktaScopes,
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: await assertion({ jwk }, { issuer: clientId, subject: clientId, audience: endpoint }, nowMs),
    }),
    times,
  );
}

function entra({ tenant, clientId, secretEnv, authority, graphUrl, issuers, aliases }: EntraDirectory, times: Times, safe: (url: string) => string): Opened {
  const login = safe(authority ?? 'https://login.microsoftonline.com');
  const graph = safe(graphUrl ?? 'https://graph.microsoft.com/v1.0');
  const secret = secretFromEnv(secretEnv);
  const scope = `${new URL(graph).origin}/.default`;
  const form = { grant_type: 'client_credentials', client_id: clientId, client_secret: secret, scope };
  return {
    source: createEntraSource({
      url: graph,
      authorize: clientToken(`${login}/${tenant}/oauth2/v2.0/token`, async () => form, times),
      ...times,
      ...attributes(aliases),
    }),
    issuers: issuers ?? [`${login}/${tenant}/v2.0`],
    aliases: aliases !== undefined,
    teamsTenant: tenant,
  };
}

function google({ secretEnv, administrator, customer, url, issuers, aliases, teams }: GoogleDirectory, times: Times, safe: (url: string) => string): Opened {
  const key = secretJson(secretEnv) as {
    readonly client_email?: unknown;
    readonly private_key?: unknown;
    readonly private_key_id?: unknown;
    readonly token_uri?: unknown;
  };
  const { client_email: email, private_key: pem, private_key_id: kid, token_uri: tokenUri } = key;
  if (typeof email !== 'string' || typeof pem !== 'string')
    throw new CountersignError('config-invalid', `The environment variable ${secretEnv} holds no key file of a Google service account.`);
  const endpoint = safe(typeof tokenUri === 'string' ? tokenUri : 'https://oauth2.googleapis.com/token');
  const signing = { pem, ...(typeof kid === 'string' ? { kid } : {}) };
  const authorize = clientToken(
    endpoint,
    async (nowMs) => ({
      grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
      assertion: await assertion(signing, { issuer: email, subject: administrator, audience: endpoint, more: { scope: googleScopes } }, nowMs),
    }),
    times,
  );
  return {
    source: createGoogleSource({
      url: safe(url ?? 'https://admin.googleapis.com'),
      authorize,
      customer: customer ?? 'my_customer',
      ...times,
      ...attributes(aliases, teams),
    }),
    issuers: issuers ?? ['https://accounts.google.com'],
    aliases: aliases !== undefined,
    ...(teams === undefined ? {} : { teamsTenant: teams.tenantId }),
  };
}

function scim({ url, secretEnv, issuers, subject, membership, aliases, teams }: ScimDirectory, times: Times, safe: (url: string) => string): Opened {
  return {
    source: createScimSource({
      url: safe(url),
      authorize: fixedToken('Bearer', secretFromEnv(secretEnv)),
      subject: subject ?? 'id',
      membership: membership ?? 'filter',
      ...times,
      ...attributes(aliases, teams),
    }),
    issuers,
    aliases: aliases !== undefined,
    ...(teams === undefined ? {} : { teamsTenant: teams.tenantId }),
  };
}

function attributes(
  aliases?: { readonly attribute: string },
  teams?: { readonly attribute: string },
): { readonly aliasAttribute?: string; readonly teamsAttribute?: string } {
  return { ...(aliases === undefined ? {} : { aliasAttribute: aliases.attribute }), ...(teams === undefined ? {} : { teamsAttribute: teams.attribute }) };
}

function secretJson(name: string): unknown {
  try {
    return JSON.parse(secretFromEnv(name)) as unknown;
  } catch (error) {
    if (error instanceof CountersignError) throw error;
    throw new CountersignError('config-invalid', `The environment variable ${name} does not hold JSON.`);
  }
}

/** The address without a slash at its end. Throws `config-invalid` for one on which our credentials could be read on the way. */
function requireSafeUrl(config: LoadedConfig, text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const loopback = url?.protocol === 'http:' && ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname) && config.environment === 'development';
  if (url === undefined || (url.protocol !== 'https:' && !loopback) || url.username !== '' || url.search !== '' || url.hash !== '')
    throw new CountersignError(
      'config-invalid',
      `${config.file}: "directory" needs addresses with https, without credentials or a query; ${text.slice(0, 100)} is none.`,
    );
  return text.replace(/\/$/, '');
}
