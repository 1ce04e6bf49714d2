import type { FastifyInstance } from 'fastify';
import type { JWK } from 'jose';
import { CountersignError } from '../../domain/errors.js';

/** A named check of something the api needs; it rejects when that cannot be reached. */
export type ReadinessCheck = { readonly name: string; readonly check: () => Promise<void> };

const readinessCacheMs = 1_000;

/** Health, readiness and public keys; for anybody. */
export function systemRoutes(scope: FastifyInstance, deps: { readonly readiness: readonly ReadinessCheck[]; readonly publicKeys: () => readonly JWK[] }): void {
  const tags = ['system'];
  const json = (description: string) => ({ description, content: { 'application/json': { schema: { type: 'object', additionalProperties: true } } } });

  // A person who types the host's name means the inbox; a program gets the same answer as for any other route that is none.
  scope.get('/', { schema: { hide: true } }, async (request, reply) => {
    void reply.header('vary', 'accept');
    if (!/\btext\/html\b/.test(request.headers.accept ?? '')) throw new CountersignError('not-found', 'No such route.');
    return reply.redirect('/inbox', 303);
  });

  scope.get('/healthz', { schema: { tags, summary: 'The process is alive', response: { 200: json('Alive') } } }, async () => ({ status: 'ok' }));

  // Cached, so that the endpoint cannot be used to press on what stands behind it.
  let latest: { readonly at: number; readonly result: ReturnType<typeof inspect> } | undefined;
  scope.get(
    '/readyz',
    { schema: { tags, summary: 'Everything it needs can be reached', response: { 200: json('Ready'), 503: json('Not ready') } } },
    async (_request, reply) => {
      if (latest === undefined || Date.now() - latest.at > readinessCacheMs) latest = { at: Date.now(), result: inspect(deps.readiness) };
      const checks = await latest.result;
      const ready = Object.values(checks).every((state) => state === 'ok');
      return reply.code(ready ? 200 : 503).send({ status: ready ? 'ready' : 'not-ready', checks });
    },
  );

  scope.get(
    '/.well-known/jwks.json',
    { schema: { tags, summary: 'Public keys that verify plans and decisions, with status and successor', response: { 200: json('A JWK set') } } },
    async (_request, reply) => reply.header('cache-control', 'public, max-age=10').send({ keys: deps.publicKeys().map(publicPart) }),
  );
}

async function inspect(checks: readonly ReadinessCheck[]): Promise<Record<string, 'ok' | 'unreachable'>> {
  const states = await Promise.all(
    checks.map(async ({ name, check }) => {
      try {
        await check();
        return [name, 'ok'] as const;
      } catch {
        return [name, 'unreachable'] as const;
      }
    }),
  );
  return Object.fromEntries(states);
}

const publicMembers = [
  ...['kty', 'crv', 'x', 'y', 'n', 'e', 'kid', 'alg', 'use'],
  ...['role', 'status', 'held', 'successor', 'not_before', 'not_after', 'retired_at', 'compromised_at'].map((name) => `countersign_${name}`),
];

// Named members only: a private part that strayed into the file never leaves it.
function publicPart(jwk: JWK): JWK {
  return Object.fromEntries(Object.entries(jwk).filter(([name]) => publicMembers.includes(name)));
}
