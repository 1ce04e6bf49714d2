/** Remembers deliveries, so that a replayed one changes nothing. */
export type Delivered = {
  /** True the first time a delivery is seen. */
  first(conversationId: string, activityId: string): boolean;
};

/** Keeps the last `most` deliveries in memory; the decision itself is once-only in the workflow, whatever is forgotten here. */
export function createDelivered(most = 10_000): Delivered {
  const seen = new Set<string>();
  return {
    first(conversationId, activityId) {
      const key = JSON.stringify([conversationId, activityId]);
      if (seen.has(key)) return false;
      seen.add(key);
      const oldest = seen.values().next().value;
      if (seen.size > most && oldest !== undefined) seen.delete(oldest);
      return true;
    },
  };
}
