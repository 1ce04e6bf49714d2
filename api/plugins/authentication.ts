import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Directory } from '../../directory/port.js';
import { presentedToken } from '../identity/bearer.js';
import { resolveCaller, type Caller } from '../identity/caller.js';
import type { AccessTokenVerifier } from '../identity/verify-access-token.js';
import type { RateChecks } from './limits.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who calls. Only on routes behind authentication. */
    caller: Caller;
  }
}

/**
 * Requires a verified token of a known principal on every route of the scope, before any body is read, and holds
 * the rate per subject.
 */
export function requireCaller(
  scope: FastifyInstance,
  deps: {
    readonly verifier: AccessTokenVerifier;
    readonly publicUrl: string;
    readonly directory: Directory;
    readonly operators: readonly string[];
    readonly rates: RateChecks;
  },
): void {
  scope.decorateRequest('caller', null as unknown as Caller);
  scope.addHook('onRequest', async (request: FastifyRequest) => {
    const { token: presented, scheme, proofs } = presentedToken(request.raw.rawHeaders);
    // The address as callers know it: a Host header has no say in what a proof was made for.
    const token = await deps.verifier(presented, { scheme, proofs, method: request.method, url: `${deps.publicUrl}${request.url}` });
    request.caller = await resolveCaller(token, deps.directory, deps.operators);
    await deps.rates.subject(request);
  });
}
