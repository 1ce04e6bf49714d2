/** At most `perMinute` events a minute for each key, over a bounded number of keys. */
export function createRate(
  perMinute: number,
  now: () => number = Date.now,
  maxKeys = 20_000,
): (key: string) => { readonly allowed: boolean; readonly retryAfterSeconds: number } {
  const windows = new Map<string, { readonly start: number; count: number }>();
  return (key) => {
    const at = now();
    let window = windows.get(key);
    if (window === undefined || at - window.start >= 60_000) {
      windows.delete(key);
      const oldest = windows.keys().next().value;
      if (windows.size >= maxKeys && oldest !== undefined) windows.delete(oldest);
      window = { start: at, count: 0 };
      windows.set(key, window);
    }
    window.count += 1;
    return { allowed: window.count <= perMinute, retryAfterSeconds: Math.max(1, Math.ceil((window.start + 60_000 - at) / 1000)) };
  };
}
