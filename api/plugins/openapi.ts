import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import { sharedSchemas } from '../schemas/problem.js';

const logo = `<svg xmlns="http://www.w3.org/2000/svg" width="190" height="40" viewBox="0 0 190 40" role="img" aria-label="Countersign"><text x="4" y="27" font-family="system-ui,sans-serif" font-size="22" font-weight="600" fill="#fff">Countersign</text></svg>`;

/** Describes every route from its schemas at `/openapi.json`, and for people at `/docs`. */
export async function registerOpenApi(app: FastifyInstance, publicUrl: string, version: string): Promise<void> {
  for (const schema of sharedSchemas) app.addSchema(schema);
  await app.register(swagger, {
    // Pages and the endpoints of chat services are for browsers and those services, not for callers of the API.
    hideUntagged: true,
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Countersign',
        version,
        license: { name: 'Apache-2.0' },
        description:
          'Puts a human decision in front of every sensitive action. Errors are problem+json (RFC 9457) with a stable `code`; every code is explained at `/errors/{code}`.',
      },
      servers: [{ url: publicUrl }],
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'Access token of a configured issuer' } } },
    },
    refResolver: { buildLocalReference: (json, _base, _fragment, index) => (typeof json['$id'] === 'string' ? json['$id'] : `def-${index}`) },
  });
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP:
      "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; font-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    logo: { type: 'image/svg+xml', content: Buffer.from(logo), href: '/docs', target: '_self' },
    theme: { title: 'Countersign API' },
    uiConfig: { persistAuthorization: false, validatorUrl: null },
  });
  app.get('/openapi.json', { schema: { hide: true } }, async (_request, reply) => reply.header('cache-control', 'public, max-age=60').send(app.swagger()));
}
