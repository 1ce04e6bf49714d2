import type { JWTPayload } from 'jose';
import type { Digest } from './digest.js';
import { isJsonObject, type JsonObject } from './json.js';
import type { Principal } from './principal.js';
import type { ActionId, ActionRequest } from './request.js';
import { verifyCompact, type TrustedKeys } from './signing.js';

/** The typed header of a permit. */
export const permitType = 'countersign-permit+jwt';
/** Who issues permits. */
export const permitIssuer = 'countersign-executor';
/** How long a permit may be used after it was issued. Its replay memory must last at least as long. */
export const permitLifetimeSeconds = 120;

/**
 * What the executor tells a customer's own activity: run exactly this, once. Signed by the executor's key as a
 * compact JWS (typ `countersign-permit+jwt`); `aud` is the task queue of the activity.
 */
export type Permit = {
  readonly iss: typeof permitIssuer;
  readonly aud: string;
  /** One per grant, the same on every delivery, so that a repetition is recognised. */
  readonly jti: string;
  readonly iat: number;
  readonly exp: number;
  readonly actionId: ActionId;
  readonly actionDigest: Digest;
  readonly action: string;
  readonly resource: { readonly type: string; readonly id: string };
  readonly parameters: JsonObject;
  readonly requester: { readonly kind: Principal['kind']; readonly id: string; readonly name: string };
  /** The people who approved; empty where policy allowed the action at once. */
  readonly approvedBy: readonly { readonly id: string; readonly name: string }[];
};

/** The payload of the permit for a verified grant. Requires that the grant was verified and consumed. */
export function permitPayload(input: {
  readonly request: ActionRequest;
  readonly actionDigest: Digest;
  readonly approvedBy: readonly { readonly id: string; readonly name: string }[];
  readonly taskQueue: string;
  /** Seconds since 1970. */
  readonly issuedAt: number;
}): Permit & JWTPayload {
  const { request } = input;
  return {
    iss: permitIssuer,
    aud: input.taskQueue,
    jti: `permit_${request.id}`,
    iat: input.issuedAt,
    exp: input.issuedAt + permitLifetimeSeconds,
    actionId: request.id,
    actionDigest: input.actionDigest,
    action: request.action,
    resource: { type: request.resource.type, id: request.resource.id },
    parameters: request.parameters,
    requester: { kind: request.requester.kind, id: request.requester.id, name: request.requester.name },
    approvedBy: input.approvedBy.map(({ id, name }) => ({ id, name })),
  };
}

/**
 * Verifies a permit: signature by a key of the executor, type, issuer, audience, times and shape.
 * Returns the reason as a string if anything does not hold. Never throws on bad input; replay is for the caller to refuse.
 */
export async function verifyPermit(
  jws: unknown,
  keys: TrustedKeys,
  expected: { readonly taskQueue: string; readonly action: string; readonly nowSeconds: number; readonly skewSeconds?: number },
): Promise<Permit | string> {
  if (typeof jws !== 'string' || jws.length > 262_144) return 'not a compact JWS';
  // A policy or decision key must not vouch for an execution.
  const verified = await verifyCompact(jws, keys, { role: 'executor', typ: permitType });
  if (typeof verified === 'string') return verified;
  const claims: unknown = verified.claims;
  if (!isPermit(claims)) return 'not the shape of a permit';
  if (claims.aud !== expected.taskQueue) return 'for somebody else';
  if (claims.action !== expected.action) return 'for another action';
  const skew = expected.skewSeconds ?? 30;
  if (expected.nowSeconds >= claims.exp + skew) return 'expired';
  if (claims.iat > expected.nowSeconds + skew) return 'from the future';
  if (claims.exp - claims.iat > permitLifetimeSeconds) return 'valid for too long';
  return claims;
}

function isPermit(value: unknown): value is Permit {
  if (!isJsonObject(value)) return false;
  const { iss, aud, jti, iat, exp, actionId, actionDigest, action, resource, parameters, requester, approvedBy } = value;
  return (
    iss === permitIssuer &&
    [aud, jti, action].every((text) => typeof text === 'string' && text !== '') &&
    Number.isSafeInteger(iat) &&
    Number.isSafeInteger(exp) &&
    typeof actionId === 'string' &&
    /^act_[a-z0-9]+$/.test(actionId) &&
    typeof actionDigest === 'string' &&
    /^sha256:[0-9a-f]{64}$/.test(actionDigest) &&
    isJsonObject(resource) &&
    typeof resource['type'] === 'string' &&
    typeof resource['id'] === 'string' &&
    isJsonObject(parameters) &&
    isJsonObject(requester) &&
    typeof requester['id'] === 'string' &&
    Array.isArray(approvedBy)
  );
}
