import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Config } from '../../config/schema.js';
import { RateLimited } from './errors.js';

/** Every limit of the api with its default. */
export function limitsOf(config: Config) {
  const limits = config.api.limits ?? {};
  return {
    bytes: limits.bodyBytes ?? 65_536,
    depth: limits.bodyDepth ?? 16,
    stringLength: limits.stringLength ?? 16_384,
    members: 2_000,
    requestsPerMinute: limits.requestsPerMinute ?? 600,
    pendingPerSubject: limits.pendingPerSubject ?? 100,
    eventStreamsPerSubject: 10,
    eventStreams: 500,
  } as const;
}
export type Limits = ReturnType<typeof limitsOf>;

// Many subjects can share one address behind a proxy, so an address gets more than a subject.
const addressFactor = 5;

export type RateChecks = { readonly address: (request: FastifyRequest) => Promise<void>; readonly subject: (request: FastifyRequest) => Promise<void> };

/** Checks of the rate per client address (before anybody is authenticated) and per subject. They throw `rate-limited`. */
export async function registerLimits(app: FastifyInstance, limits: Limits): Promise<RateChecks> {
  await app.register(rateLimit, { global: false, cache: 20_000 });
  const check = (max: number, keyGenerator: (request: FastifyRequest) => string) => {
    const limiter = app.createRateLimit({ max, timeWindow: 60_000, keyGenerator });
    return async (request: FastifyRequest): Promise<void> => {
      const state = await limiter(request);
      if (!state.isAllowed && state.isExceeded) throw new RateLimited(Math.max(1, state.ttlInSeconds));
    };
  };
  return {
    address: check(limits.requestsPerMinute * addressFactor, (request) => networkOf(request.ip)),
    subject: check(limits.requestsPerMinute, (request) => JSON.stringify([request.caller.principal.issuer, request.caller.principal.subject])),
  };
}

// One IPv6 subscriber holds a whole /64, so its addresses count as one.
function networkOf(ip: string): string {
  if (!ip.includes(':') || ip.startsWith('::ffff:')) return ip;
  const [head = '', tail = ''] = ip.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === '' ? [] : tail.split(':');
  const groups = ip.includes('::') ? [...left, ...Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0'), ...right] : left;
  return groups.slice(0, 4).join(':');
}
