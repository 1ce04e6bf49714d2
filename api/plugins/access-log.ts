import type { FastifyInstance } from 'fastify';

/** One line a request: route pattern instead of the address, ids instead of content, never a header or a body. */
export function registerAccessLog(app: FastifyInstance): void {
  app.addHook('onResponse', async (request, reply) => {
    const principal = (request.caller as typeof request.caller | null | undefined)?.principal;
    request.log.info(
      {
        method: request.method,
        route: request.routeOptions.url ?? null,
        status: reply.statusCode,
        ms: Math.round(reply.elapsedTime * 10) / 10,
        ...(principal === undefined ? {} : { principal: `${principal.kind}:${principal.id}` }),
      },
      'request',
    );
  });
}
