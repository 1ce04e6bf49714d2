/** A moment by the clock on the wall: hour 0 to 23, ISO weekday 1 (Monday) to 7, date as 2026-12-24. */
export type LocalTime = { readonly hour: number; readonly minute: number; readonly weekday: number; readonly date: string };

/**
 * A named time in which a deployment wants less to happen. Times are by the clock on the wall; the end does not belong to it.
 * `once`: 2026-12-24T18:00. `yearly`: 12-24T18:00. `weekly`: minutes since Monday 00:00. The latter two may go round the end of the year or week.
 */
export type FreezeWindow = { readonly name: string } & (
  { readonly kind: 'once' | 'yearly'; readonly from: string; readonly to: string } | { readonly kind: 'weekly'; readonly from: number; readonly to: number }
);

/** Names of the windows that a moment lies in, sorted, each once. */
export function windowsInForce(windows: readonly FreezeWindow[], local: LocalTime): readonly string[] {
  return [...new Set(windows.filter((window) => holds(window, local)).map(({ name }) => name))].sort();
}

function holds(window: FreezeWindow, { date, hour, minute, weekday }: LocalTime): boolean {
  const clock = `T${String(hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}`;
  switch (window.kind) {
    case 'once':
      return window.from <= date + clock && date + clock < window.to;
    case 'yearly':
      return within(date.slice(5) + clock, window.from, window.to);
    case 'weekly':
      return within((weekday - 1) * 1_440 + hour * 60 + minute, window.from, window.to);
  }
}

function within<T extends string | number>(at: T, from: T, to: T): boolean {
  return from < to ? from <= at && at < to : at >= from || at < to;
}
