import type { FastifyReply, FastifyRequest } from 'fastify';
import { CountersignError, errorCodes, type ErrorCode } from '../../domain/errors.js';
import { RateLimited } from '../plugins/errors.js';
import type { Cookies } from './cookies.js';
import { safeReturnTo, sendPage } from './guard.js';
import { messagePage } from './pages/message.js';
import { SignedOut } from './people.js';

/** The error page for anything thrown in the inbox. Unknown errors are logged and told by code only. */
export function sendFailure(error: unknown, request: FastifyRequest, reply: FastifyReply, cookies: Cookies): FastifyReply {
  if (error instanceof SignedOut) {
    cookies.clear(reply, 'session');
    return sendPage(reply, 403, unknownPersonPage());
  }
  const known = asCountersignError(error);
  if (known === undefined) request.log.error({ err: error }, 'the inbox failed');
  const code: ErrorCode = known?.code ?? 'internal-error';
  // Name and message only: the errors of an OIDC library carry responses with tokens in them.
  if (known?.cause instanceof Error) request.log.warn({ code, cause: `${known.cause.name}: ${known.cause.message}` }, known.detail);
  const { title, remedy, status } = errorCodes[code];
  if (known instanceof RateLimited) void reply.header('retry-after', String(known.retryAfterSeconds));
  const write = request.method !== 'GET';
  const signIn = code === 'session-missing';
  const back = request.method === 'GET' ? request.url : pageOf(request.url);
  return sendPage(
    reply,
    status,
    messagePage({
      title,
      text: known === undefined ? 'Operators find the cause in the log.' : sentence(known.detail, title, write),
      remedy,
      code: known === undefined ? `${code} ${request.id}` : code,
      ways: signIn
        ? [{ href: `/inbox/login?return_to=${encodeURIComponent(safeReturnTo(back))}`, label: 'Sign in', strong: true }]
        : [{ href: write ? safeReturnTo(back) : '/inbox', label: write ? 'Back to the page' : 'To the inbox', strong: true }],
    }),
  );
}

/** The page for people whom the directory does not know, or not any more. */
export function unknownPersonPage(): string {
  return messagePage({
    title: 'You are signed out',
    text: 'You have signed in, but the directory does not list you as an active person.',
    remedy: errorCodes['principal-unknown'].remedy,
    code: 'principal-unknown',
    ways: [{ href: '/inbox/login?switch=1', label: 'Sign in as somebody else', strong: true }],
  });
}

function sentence(detail: string, title: string, write: boolean): string {
  const text = detail === title ? '' : detail;
  return write ? `${text} Nothing was changed.`.trim() : text;
}

function asCountersignError(error: unknown): CountersignError | undefined {
  if (error instanceof CountersignError) return error;
  const code = (error as { code?: unknown } | undefined)?.code;
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return new CountersignError('request-too-large', 'The form is too large.');
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return new CountersignError('media-type-unsupported', 'The inbox reads forms only.');
  if ((error as { statusCode?: unknown } | undefined)?.statusCode === 429) return new CountersignError('rate-limited');
  return undefined;
}

function pageOf(url: string): string {
  return url.replace(/\/decide$/, '');
}
