import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CountersignError } from '../../domain/errors.js';

/**
 * Requires that a form came from our own page in this session. Throws `csrf-invalid`.
 * Our pages send no referrer, so browsers send `Origin: null` with their forms; then `Sec-Fetch-Site` must vouch.
 */
export function requireOwnForm(request: FastifyRequest, ownOrigin: string, expected: string, token: string | undefined): void {
  const origin = request.headers.origin;
  const site = request.headers['sec-fetch-site'];
  const sameOrigin = site === 'same-origin';
  if (site !== undefined && !sameOrigin) throw new CountersignError('csrf-invalid', 'The form came from another site.');
  if (origin !== ownOrigin && !(sameOrigin && (origin === undefined || origin === 'null')))
    throw new CountersignError('csrf-invalid', 'The form came from another site, or the browser did not say from where.');
  if (token === undefined || !equal(token, expected)) throw new CountersignError('csrf-invalid', 'The form is not from this session.');
}

// Hashing first makes the lengths equal, which timingSafeEqual requires.
function equal(a: string, b: string): boolean {
  const hash = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(a), hash(b));
}

/** The headers of every answer of the inbox. */
export function securityHeaders(secure: boolean): Readonly<Record<string, string>> {
  return {
    'content-security-policy':
      "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
    'cache-control': 'no-store',
    ...(secure ? { 'strict-transport-security': 'max-age=63072000; includeSubDomains' } : {}),
  };
}

/** Sends a page. */
export function sendPage(reply: FastifyReply, status: number, page: string): FastifyReply {
  return reply.code(status).type('text/html; charset=utf-8').send(page);
}

/** A path inside the inbox, or the inbox itself for anything else: a sign-in never ends on another site. */
export function safeReturnTo(value: unknown): string {
  if (typeof value !== 'string' || value.length > 512) return '/inbox';
  return /^\/inbox(?:\/(?:actions\/[a-z0-9_]{1,64}|requests|history|passkeys(?:\/new)?))?(?:\?[A-Za-z0-9_=&%.:+-]*)?$/.test(value) ? value : '/inbox';
}
