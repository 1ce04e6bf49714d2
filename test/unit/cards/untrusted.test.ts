import fc from 'fast-check';
import markdownIt from 'markdown-it';
import { describe, expect, it } from 'vitest';
import { escapeMarkdown, inertRuns, untrusted, visible } from '../../../domain/cards/untrusted.js';

// The most permissive reader: HTML, links found in plain text, typographic replacement off so that text can be compared.
const markdown = markdownIt({ html: true, linkify: true, breaks: true });
const hidden = /[\p{Cf}\p{Co}\p{Cn}\p{Cs}\p{Zl}\p{Zp}\u0000-\u0009\u000b-\u001f\u007f-\u009f]/u;

const nasty = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.string({ unit: 'grapheme', maxLength: 300 }),
  fc
    .array(
      fc.constantFrom(
        ...[
          '[a](http://evil.example)',
          '![x](http://evil.example/x.png)',
          '`',
          '```\n',
          '# ',
          '- ',
          '1. ',
          '1) ',
          '> ',
          '&lt;',
          '&#x5b;',
          '<b>',
          '<script>',
          '**',
          '__',
          '~~',
          '|',
          '---',
        ],
        ...[
          '{{DATE(2026-01-01T00:00:00Z)}}',
          '${name}',
          '\\',
          'https://evil.example',
          'www.evil.example',
          'a@evil.example',
          'file:///x',
          '\n',
          '\n\n\n\n',
          '    ',
          '\t',
          '\r',
          '\u202e',
          '\u200b',
        ],
        ...[
          '\u{e0041}',
          'e\u0301\u0301\u0301\u0301\u0301',
          'p\u0430ypal',
          '⟦',
          '⟧',
          '\ud800',
          '\u3164',
          'a',
          ' ',
          '.',
          ':',
          '/',
          '+ ',
          '* ',
          '[x]: http://evil.example',
          '<http://evil.example>',
        ],
      ),
      { maxLength: 30 },
    )
    .map((parts) => parts.join('')),
);

describe('visible', () => {
  it('lets no invisible or control character through, whatever the text', () => {
    fc.assert(
      fc.property(nasty, fc.constantFrom('one' as const, 'many' as const), (text, lines) => {
        const shown = visible(text, { max: 200, lines });
        expect(shown.text.replace(/(?<=\p{Extended_Pictographic})\ufe0f/gu, '')).not.toMatch(hidden);
        if (lines === 'one') expect(shown.text).not.toContain('\n');
      }),
    );
  });

  it('is bounded, and says when something is missing', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 0, maxLength: 2000 }), fc.integer({ min: 1, max: 200 }), (text, max) => {
        const shown = visible(text, { max });
        expect(shown.text.length).toBeLessThanOrEqual(max + 60);
        expect(shown.omitted > 0).toBe(/⟦… \d+ more characters?, open the inbox⟧$/.test(shown.text));
      }),
    );
  });

  it.each([
    ['bidi override', 'pay \u202eenola', 'pay ⟦U+202E⟧enola'],
    ['zero width', 'ad\u200bmin', 'ad⟦U+200B⟧min'],
    ['tag characters', 'ok\u{e0041}', 'ok⟦U+E0041⟧'],
    ['Hangul filler', 'a\u3164b', 'a⟦U+3164⟧b'],
    ['Cyrillic letter in a Latin word', 'p\u0430ypal', 'p\u0430⟦U+0430⟧ypal'],
    ['a word that is Cyrillic throughout stays', 'привет', 'привет'],
    ['a forged mark', '⟦… 5 more characters⟧', '⟦U+27E6⟧… 5 more characters⟦U+27E7⟧'],
    ['line breaks on one line', 'a\r\nb', 'a ⏎ b'],
    ['half a surrogate pair', 'x\ud83d', 'x⟦U+D83D⟧'],
    ['decomposed letters', 'e\u0301', '\u00e9'],
    ['an emoji as emoji', '⚠\ufe0f', '⚠\ufe0f'],
    ['piled-up marks', 'z\u0335\u0336\u0337\u0338', 'z\u0335\u0336\u0337⟦U+0338⟧'],
  ])('%s', (_name, text, expected) => {
    expect(visible(text, { max: 200 }).text).toBe(expected);
  });
});

describe('escapeMarkdown', () => {
  it('makes a Markdown reader with HTML and link detection give back exactly the text, without any element', () => {
    fc.assert(
      fc.property(nasty, (text) => {
        const { markdown: escaped } = untrusted(text, 400);
        const html = markdown.render(escaped);
        expect(html.replace(/^<p>|<\/p>\n$/g, '')).not.toMatch(/<[a-z/!?]/i);
        expect(unescapeHtml(html.replace(/^<p>|<\/p>\n$/g, ''))).toBe(visible(text, { max: 400 }).text.trim());
      }),
      { numRuns: 1000 },
    );
  });

  it('leaves nothing that a host expands as a macro or a template', () => {
    fc.assert(
      fc.property(nasty, (text) => {
        expect(untrusted(text, 400).markdown).not.toMatch(/\{\{|\$\{/);
      }),
    );
    expect(escapeMarkdown('{{DATE(2026-01-01T00:00:00Z)}} ${x}')).not.toMatch(/\{\{|\$\{/);
  });
});

describe('inertRuns', () => {
  it('splits every macro and template, and joins to the same text', () => {
    fc.assert(
      fc.property(nasty, (text) => {
        const runs = inertRuns(text);
        expect(runs.join('')).toBe(text);
        for (const run of runs) expect(run).not.toMatch(/\{\{|\$\{/);
      }),
    );
  });
});

function unescapeHtml(html: string): string {
  return html.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&amp;', '&');
}
