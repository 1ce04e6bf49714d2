/** Answers that may be used again for a short time. The time counts from when they were asked for, not from when they came. */
export type Cache<T> = {
  /** The answer for a key, loaded unless there is a young one. A failure is never kept. `fresh` always loads. */
  get(key: string, fresh: boolean, load: () => Promise<T>): Promise<T>;
  /** Young answers, with when they were asked for. */
  peek(key: string): { readonly value: T; readonly askedAtMs: number } | undefined;
  delete(key: string): void;
  deleteWhere(matches: (key: string, value: T) => boolean): void;
};

type Entry<T> = { readonly value: T; readonly askedAtMs: number; readonly order: number };

/** A cache of at most `max` answers. Requires that `now` never goes back by more than an answer may be old. */
export function createCache<T>({ ttlMs, max, now }: { readonly ttlMs: number; readonly max: number; readonly now: () => number }): Cache<T> {
  const kept = new Map<string, Entry<T>>();
  const loading = new Map<string, { readonly answer: Promise<T>; readonly order: number }>();
  let order = 0;
  // Answers that were asked for before this count no more, though they may still arrive.
  let deadBefore = 0;

  const young = (key: string): Entry<T> | undefined => {
    const entry = kept.get(key);
    if (entry === undefined) return undefined;
    const age = now() - entry.askedAtMs;
    if (age >= 0 && age < ttlMs) return entry;
    kept.delete(key);
    return undefined;
  };

  async function begin(key: string, load: () => Promise<T>): Promise<T> {
    const mine = (order += 1);
    const askedAtMs = now();
    const answer = load();
    loading.set(key, { answer, order: mine });
    try {
      const value = await answer;
      // An answer that was asked for later knows better, whichever arrives last.
      if (mine > deadBefore && (kept.get(key)?.order ?? 0) < mine) {
        kept.delete(key);
        kept.set(key, { value, askedAtMs, order: mine });
        for (const oldest of kept.keys()) {
          if (kept.size <= max) break;
          kept.delete(oldest);
        }
      }
      return value;
    } finally {
      if (loading.get(key)?.order === mine) loading.delete(key);
    }
  }

  return {
    get: async (key, fresh, load) => {
      if (!fresh) {
        const entry = young(key);
        if (entry !== undefined) return entry.value;
        const pending = loading.get(key);
        if (pending !== undefined && pending.order > deadBefore) return pending.answer;
      }
      return begin(key, load);
    },
    peek: young,
    delete: (key) => {
      deadBefore = order;
      kept.delete(key);
    },
    deleteWhere: (matches) => {
      deadBefore = order;
      for (const [key, { value }] of kept) if (matches(key, value)) kept.delete(key);
    },
  };
}
