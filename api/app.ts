import { randomUUID } from 'node:crypto';
import { fastify, LogController, type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import type { JWK } from 'jose';
import type { Config } from '../config/schema.js';
import type { Directory } from '../directory/port.js';
import type { ConnectorDefinition } from '../domain/connector.js';
import type { Actions } from './actions.js';
import { acceptOnlyJson } from './body/json-body.js';
import type { AccessTokenVerifier } from './identity/verify-access-token.js';
import { registerAccessLog } from './plugins/access-log.js';
import { requireCaller } from './plugins/authentication.js';
import { registerErrors, sendError } from './plugins/errors.js';
import { limitsOf, registerLimits } from './plugins/limits.js';
import { registerOpenApi } from './plugins/openapi.js';
import { registerSecurityHeaders } from './plugins/security-headers.js';
import { registerValidation } from './plugins/validation.js';
import { actionRoutes } from './routes/actions.js';
import { connectorRoutes } from './routes/connectors.js';
import { eventRoutes } from './routes/events.js';
import { systemRoutes, type ReadinessCheck } from './routes/system.js';

/** A scope of its own beside the API, such as the inbox or the Teams endpoint. */
export type Extension = (scope: FastifyInstance) => void | Promise<void>;

/** Everything the app is made of. */
export type AppDeps = {
  readonly config: Config;
  readonly version: string;
  readonly actions: Actions;
  readonly directory: Directory;
  readonly connectors: readonly ConnectorDefinition[];
  readonly verifier: AccessTokenVerifier;
  readonly publicKeys: () => readonly JWK[];
  readonly readiness: readonly ReadinessCheck[];
  readonly extensions?: readonly Extension[];
  readonly logger?: FastifyBaseLogger;
  readonly heartbeatMs?: number;
};

// A request has to arrive within this time, so that slow senders cannot hold sockets.
const requestTimeoutMs = 30_000;

/** Builds the HTTP application; it does not listen. */
export async function buildApp(deps: AppDeps): Promise<FastifyInstance> {
  const { config } = deps;
  const publicUrl = config.api.publicUrl.replace(/\/+$/, '');
  const limits = limitsOf(config);
  const proxies = config.api.trustedProxies ?? 0;
  const app: FastifyInstance = fastify({
    ...(deps.logger === undefined ? { logger: false } : { loggerInstance: deps.logger }),
    logController: new LogController({ disableRequestLogging: true }),
    exposeHeadRoutes: false,
    // Ours alone: a caller's id would let them forge lines of the log.
    genReqId: () => randomUUID(),
    requestIdHeader: false,
    trustProxy: proxies === 0 ? false : (_address: string, hop: number) => hop < proxies,
    bodyLimit: limits.bytes,
    requestTimeout: requestTimeoutMs,
    maxRequestsPerSocket: 0,
    return503OnClosing: true,
    routerOptions: { maxParamLength: 128, ignoreTrailingSlash: false },
    frameworkErrors: (error, request, reply) => {
      secure(request, reply);
      void sendError(error, request, reply, publicUrl);
    },
  });
  const closing = new AbortController();
  app.addHook('preClose', async () => closing.abort());

  const secure = registerSecurityHeaders(app, publicUrl);
  registerAccessLog(app);
  registerValidation(app);
  registerErrors(app, publicUrl);
  const rates = await registerLimits(app, limits);
  // Before anybody is authenticated the address is all there is to count.
  app.addHook('onRequest', async (request) => rates.address(request));
  await registerOpenApi(app, publicUrl, deps.version);

  await app.register(async (scope) => systemRoutes(scope, { readiness: deps.readiness, publicKeys: deps.publicKeys }));
  await app.register(
    async (scope) => {
      acceptOnlyJson(scope, limits);
      requireCaller(scope, { verifier: deps.verifier, publicUrl, directory: deps.directory, operators: config.identity.operators, rates });
      actionRoutes(scope, { actions: deps.actions, publicUrl, closing: closing.signal });
      eventRoutes(scope, {
        actions: deps.actions,
        publicUrl,
        limits,
        closing: closing.signal,
        ...(deps.heartbeatMs === undefined ? {} : { heartbeatMs: deps.heartbeatMs }),
      });
      connectorRoutes(scope, deps.connectors);
    },
    { prefix: '/v1' },
  );
  for (const extension of deps.extensions ?? []) await app.register(async (scope) => extension(scope));
  return app;
}
