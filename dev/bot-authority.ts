import type { FastifyInstance } from 'fastify';
import { exportJWK, generateKeyPair, jwtVerify, SignJWT, type CryptoKey, type JWK } from 'jose';

/** Who a local Bot Framework issues tokens for. */
export type BotIdentity = { readonly appId: string; readonly appPassword: string; readonly tenantId: string };

/** What a token of the channel says; members given replace the right ones, so that tests can make every wrong token. */
export type ChannelClaims = {
  readonly serviceUrl?: string | null;
  readonly issuer?: string;
  readonly audience?: string;
  readonly issuedAt?: number;
  readonly expiresAt?: number;
  readonly kid?: string;
  readonly key?: CryptoKey;
};

/** A login authority and an OpenID provider as the Bot Framework has them, for development and tests. */
export type BotAuthority = {
  readonly issuer: string;
  readonly metadataPath: string;
  /** A token as the channel sends it to the bot. */
  channelToken(claims?: ChannelClaims): Promise<string>;
  /** Throws unless the header holds a token that this authority issued to the bot. */
  checkBotToken(authorization: string | undefined): Promise<void>;
  /** Signs with a new key from now on. The old one stays published unless `forget` is set. */
  rotate(options?: { readonly forget?: boolean; readonly endorsements?: readonly string[] }): Promise<void>;
  /** How often keys were fetched. */
  readonly keyFetches: () => number;
};

type Key = { readonly kid: string; readonly privateKey: CryptoKey; readonly publicKey: CryptoKey; readonly jwk: JWK & { endorsements: readonly string[] } };

const connectorAudience = 'https://api.botframework.com';
const metadataPath = '/v1/.well-known/openidconfiguration';

/** Registers the authority's routes. Requires that `baseUrl()` is the server's own address once it listens. */
export async function registerBotAuthority(server: FastifyInstance, identity: BotIdentity, baseUrl: () => string): Promise<BotAuthority> {
  const issuer = 'https://api.botframework.com';
  let published: Key[] = [await newKey(1, ['msteams'])];
  let made = 1;
  let fetches = 0;
  const current = (): Key => published[0] as Key;

  server.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) => {
    done(null, Object.fromEntries(new URLSearchParams(body as string)));
  });
  server.get(metadataPath, async () => ({ issuer, jwks_uri: `${baseUrl()}/v1/.well-known/keys`, id_token_signing_alg_values_supported: ['RS256'] }));
  server.get('/v1/.well-known/keys', async () => {
    fetches += 1;
    return { keys: published.map((key) => key.jwk) };
  });
  server.get<{ Params: { tenant: string } }>('/:tenant/v2.0/.well-known/openid-configuration', async (request) => {
    const base = `https://login.microsoftonline.com/${request.params.tenant}`;
    return {
      issuer: `${base}/v2.0`,
      authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
      token_endpoint: `${base}/oauth2/v2.0/token`,
      jwks_uri: `${baseUrl()}/v1/.well-known/keys`,
    };
  });
  server.post<{ Params: { tenant: string }; Body: Record<string, string> }>('/:tenant/oauth2/v2.0/token', async (request, reply) => {
    const { client_id: clientId, client_secret: secret, grant_type: grant, scope = '' } = request.body;
    const right =
      request.params.tenant === identity.tenantId && clientId === identity.appId && secret === identity.appPassword && grant === 'client_credentials';
    if (!right) return reply.code(401).send({ error: 'invalid_client', error_description: 'Unknown client, secret or tenant.' });
    if (!scope.split(' ').includes(`${connectorAudience}/.default`)) return reply.code(400).send({ error: 'invalid_scope' });
    const { kid, privateKey } = current();
    const token = await new SignJWT({ appid: identity.appId, tid: identity.tenantId })
      .setProtectedHeader({ alg: 'RS256', kid, typ: 'JWT' })
      .setIssuer(`https://sts.windows.net/${identity.tenantId}/`)
      .setAudience(connectorAudience)
      .setIssuedAt()
      .setExpirationTime('1h')
      .sign(privateKey);
    return { token_type: 'Bearer', expires_in: 3599, ext_expires_in: 3599, access_token: token };
  });

  return {
    issuer,
    metadataPath,
    keyFetches: () => fetches,
    async channelToken(claims = {}) {
      const now = Math.floor(Date.now() / 1000);
      const serviceUrl = claims.serviceUrl === undefined ? baseUrl() : claims.serviceUrl;
      return new SignJWT(serviceUrl === null ? {} : { serviceurl: serviceUrl })
        .setProtectedHeader({ alg: 'RS256', kid: claims.kid ?? current().kid, typ: 'JWT' })
        .setIssuer(claims.issuer ?? issuer)
        .setAudience(claims.audience ?? identity.appId)
        .setIssuedAt(claims.issuedAt ?? now)
        .setNotBefore((claims.issuedAt ?? now) - 60)
        .setExpirationTime(claims.expiresAt ?? now + 3600)
        .sign(claims.key ?? current().privateKey);
    },
    async checkBotToken(authorization) {
      const token = (authorization ?? '').replace(/^Bearer /, '');
      await jwtVerify(token, ({ kid }) => (published.find((key) => key.kid === kid) ?? current()).publicKey, {
        audience: connectorAudience,
        issuer: `https://sts.windows.net/${identity.tenantId}/`,
        algorithms: ['RS256'],
      });
    },
    async rotate({ forget = false, endorsements = ['msteams'] } = {}) {
      made += 1;
      published = [await newKey(made, endorsements), ...(forget ? [] : published)];
    },
  };
}

async function newKey(number: number, endorsements: readonly string[]): Promise<Key> {
  const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true });
  const kid = `local-${number}`;
  return { kid, privateKey, publicKey, jwk: { ...(await exportJWK(publicKey)), kid, use: 'sig', alg: 'RS256', endorsements } };
}
