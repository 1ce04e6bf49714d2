import type { JsonObject } from '../json.js';
import { escapeMarkdown, inertRuns, visible } from './untrusted.js';

/** One element of a card body. */
export type Element = JsonObject;

/** How much of each kind of text one card shows. */
export type Limits = { readonly reason: number; readonly value: number; readonly fields: number; readonly signals: number };

/** Largest first; a card takes the first that fits. */
export const limitSteps: readonly Limits[] = [
  { reason: 1200, value: 300, fields: 30, signals: 6 },
  { reason: 600, value: 160, fields: 20, signals: 4 },
  { reason: 300, value: 80, fields: 12, signals: 3 },
  { reason: 120, value: 48, fields: 6, signals: 2 },
];

/** A text block with our own words, or with text that was escaped before. */
export function text(markdown: string, extra: JsonObject = {}): Element {
  return { type: 'TextBlock', text: markdown, wrap: true, ...extra };
}

/** A heading inside the card. */
export function heading(title: string): Element {
  return text(title, { weight: 'Bolder', spacing: 'Medium', separator: true });
}

/** `title: value` rows; both must be escaped already. */
export function facts(rows: readonly (readonly [string, string])[]): Element {
  return { type: 'FactSet', facts: rows.map(([title, value]) => ({ title, value })), spacing: 'Small' };
}

/** A block with a background of its own. */
export function container(
  style: 'default' | 'emphasis' | 'good' | 'attention' | 'warning' | 'accent',
  items: readonly Element[],
  extra: JsonObject = {},
): Element {
  return { type: 'Container', style, items, ...extra };
}

/** Somebody's own words in a frame, without any Markdown at all, line breaks kept. Returns how many characters are missing too. */
export function quote(untrusted: string, max: number): { readonly element: Element; readonly omitted: number } {
  const shown = visible(untrusted, { max, lines: 'many' });
  const paragraphs = shown.text.split('\n').map((line) => ({
    type: 'RichTextBlock',
    spacing: 'Small',
    inlines: inertRuns(line === '' ? ' ' : line).map((run) => ({ type: 'TextRun', text: run })),
  }));
  return { element: container('emphasis', paragraphs, { spacing: 'Small' }), omitted: shown.omitted };
}

/** A time as people everywhere read it alike: `21 Nov 2026 14:00 UTC`. Text that is no time is shown as untrusted text. */
export function utc(rfc3339: string): string {
  const at = new Date(rfc3339);
  if (Number.isNaN(at.getTime())) return escapeMarkdown(visible(rfc3339, { max: 40 }).text);
  const [date = '', time = ''] = at.toISOString().split('T');
  const [year = '', month = '', day = ''] = date.split('-');
  return `${Number(day)} ${months[Number(month) - 1] ?? ''} ${year} ${time.slice(0, 5)} UTC`;
}

/** A time in the reader's own zone where the host expands Teams' macros, with UTC beside it. */
export function localTime(rfc3339: string): string {
  const at = new Date(rfc3339);
  if (Number.isNaN(at.getTime())) return utc(rfc3339);
  // Only this form is expanded, and only a time that Date itself wrote gets into the macro.
  const stamp = `${at.toISOString().slice(0, 19)}Z`;
  return `{{DATE(${stamp},SHORT)}} {{TIME(${stamp})}} (${utc(rfc3339)})`;
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
