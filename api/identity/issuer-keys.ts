import { createRemoteJWKSet, customFetch, type JWTVerifyGetKey } from 'jose';
import type { IssuerConfig } from '../../config/schema.js';

const fetchTimeoutMs = 5_000;
const maxDocumentBytes = 262_144;
const cacheMaxAgeMs = 600_000;
/** After a failed or fruitless fetch the issuer is left alone for this long, so that bad tokens cannot make us hammer it. */
const defaultCooldownMs = 30_000;
const failureCooldownMs = 2_000;

/** Thrown when an issuer's keys cannot be had; says nothing about the token. */
export class IssuerUnavailable extends Error {
  override readonly name = 'IssuerUnavailable';
}

export type IssuerKeysOptions = {
  /** Plain http is accepted from this machine only, and only in development. */
  readonly allowLoopbackHttp: boolean;
  readonly fetch?: typeof fetch;
  readonly cooldownMs?: number;
};

/** The keys of one issuer: found by discovery where no address is configured, cached, refetched when it rotates. */
export function createIssuerKeys(config: IssuerConfig, options: IssuerKeysOptions): JWTVerifyGetKey {
  let found: JWTVerifyGetKey | undefined;
  let pending: Promise<JWTVerifyGetKey> | undefined;
  let failedAt = 0;

  const open = (jwksUri: string): JWTVerifyGetKey =>
    createRemoteJWKSet(requireSafeUrl(jwksUri, options.allowLoopbackHttp), {
      timeoutDuration: fetchTimeoutMs,
      cooldownDuration: options.cooldownMs ?? defaultCooldownMs,
      cacheMaxAge: cacheMaxAgeMs,
      [customFetch]: async (url, init) => {
        const text = await fetchBounded(url, options, init.signal);
        return new Response(text, { status: 200, headers: { 'content-type': 'application/json' } });
      },
    });

  const discover = async (): Promise<JWTVerifyGetKey> => {
    const address = `${config.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
    const document = JSON.parse(await fetchBounded(requireSafeUrl(address, options.allowLoopbackHttp).href, options)) as Record<string, unknown>;
    // RFC 8414: a document that speaks for another issuer must not be used.
    if (document['issuer'] !== config.issuer) throw new IssuerUnavailable('the discovery document names another issuer');
    if (typeof document['jwks_uri'] !== 'string') throw new IssuerUnavailable('the discovery document names no jwks_uri');
    return open(document['jwks_uri']);
  };

  const ready = async (): Promise<JWTVerifyGetKey> => {
    if (found !== undefined) return found;
    if (config.jwksUri !== undefined) return (found = open(config.jwksUri));
    if (Date.now() - failedAt < failureCooldownMs) throw new IssuerUnavailable('discovery failed a moment ago');
    pending ??= discover().finally(() => (pending = undefined));
    try {
      return (found = await pending);
    } catch (error) {
      failedAt = Date.now();
      throw error;
    }
  };

  return async (header, token) => {
    let keys: JWTVerifyGetKey;
    try {
      keys = await ready();
    } catch (error) {
      throw error instanceof IssuerUnavailable ? error : new IssuerUnavailable('discovery failed', { cause: error });
    }
    return keys(header, token);
  };
}

async function fetchBounded(url: string, options: IssuerKeysOptions, signal: AbortSignal = AbortSignal.timeout(fetchTimeoutMs)): Promise<string> {
  try {
    const response = await (options.fetch ?? fetch)(url, { redirect: 'error', signal, headers: { accept: 'application/json' } });
    if (response.status !== 200 || response.body === null) throw new IssuerUnavailable(`the issuer answered ${response.status}`);
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      bytes += chunk.byteLength;
      if (bytes > maxDocumentBytes) throw new IssuerUnavailable('the issuer sent too much');
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString('utf8');
  } catch (error) {
    throw error instanceof IssuerUnavailable ? error : new IssuerUnavailable('the issuer could not be reached', { cause: error });
  }
}

function requireSafeUrl(text: string, allowLoopbackHttp: boolean): URL {
  const url = new URL(text);
  const loopback = ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname);
  if (url.protocol === 'https:' || (url.protocol === 'http:' && loopback && allowLoopbackHttp)) return url;
  throw new IssuerUnavailable('keys of an issuer are fetched over https only');
}
