import type { Digest } from './digest.js';
import type { ErrorCode } from './errors.js';
import type { ActionId } from './request.js';
import { isRelease } from './shapes.js';
import { isSignedWhen, verify, type TrustedKeys } from './signing.js';

/** Clocks of two machines may differ by this much. */
export const clockSkewMs = 60_000;

/**
 * The worker's word, by the policy key, that it judged exactly these approvals, that policy still agrees after the last of them,
 * and that evidence held no accepted rejection, no cancellation and no end of this action.
 */
export type Release = {
  readonly actionId: ActionId;
  readonly actionDigest: Digest;
  readonly planDigest: Digest;
  /** The approvals in the order in which they are presented. */
  readonly decisionIds: readonly string[];
  readonly releasedAt: string;
};

/** What a release has to be about. */
export type Released = Omit<Release, 'releasedAt'> & { readonly latestDecisionMs: number };

/** Why a release does not let these approvals be executed, or undefined if it does. Never throws on bad input. */
export async function refuseRelease(
  jws: unknown,
  keys: TrustedKeys,
  of: Released,
  nowMs: number,
): Promise<{ readonly check: string; readonly code: ErrorCode } | undefined> {
  const refused = (check: string, code: ErrorCode = 'grant-invalid') => ({ check: `release: ${check}`, code });
  if (jws === undefined) return refused('there is none');
  const signed = await verify('release', jws, keys);
  if (typeof signed === 'string') return refused(signed);
  if (!isRelease(signed.content)) return refused('not the shape of a release');
  const release: Release = signed.content;
  if (release.actionId !== of.actionId) return refused('of another action');
  if (release.planDigest !== of.planDigest) return refused('under another plan');
  if (release.actionDigest !== of.actionDigest) return refused('of another digest');
  if (release.decisionIds.length !== of.decisionIds.length || release.decisionIds.some((id, index) => id !== of.decisionIds[index]))
    return refused('for other approvals than these');
  const releasedAtMs = Date.parse(release.releasedAt);
  if (!isSignedWhen(signed, release.releasedAt)) return refused('not signed when it was made');
  if (releasedAtMs < of.latestDecisionMs - clockSkewMs) return refused('made before an approval');
  if (releasedAtMs > nowMs + clockSkewMs) return refused('from the future');
  if (signed.expiresAt * 1000 <= nowMs) return refused('expired', 'grant-expired');
  return undefined;
}
