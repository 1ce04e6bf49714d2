import type { Cancellation, Decision } from '../domain/decision.js';
import { CountersignError } from '../domain/errors.js';
import { requestDigest, type ActionRequest, type RequestSeal } from '../domain/request.js';
import { sign, type Purpose, type SigningKey } from '../domain/signing.js';
import { maxDecisionLength } from '../workflows/contract.js';

/** Long enough for a retry through a restart of the engine, short enough that a stolen one is soon worthless. */
const validitySeconds = 300;

/** Signs what the api has verified, with the decision key: who asked for what, and what people decided. */
export interface DecisionSigner {
  signRequest(request: ActionRequest): Promise<string>;
  signDecision(decision: Decision): Promise<string>;
  signCancellation(cancellation: Cancellation): Promise<string>;
}

/** Signs with this key; a decision is valid for five minutes from `now`. */
export function createDecisionSigner(key: SigningKey, now: () => Date = () => new Date()): DecisionSigner {
  const signed = async (purpose: Purpose, id: string, content: unknown): Promise<string> => {
    const issuedAt = Math.floor(now().getTime() / 1_000);
    const jws = await sign(purpose, key, content, { issuedAt, expiresAt: issuedAt + validitySeconds, id });
    if (jws.length > maxDecisionLength) throw new CountersignError('decision-invalid', 'The person is in too many groups for one decision to carry.');
    return jws;
  };
  return {
    signRequest: (request) => signed('request', request.id, { actionId: request.id, digest: requestDigest(request) } satisfies RequestSeal),
    signDecision: (decision) => signed('decision', decision.decisionId, decision),
    signCancellation: (cancellation) => signed('cancellation', cancellation.cancellationId, cancellation),
  };
}
