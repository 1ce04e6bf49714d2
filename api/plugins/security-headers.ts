import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

/** Sets the headers that make an answer harmless to a browser, unless it has its own. */
export type SecureAnswer = (request: FastifyRequest, reply: FastifyReply) => void;

/**
 * Headers that make every answer harmless to a browser. A scope that serves pages sets its own and keeps them. Returned for
 * answers that never reach a hook, such as that to an address that cannot be read.
 */
export function registerSecurityHeaders(app: FastifyInstance, publicUrl: string): SecureAnswer {
  const headers: Record<string, string> = {
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    'cross-origin-resource-policy': 'same-origin',
    'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    'cache-control': 'no-store',
    ...(publicUrl.startsWith('https:') ? { 'strict-transport-security': 'max-age=63072000; includeSubDomains' } : {}),
  };
  const secure: SecureAnswer = (request, reply) => {
    void reply.header('x-request-id', request.id);
    for (const [name, value] of Object.entries(headers)) if (!reply.hasHeader(name)) void reply.header(name, value);
  };
  app.addHook('onSend', async (request, reply) => secure(request, reply));
  return secure;
}
