import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey as JoseKey, type JWK, type JWTPayload } from 'jose';
import type { IssuerConfig } from '../../../../config/schema.js';

type Key = { readonly kid: string; readonly privateKey: JoseKey; readonly jwk: JWK };
export type TokenOptions = {
  readonly kid?: string;
  readonly alg?: string;
  readonly typ?: string | null;
  readonly key?: JoseKey | Uint8Array;
  readonly drop?: readonly string[];
};

/** A real OpenID issuer on loopback: discovery, a JWK set that can rotate, and real signatures. */
export class TestIssuer {
  jwksRequests = 0;
  discoveryRequests = 0;
  /** What discovery says instead of the truth. */
  discovery: Record<string, unknown> | undefined;
  status = 200;
  oversized = false;
  private current: Key | undefined;
  private readonly published: Key[] = [];
  private constructor(private readonly server: Server) {}

  static async start(): Promise<TestIssuer> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const issuer = new TestIssuer(server);
    server.on('request', (request, response) => {
      response.setHeader('content-type', 'application/json');
      response.statusCode = issuer.status;
      if (request.url === '/.well-known/openid-configuration') {
        issuer.discoveryRequests += 1;
        response.end(JSON.stringify(issuer.discovery ?? { issuer: issuer.url, jwks_uri: `${issuer.url}/jwks` }));
      } else if (request.url === '/jwks') {
        issuer.jwksRequests += 1;
        const padding = issuer.oversized ? { padding: 'x'.repeat(400_000) } : {};
        response.end(JSON.stringify({ keys: issuer.published.map(({ jwk }) => jwk), ...padding }));
      } else {
        response.statusCode = 404;
        response.end('{}');
      }
    });
    await issuer.rotate('k1');
    return issuer;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Signs with a new key from now on; the old one stays published unless `forget`. */
  async rotate(kid: string, forget = false): Promise<void> {
    const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
    this.current = { kid, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: 'ES256', use: 'sig' } };
    if (forget) this.published.length = 0;
    this.published.push(this.current);
  }

  config(overrides: Partial<IssuerConfig> = {}): IssuerConfig {
    return {
      issuer: this.url,
      audience: 'countersign',
      algorithms: ['ES256'],
      clockToleranceSeconds: 5,
      principal: { claim: 'countersign_kind', agent: ['agent'], person: ['person'] },
      decide: { claim: 'client_id', values: ['countersign-cli'] },
      ...overrides,
    };
  }

  async token(claims: JWTPayload = {}, options: TokenOptions = {}): Promise<string> {
    const key = this.current as Key;
    const now = Math.floor(Date.now() / 1_000);
    const payload: JWTPayload = {
      iss: this.url,
      aud: 'countersign',
      sub: 'invoice-bot',
      iat: now,
      exp: now + 300,
      countersign_kind: 'agent',
      client_id: 'countersign-cli',
      ...claims,
    };
    for (const name of options.drop ?? []) delete payload[name];
    const typ = options.typ === undefined ? 'at+jwt' : options.typ;
    return new SignJWT(payload)
      .setProtectedHeader({ alg: options.alg ?? 'ES256', kid: options.kid ?? key.kid, ...(typ === null ? {} : { typ }) })
      .sign(options.key ?? key.privateKey);
  }

  agent(subject = 'invoice-bot', claims: JWTPayload = {}): Promise<string> {
    return this.token({ sub: subject, countersign_kind: 'agent', ...claims });
  }

  person(subject: string, claims: JWTPayload = {}): Promise<string> {
    return this.token({ sub: subject, countersign_kind: 'person', ...claims });
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
