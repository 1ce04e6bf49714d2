// Characters that show nothing, or change how their neighbours are shown. Letters that merely look alike are handled per word.
const invisible =
  /[\p{Cf}\p{Co}\p{Cn}\p{Cs}\p{Zl}\p{Zp}\u0000-\u0008\u000b-\u001f\u007f-\u009f\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0\ufe00-\ufe0f\u{1d159}\u{e0100}-\u{e01ef}\u27e6\u27e7]/u;
const pictograph = /\p{Extended_Pictographic}/u;
const combining = /\p{M}/u;
const otherSpace = /[\p{Zs}\t]/u;
const lookalikeScript = /[\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Armenian}\p{Script=Cherokee}]/u;
const latin = /\p{Script=Latin}/u;
const wordOrRest = /[\p{L}\p{M}]+|[^\p{L}\p{M}]+/gu;
// More marks than any living script stacks on one letter; beyond it they paint over other lines.
const maxCombining = 3;

/** Text fit to be shown, and how much of it is missing. */
export type Visible = { readonly text: string; readonly omitted: number };

/** How untrusted text is laid out: on one line, or with its own line breaks. */
export type VisibleOptions = { readonly max: number; readonly lines?: 'one' | 'many' };

/**
 * Untrusted text with everything hidden made visible: NFC; bidi controls, zero-width, tag and other invisible
 * characters, letters of another script inside a Latin word and piled-up combining marks appear as `⟦U+202E⟧`;
 * at most `max` characters and a mark that says how many are missing. The brackets of the marks cannot be forged.
 * Requires max >= 1. Guarantees that the result holds no control or format character but line feeds, and none with `lines: 'one'`.
 */
export function visible(untrusted: string, { max, lines = 'one' }: VisibleOptions): Visible {
  // Work in proportion to what is shown: no text, however long, is worth normalising as a whole.
  const head = untrusted.slice(0, max * 4 + 64);
  const source = layout(head.normalize('NFC'), lines);
  const units = shownUnits(source);
  let used = 0;
  let taken = 0;
  let text = '';
  for (const unit of units) {
    if (used + unit.length > max) break;
    text += unit;
    used += unit.length;
    taken += 1;
  }
  const omitted = units.length - taken + (untrusted.length - head.length);
  return omitted === 0 ? { text, omitted } : { text: `${text}${omissionMark(omitted)}`, omitted };
}

/** The mark behind a text that did not fit. */
export function omissionMark(omitted: number): string {
  return ` ⟦… ${omitted} more character${omitted === 1 ? '' : 's'}, open the inbox⟧`;
}

/** Escapes plain text so that Markdown, HTML, `{{macros}}` and `${templates}` in it stay text. Requires text from {@link visible}. */
export function escapeMarkdown(plain: string): string {
  // CommonMark lets every ASCII punctuation character be escaped; escaping all of them needs no list of what is dangerous where.
  // Spaces at the ends of a line would make it code or a hard break.
  return plain.replace(/^ +| +$/gm, '').replace(/[!-/:-@[-`{-~]/g, '\\$&');
}

/** Untrusted text, visible, bounded and escaped for a Markdown text on one line. */
export function untrusted(text: string, max: number): { readonly markdown: string; readonly omitted: number } {
  const shown = visible(text, { max });
  return { markdown: escapeMarkdown(shown.text), omitted: shown.omitted };
}

/**
 * Splits text into runs that a host's macro or template expansion cannot read as `{{...}}` or `${...}`.
 * Joined again they are the same text.
 */
export function inertRuns(plain: string): readonly string[] {
  return plain.split(/(?<=[{$])(?=\{)/);
}

function layout(text: string, lines: 'one' | 'many'): string {
  const unified = text.replace(/\r\n?|[\u0085\u2028\u2029]/g, '\n');
  // Blank lines push what follows out of sight, so they are counted instead of shown.
  if (lines === 'many') return unified.replace(/\n[ \t]*(?:\n[ \t]*){2,}/g, '\n\n');
  return unified.replace(/\s*\n\s*/g, ' ⏎ ');
}

function shownUnits(source: string): string[] {
  const units: string[] = [];
  let previous = '';
  for (const [piece] of source.matchAll(wordOrRest)) {
    const mixed = latin.test(piece) && lookalikeScript.test(piece);
    let marks = 0;
    for (const character of piece) {
      marks = combining.test(character) ? marks + 1 : 0;
      if (character === '\n') units.push(character);
      // The emoji form of a pictograph hides nothing.
      else if (character === '\ufe0f' && pictograph.test(previous)) units.push(character);
      else if (invisible.test(character) || marks > maxCombining) units.push(codePoint(character));
      else if (otherSpace.test(character)) units.push(' ');
      else if (mixed && lookalikeScript.test(character)) units.push(`${character}${codePoint(character)}`);
      else units.push(character);
      previous = character;
    }
  }
  return units;
}

function codePoint(character: string): string {
  return `⟦U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}⟧`;
}
