import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { errors, interactionPolicy, Provider, type Configuration, type KoaContextWithOIDC } from 'oidc-provider';
import { parseDirectory } from '../directory/file.js';
import type { IdpKeys } from './idp-keys.js';
import { noticePage, secondFactorPage, signInPage, style, stylePath, type SamplePerson } from './idp-page.js';

/** What the development provider needs to know. */
export type IdpOptions = {
  readonly issuer: string;
  readonly keys: IdpKeys;
  readonly directoryFile: string;
  /** The inbox. Without a secret it is a public client; PKCE is required either way. */
  readonly client: { readonly id: string; readonly secret?: string; readonly publicUrl: string };
  /** Audience of the access tokens that can be asked for. */
  readonly audience: string;
};

const hour = 3600;

/** The resource indicator for an audience; audiences that are no URI become a URN. */
export function resourceFor(audience: string): string {
  return URL.canParse(audience) ? audience : `urn:countersign:audience:${encodeURIComponent(audience)}`;
}

/** A request handler that is a whole OpenID provider, whose accounts are the people of the directory file. Keeps grants in memory. */
export function createIdp(options: IdpOptions): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const provider = new Provider(options.issuer, configuration(options));
  const callback = provider.callback();
  const host = new URL(options.issuer).host;
  const csp = `default-src 'none'; style-src 'self'; form-action 'self' ${new URL(options.client.publicUrl).origin}; frame-ancestors 'none'; base-uri 'none'`;

  async function interaction(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    if (url.pathname === stylePath) return send(response, 200, style, 'text/css; charset=utf-8', csp);
    const details = await provider.interactionDetails(request, response);
    if (details.prompt.name !== 'login')
      return send(response, 400, noticePage('Cannot go on', `The prompt "${details.prompt.name}" is not offered here.`), 'text/html; charset=utf-8', csp);
    const people = await samplePeople(options);
    const here = `/interaction/${details.uid}`;
    const html = (page: string) => send(response, 200, page, 'text/html; charset=utf-8', csp);
    const twoFactors = asksMfa(details.params);
    if (request.method !== 'POST') {
      // Only the second factor is missing: the first one is still fresh enough.
      const known = details.prompt.reasons.every((reason) => reason === secondFactorMissing) ? details.session?.accountId : undefined;
      const person = twoFactors ? people.find((one) => one.id === known) : undefined;
      return html(person === undefined ? signInPage(here, people) : secondFactorPage(here, person));
    }
    // The cookie is SameSite=Lax, and the form must be ours.
    if (request.headers['sec-fetch-site'] !== undefined && request.headers['sec-fetch-site'] !== 'same-origin')
      return send(response, 403, noticePage('Not signed in', 'The form did not come from this page.'), 'text/html; charset=utf-8', csp);
    const form = new URLSearchParams(await body(request, 4096));
    const chosen = form.get('person');
    const person = people.find((one) => one.id === chosen);
    if (person === undefined) return send(response, 400, noticePage('Not signed in', 'There is no such person.'), 'text/html; charset=utf-8', csp);
    if (twoFactors && form.get('factor') !== 'pretended') return html(secondFactorPage(here, person));
    // Another person than before: without this the provider would ask the browser to confirm a sign-out first.
    const before = details.session?.uid === undefined ? undefined : await provider.Session.findByUid(details.session.uid);
    if (before !== undefined && before.accountId !== chosen) {
      delete before.accountId;
      before.authorizations = {};
      await before.persist();
      if (details.session !== undefined) Reflect.deleteProperty(details.session, 'accountId');
      await details.save(details.exp - Math.floor(Date.now() / 1000));
    }
    await provider.interactionFinished(
      request,
      response,
      { login: { accountId: chosen ?? '', acr: twoFactors ? 'mfa' : 'login', amr: twoFactors ? ['dev', 'mfa'] : ['dev'], remember: false } },
      { mergeWithLastSubmission: false },
    );
  }

  return async (request, response) => {
    // A name that resolves to 127.0.0.1 must not make this provider answer for another site.
    if (request.headers.host !== host) return send(response, 421, 'Misdirected request\n', 'text/plain; charset=utf-8', csp);
    const url = new URL(request.url ?? '/', options.issuer);
    if (!url.pathname.startsWith('/interaction/')) return void (await callback(request, response));
    try {
      await interaction(request, response, url);
    } catch (error) {
      if (!(error instanceof errors.OIDCProviderError)) throw error;
      send(response, 400, noticePage('This sign-in is over', 'Go back to the inbox and sign in again.'), 'text/html; charset=utf-8', csp);
    }
  };
}

function configuration(options: IdpOptions): Configuration {
  const { client, keys } = options;
  const resource = resourceFor(options.audience);
  const cookie = { httpOnly: true, sameSite: 'lax', signed: true, overwrite: true } as const;
  return {
    clients: [
      {
        client_id: client.id,
        ...(client.secret === undefined
          ? { token_endpoint_auth_method: 'none' as const }
          : { client_secret: client.secret, token_endpoint_auth_method: 'client_secret_basic' as const }),
        redirect_uris: [new URL('/inbox/callback', client.publicUrl).href],
        response_types: ['code'],
        grant_types: ['authorization_code'],
        id_token_signed_response_alg: 'ES256',
        require_auth_time: true,
      },
    ],
    jwks: { keys: [keys.signing] },
    cookies: {
      keys: [...keys.cookieKeys],
      long: cookie,
      short: cookie,
      // Ports of one host share their cookies, so the names must be this provider's alone.
      names: { session: 'dev_idp_session', interaction: 'dev_idp_interaction', resume: 'dev_idp_resume' },
    },
    claims: { openid: ['sub', 'countersign_kind', 'acr', 'auth_time'], profile: ['name'], email: ['email'] },
    conformIdTokenClaims: false,
    acrValues: ['login', 'mfa'],
    pkce: { required: () => true },
    clientBasedCORS: () => false,
    interactions: { policy: policy(), url: (_ctx: KoaContextWithOIDC, interaction) => `/interaction/${interaction.uid}` },
    ttl: { AccessToken: hour, IdToken: hour, Interaction: hour, Session: 8 * hour, Grant: 8 * hour },
    findAccount: async (_ctx, sub) => {
      const person = (await samplePeople(options)).find((one) => one.id === sub);
      if (person === undefined) return undefined;
      return {
        accountId: sub,
        claims: () => ({ sub, name: person.name, countersign_kind: 'person', ...(person.email === undefined ? {} : { email: person.email }) }),
      };
    },
    extraTokenClaims: () => ({ countersign_kind: 'person' }),
    // The inbox is our own page: signing in is the consent.
    loadExistingGrant: async (ctx) => {
      const { client: caller, session, params } = ctx.oidc;
      if (caller === undefined || session?.accountId === undefined) return undefined;
      const grant = new ctx.oidc.provider.Grant({ clientId: caller.clientId, accountId: session.accountId });
      grant.addOIDCScope(typeof params?.['scope'] === 'string' ? params['scope'] : 'openid');
      grant.addResourceScope(resource, 'openid profile email');
      await grant.save();
      return grant;
    },
    renderError: (ctx, out) => {
      ctx.type = 'html';
      ctx.body = noticePage('Sign-in failed', `${out.error}: ${out.error_description ?? 'no details'}`);
    },
    features: {
      devInteractions: { enabled: false },
      rpInitiatedLogout: { enabled: false },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo: (_ctx, indicator) => {
          if (indicator !== resource) throw new errors.InvalidTarget();
          return { scope: 'openid profile email', audience: options.audience, accessTokenFormat: 'jwt', accessTokenTTL: hour, jwt: { sign: { alg: 'ES256' } } };
        },
      },
    },
  };
}

const secondFactorMissing = 'second_factor_missing';

function asksMfa(params: Readonly<Record<string, unknown>> | undefined): boolean {
  const values = params?.['acr_values'];
  return typeof values === 'string' && values.split(' ').includes('mfa');
}

/** The usual policy; whoever asks for `mfa` gets no session without it. */
function policy(): interactionPolicy.DefaultPolicy {
  const base = interactionPolicy.base();
  const missing = (ctx: KoaContextWithOIDC) => asksMfa(ctx.oidc.params) && ctx.oidc.session?.acr !== 'mfa';
  base.get('login')?.checks.add(new interactionPolicy.Check(secondFactorMissing, 'a second factor is asked for', missing));
  return base;
}

// Read each time: an edit of the file shows at once, as it does in the directory itself.
async function samplePeople(options: IdpOptions): Promise<readonly SamplePerson[]> {
  const data = parseDirectory(options.directoryFile, await readFile(options.directoryFile, 'utf8'));
  const groupName = new Map(data.groups.map((group) => [group.id, group.name]));
  return data.people.flatMap((person) => {
    const account = person.accounts.find((one) => one.issuer === 'development' || one.issuer === options.issuer);
    if (account === undefined) return [];
    const groups = person.groups.map((id) => groupName.get(id) ?? id);
    return [{ id: account.subject, name: person.name, active: person.active ?? true, groups, ...(person.email === undefined ? {} : { email: person.email }) }];
  });
}

async function body(request: IncomingMessage, limit: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limit) throw new errors.InvalidRequest('the form is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function send(response: ServerResponse, status: number, text: string, type: string, csp: string): void {
  response.writeHead(status, {
    'content-type': type,
    'cache-control': 'no-store',
    'content-security-policy': csp,
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
  });
  response.end(text);
}
