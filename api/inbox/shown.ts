import { visible } from '../../domain/cards/untrusted.js';

// The inbox is where everything can be read, so the bound is the largest string the api can be told to accept.
const max = 262_144;

/** Text from outside as it may be shown on one line, with everything hidden made visible. Escaping for HTML is the template's business. */
export function shown(text: string): string {
  return visible(text, { max }).text;
}

/** The same with its own line breaks. */
export function shownLines(text: string): string {
  return visible(text, { max, lines: 'many' }).text;
}
