import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { CountersignError, errorCodes, isErrorCode, type ErrorCode } from '../../domain/errors.js';
import { dpopAlgorithms, DpopRefused } from '../identity/dpop.js';
import { TokenRefused } from '../identity/verify-access-token.js';
import type { WireAction } from '../schemas/action.js';
import { problem } from '../schemas/problem.js';

/** An error whose answer also carries the action, so that the caller sees what became of it. */
export class ActionProblem extends CountersignError {
  constructor(
    code: ErrorCode,
    detail: string,
    readonly action: WireAction | undefined,
  ) {
    super(code, detail);
  }
}

/** A refusal by a limit, with the time after which to come back. */
export class RateLimited extends CountersignError {
  constructor(readonly retryAfterSeconds: number) {
    super('rate-limited');
  }
}

/** Turns every error of the app into problem+json; what is not ours becomes `internal-error` and is told to the log only. */
export function registerErrors(app: FastifyInstance, publicUrl: string): void {
  app.setErrorHandler((error: unknown, request, reply) => sendError(error, request, reply, publicUrl));
  app.setNotFoundHandler((request, reply) => sendError(new CountersignError('not-found', 'No such route.'), request, reply, publicUrl));

  // The address that a problem's `type` names.
  app.get<{ Params: { code: string } }>('/errors/:code', { schema: { hide: true } }, async (request, reply) => {
    const { code } = request.params;
    if (!isErrorCode(code)) throw new CountersignError('not-found', 'There is no such code.');
    const { status, title, remedy } = errorCodes[code];
    return reply.type('text/plain; charset=utf-8').header('cache-control', 'public, max-age=3600').send(`${code} (HTTP ${status})\n\n${title}.\n\n${remedy}\n`);
  });
}

/** Answers one error. Also used for requests that never reach a route. */
export function sendError(error: unknown, request: FastifyRequest, reply: FastifyReply, publicUrl: string): FastifyReply {
  const known = error instanceof CountersignError ? error : fromFastify(error);
  const answered = known ?? new CountersignError('internal-error', 'Operators find the cause in the log under the id of this request.');
  if (known === undefined) request.log.error({ err: error }, 'unexpected error');
  else if (errorCodes[answered.code].status >= 500) request.log.warn({ code: answered.code, cause: causes(answered) }, 'request failed');
  else
    request.log.info(
      { code: answered.code, ...(answered instanceof TokenRefused || answered instanceof DpopRefused ? { reason: answered.reason } : {}) },
      'request refused',
    );

  const { code, detail } = answered;
  const body = problem(code, detail, {
    publicUrl,
    requestId: request.id,
    ...(answered instanceof ActionProblem && answered.action !== undefined ? { action: answered.action } : {}),
  });
  if (answered instanceof RateLimited) void reply.header('retry-after', String(answered.retryAfterSeconds));
  else if (code === 'rate-limited') void reply.header('retry-after', '30');
  if (code === 'too-many-pending') void reply.header('retry-after', '60');
  if (code.endsWith('-unavailable')) void reply.header('retry-after', '2');
  const challenge = challengeOf(answered);
  if (challenge !== undefined) void reply.header('www-authenticate', challenge);
  if (answered instanceof DpopRefused && answered.nonce !== undefined) void reply.header('dpop-nonce', answered.nonce);
  return reply.code(body.status).header('content-type', 'application/problem+json').header('cache-control', 'no-store').serializer(JSON.stringify).send(body);
}

const algorithms = `algs="${dpopAlgorithms.join(' ')}"`;

/** What a caller who was not let in has to come back with (RFC 6750, RFC 9449). */
function challengeOf(error: CountersignError): string | undefined {
  switch (error.code) {
    case 'token-missing':
      return `Bearer, DPoP ${algorithms}`;
    case 'token-invalid':
    case 'token-expired':
      return error instanceof TokenRefused && error.scheme === 'dpop' ? `DPoP error="invalid_token", ${algorithms}` : 'Bearer error="invalid_token"';
    case 'dpop-proof-invalid':
      return `DPoP error="invalid_dpop_proof", ${algorithms}`;
    case 'dpop-nonce-required':
      return `DPoP error="use_dpop_nonce", ${algorithms}`;
    default:
      return undefined;
  }
}

function fromFastify(error: unknown): CountersignError | undefined {
  const { code, statusCode, validation, validationContext } = error as FastifyError;
  if (validation !== undefined) {
    const first = validation[0];
    const where = `${validationContext ?? 'request'}${first?.instancePath ?? ''}`;
    const extra = first?.params['additionalProperty'];
    // Path and rule only: the value may be a secret. An unknown member's name is the caller's text, so it is bounded.
    const allowed = first?.params['allowedValues'];
    const rule = `${first?.message ?? 'is not valid'}${Array.isArray(allowed) ? `: ${allowed.join(', ')}` : ''}`;
    const what = typeof extra === 'string' ? `has a member that is not known: ${JSON.stringify(extra.slice(0, 64))}` : rule;
    return new CountersignError('request-malformed', `${where} ${what}.`);
  }
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new CountersignError('request-too-large');
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new CountersignError('media-type-unsupported');
    default:
      if (statusCode === 413) return new CountersignError('request-too-large');
      return statusCode !== undefined && statusCode >= 400 && statusCode < 500 ? new CountersignError('request-malformed') : undefined;
  }
}

function causes(error: Error): readonly string[] {
  const names: string[] = [];
  for (let cause = error.cause; cause instanceof Error && names.length < 5; cause = cause.cause) names.push(`${cause.name}: ${cause.message}`.slice(0, 300));
  return names;
}
