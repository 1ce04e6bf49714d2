import { readFile } from 'node:fs/promises';
import { compactVerify, importJWK, type JWK } from 'jose';

/** What a permit of Countersign's executor says. Everything the activity does comes from here. */
export type Permit = {
  readonly jti: string;
  readonly iat: number;
  readonly exp: number;
  readonly actionId: string;
  readonly actionDigest: string;
  readonly action: string;
  readonly resource: { readonly type: string; readonly id: string };
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly requester: { readonly id: string; readonly name: string };
  readonly approvedBy: readonly { readonly id: string; readonly name: string }[];
};

type PublishedKey = JWK & { readonly countersign_role?: string; readonly countersign_status?: string; readonly countersign_retired_at?: number };

/** A permit that does not hold, with the reason. */
export class PermitError extends Error {}

const clockSkewSeconds = 30;
const longestLifetimeSeconds = 120;

/**
 * Verifies a compact JWS against the executor's keys in `public.jwks.json`: signature, type, issuer, audience, action.
 * Whether it is still in time is for `isCurrent`, whether it was used before for the store. Throws `PermitError`.
 */
export async function verifyPermit(jws: unknown, jwksFile: string, expected: { readonly audience: string; readonly action: string }): Promise<Permit> {
  if (typeof jws !== 'string' || jws.length > 262_144) throw new PermitError('there is no permit');
  // Read each time, so that a key that was taken out or marked compromised stops counting at once.
  const { keys } = JSON.parse(await readFile(jwksFile, 'utf8')) as { keys: PublishedKey[] };
  let claims: Record<string, unknown>;
  let retiredAt: number | undefined;
  try {
    const { payload, protectedHeader } = await compactVerify(
      jws,
      async (header) => {
        // The file also holds keys that sign plans and decisions; those cannot order an execution.
        const key = keys.find((one) => one.kid !== undefined && one.kid === header.kid && one.countersign_role === 'executor' && one.crv === 'Ed25519');
        if (key === undefined || key.countersign_status === 'compromised') throw new PermitError('signed by nobody we trust');
        retiredAt = key.countersign_retired_at;
        return importJWK(key, 'EdDSA');
      },
      { algorithms: ['EdDSA'] },
    );
    if (protectedHeader.typ !== 'countersign-permit+jwt') throw new PermitError('signed for another purpose');
    claims = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload)) as Record<string, unknown>;
  } catch (error) {
    throw error instanceof PermitError ? error : new PermitError('the signature does not hold');
  }
  if (claims['iss'] !== 'countersign-executor') throw new PermitError('from somebody else');
  if (claims['aud'] !== expected.audience) throw new PermitError('for somebody else');
  if (claims['action'] !== expected.action) throw new PermitError('for another action');
  const { jti, iat, exp, actionId, actionDigest, resource, parameters } = claims;
  const texts = [jti, actionId, actionDigest, (resource as { type?: unknown } | undefined)?.type, (resource as { id?: unknown } | undefined)?.id];
  if (
    !texts.every((text) => typeof text === 'string') ||
    !Number.isSafeInteger(iat) ||
    !Number.isSafeInteger(exp) ||
    typeof parameters !== 'object' ||
    parameters === null
  )
    throw new PermitError('incomplete');
  if (retiredAt !== undefined && (iat as number) >= retiredAt) throw new PermitError('signed by a key that was retired');
  return claims as unknown as Permit;
}

/** True when the permit may be used now. */
export function isCurrent(permit: Permit, nowSeconds: number): boolean {
  return permit.iat <= nowSeconds + clockSkewSeconds && nowSeconds < permit.exp + clockSkewSeconds && permit.exp - permit.iat <= longestLifetimeSeconds;
}
