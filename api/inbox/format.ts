import { html } from 'ghtml';

const moment = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit', timeZone: 'UTC' });

/** A moment in UTC; the page's script turns it into the reader's own time zone. */
export function timeTag(iso: string): string {
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return html`<span>${iso}</span>`;
  return html`<time datetime="${at.toISOString()}">${moment.format(at)} UTC</time>`;
}

/** How long until or since a moment; the page's script keeps it current. */
export function relativeTag(iso: string, now: Date): string {
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return html`<span>${iso}</span>`;
  return html`<time datetime="${at.toISOString()}" data-relative title="${moment.format(at)} UTC">${relative(at, now)}</time>`;
}

/** `in 3 h 5 min`, `2 min ago`. */
export function relative(at: Date, now: Date): string {
  const seconds = Math.round((at.getTime() - now.getTime()) / 1000);
  const length = span(Math.abs(seconds));
  return seconds >= 0 ? `in ${length}` : `${length} ago`;
}

function span(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} days`;
}

/** `Alice and Bob`, `Alice, Bob and 3 more`. */
export function nameList(names: readonly string[], most = 6): string {
  const head = names.slice(0, most);
  const rest = names.length - head.length;
  const parts = rest > 0 ? [...head, `${rest} more`] : head;
  return parts.length < 2 ? (parts[0] ?? 'nobody') : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1) ?? ''}`;
}
