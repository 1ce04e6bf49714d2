import { compactVerify, decodeProtectedHeader, importJWK } from 'jose';
import type { Digest } from './digest.js';
import { isJsonObject, type JsonObject } from './json.js';

/** The typed header of a report. */
export const reportType = 'countersign-report+jwt';
/** Who reads reports. */
export const reportAudience = 'countersign-executor';

/** The public half of the key by which a connector outside the executor signs how its work ended. */
export type ReportKey = { readonly kty: 'OKP'; readonly crv: 'Ed25519'; readonly x: string };

const maxLength = 65_536;

/**
 * Verifies what a connector outside reported: signed by its key, for this executor, about this action and this permit. Returns the outcome as the
 * connector wrote it, or the reason as a string. Never throws on bad input.
 */
export async function verifyReport(
  jws: unknown,
  key: ReportKey,
  of: { readonly actionId: string; readonly actionDigest: Digest; readonly taskQueue: string },
): Promise<JsonObject | string> {
  if (typeof jws !== 'string' || jws.length > maxLength) return 'there is no signed report';
  try {
    const { kty, crv, x } = key;
    const { payload } = await compactVerify(jws, await importJWK({ kty, crv, x }, 'EdDSA'), { algorithms: ['EdDSA'] });
    if (decodeProtectedHeader(jws).typ !== reportType) return 'signed for another purpose';
    const claims: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
    if (!isJsonObject(claims)) return 'no claims';
    const { iss, aud, jti, actionId, actionDigest, outcome } = claims;
    if (iss !== of.taskQueue || aud !== reportAudience) return 'from or for somebody else';
    if (actionId !== of.actionId || actionDigest !== of.actionDigest || jti !== `permit_${of.actionId}`) return 'of another action';
    return isJsonObject(outcome) ? outcome : 'it says nothing of the outcome';
  } catch {
    return 'the signature does not hold';
  }
}
