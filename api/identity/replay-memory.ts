import { createHash } from 'node:crypto';

/** Remembers what was used until it would be refused anyhow. */
export type ReplayMemory = {
  /** Whether this is the first use; `full` when it could not be remembered, so that it must not be let through. */
  use(owner: string, id: string, untilMs: number): 'first' | 'again' | 'full';
};

const sweepEveryMs = 1_000;

/**
 * A memory that holds so many ids of one owner and so many in all. An owner who fills their share is refused alone.
 * Ids are kept as digests, so that long ones take no more room.
 */
export function createReplayMemory({
  now = Date.now,
  perOwner = 5_000,
  most = 200_000,
}: { readonly now?: () => number; readonly perOwner?: number; readonly most?: number } = {}): ReplayMemory {
  const owners = new Map<string, Map<string, number>>();
  let held = 0;
  let sweptAt = -Infinity;

  function forget(owner: string, seen: Map<string, number>): void {
    for (const [key, until] of seen) {
      if (until > now()) continue;
      seen.delete(key);
      held -= 1;
    }
    if (seen.size === 0) owners.delete(owner);
  }

  // Whoever keeps the memory full must not have it searched for each of their requests.
  function sweep(): void {
    if (now() - sweptAt < sweepEveryMs) return;
    sweptAt = now();
    for (const [owner, seen] of owners) forget(owner, seen);
  }

  return {
    use(owner, id, untilMs) {
      const key = createHash('sha256').update(id).digest('base64url');
      const until = owners.get(owner)?.get(key);
      if (until !== undefined && until > now()) return 'again';
      if (held >= most || (owners.get(owner)?.size ?? 0) >= perOwner) sweep();
      const seen = owners.get(owner) ?? new Map<string, number>();
      if (held >= most || seen.size >= perOwner) return 'full';
      owners.set(owner, seen);
      if (!seen.has(key)) held += 1;
      seen.set(key, untilMs);
      return 'first';
    },
  };
}
