import { fileURLToPath } from 'node:url';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { buildApp, type AppDeps } from '../../../../api/app.js';
import { createAccessTokenVerifier } from '../../../../api/identity/verify-access-token.js';
import type { Config } from '../../../../config/schema.js';
import { createFileDirectory } from '../../../../directory/file.js';
import { builtinConnectors } from '../../../../domain/connectors/index.js';
import { FakeActions } from './fake-actions.js';
import { TestIssuer } from './issuer.js';

const directoryFile = fileURLToPath(new URL('../../../../policies/directory.yaml', import.meta.url));

export type Reply = {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown> & { code?: string; detail?: string; id?: string };
  readonly text: string;
};

/** The real app on a loopback port, with a real issuer, over actions in memory. */
export class TestApi {
  private constructor(
    readonly app: FastifyInstance,
    readonly url: string,
    readonly issuer: TestIssuer,
    readonly actions: FakeActions,
    readonly logLines: Record<string, unknown>[],
  ) {}

  static async start(
    options: { readonly limits?: Config['api']['limits']; readonly deps?: Partial<AppDeps>; readonly trustedProxies?: number } = {},
  ): Promise<TestApi> {
    const issuer = await TestIssuer.start();
    const actions = new FakeActions();
    const logLines: Record<string, unknown>[] = [];
    const logger = pino({ level: 'debug' }, { write: (line: string) => void logLines.push(JSON.parse(line) as Record<string, unknown>) });
    const config: Config = {
      version: 1,
      environment: 'development',
      temporal: { address: '127.0.0.1:1', namespace: 'default' },
      keys: { directory: 'keys' },
      api: {
        host: '127.0.0.1',
        port: 0,
        publicUrl: 'http://127.0.0.1:9',
        sessionSecretEnv: 'X',
        ...(options.limits === undefined ? {} : { limits: options.limits }),
        ...(options.trustedProxies === undefined ? {} : { trustedProxies: options.trustedProxies }),
      },
      identity: { issuers: [issuer.config()], login: { issuer: issuer.url, clientId: 'x' }, operators: ['g-operators'] },
      directory: { file: directoryFile },
      policy: { directory: 'policies', timeZone: 'Etc/UTC' },
      evidence: { file: 'x' },
      executor: { grants: 'x', exports: 'x', connectors: [], targets: {} },
    };
    const app = await buildApp({
      config,
      version: 'test',
      actions,
      directory: createFileDirectory(directoryFile, issuer.url),
      connectors: builtinConnectors,
      verifier: createAccessTokenVerifier(config.identity.issuers, { allowLoopbackHttp: true, cooldownMs: 0 }),
      publicKeys: () => [],
      readiness: [],
      logger,
      ...options.deps,
    });
    const url = await app.listen({ host: '127.0.0.1', port: 0 });
    return new TestApi(app, url, issuer, actions, logLines);
  }

  async stop(): Promise<void> {
    await this.app.close();
    await this.issuer.stop();
  }

  async call(
    method: string,
    path: string,
    options: { token?: string; body?: unknown; raw?: string | Uint8Array<ArrayBuffer>; headers?: Record<string, string> } = {},
  ): Promise<Reply> {
    const body = options.raw ?? (options.body === undefined ? undefined : JSON.stringify(options.body));
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: {
        ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...options.headers,
      },
      ...(body === undefined ? {} : { body }),
    });
    const text = await response.text();
    let parsed: Reply['body'] = {};
    try {
      parsed = JSON.parse(text) as Reply['body'];
    } catch {
      // Not JSON; the test looks at the text.
    }
    return { status: response.status, headers: response.headers, body: parsed, text };
  }

  /** Submits the usual export as the invoice bot. */
  async submit(overrides: Record<string, unknown> = {}, headers: Record<string, string> = {}): Promise<Reply> {
    return this.call('POST', '/v1/actions', {
      token: await this.issuer.agent(),
      body: { ...exportBody, ...overrides },
      headers: { 'idempotency-key': 'key-1', ...headers },
    });
  }
}

export const exportBody = {
  action: 'postgres.export',
  resource: { type: 'Table', id: 'crm/public.customers' },
  parameters: { columns: ['id', 'name'], limit: 500 },
  reason: 'Payment reminders for overdue invoices.',
};
