const frozen = new WeakSet<object>();

/** Freezes JSON through and through, and returns it. What can change no more need not be looked at twice. */
export function deepFreeze<T>(value: T): T {
  const open: unknown[] = [value];
  while (open.length > 0) {
    const next = open.pop();
    if (typeof next !== 'object' || next === null || frozen.has(next)) continue;
    frozen.add(Object.freeze(next));
    // Without a call for each level: whoever chose the value chose its depth.
    for (const member of Object.values(next)) open.push(member);
  }
  return value;
}

/** True for what {@link deepFreeze} froze, whole or as a part. */
export function isDeepFrozen(value: unknown): value is object {
  return typeof value === 'object' && value !== null && frozen.has(value);
}
