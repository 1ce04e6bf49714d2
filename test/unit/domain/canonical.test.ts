import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson } from '../../../domain/canonical.js';
import { digestJson, digestText } from '../../../domain/digest.js';
import type { Json } from '../../../domain/json.js';

describe('canonical JSON', () => {
  it('gives the example of RFC 8785, section 3.2', () => {
    const input = {
      numbers: [333333333.33333329, 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
      string: '\u20ac$\u000F\u000aA\'\u0042\u0022\u005c\\\"\/',
      literals: [null, true, false],
    };
    expect(canonicalJson(input)).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    );
  });
  it('sorts names by UTF-16 code units, as section 3.2.3 does', () => {
    const input = {
      '\u20ac': 'Euro Sign',
      '\r': 'Carriage Return',
      '\ufb33': 'Hebrew Letter Dalet With Dagesh',
      '1': 'One',
      '\ud83d\ude00': 'Emoji: Grinning Face',
      '\u0080': 'Control',
      '\u00f6': 'Latin Small Letter O With Diaeresis',
    };
    expect(Object.values(JSON.parse(canonicalJson(input)) as object).sort()).toEqual(Object.values(input).sort());
    expect([...canonicalJson(input).matchAll(/:"([A-Z][a-z]+)/g)].map((match) => match[1])).toEqual([
      'Carriage',
      'One',
      'Control',
      'Latin',
      'Euro',
      'Emoji',
      'Hebrew',
    ]);
  });
  const numbers: readonly (readonly [number, string])[] = [
    [-0, '0'],
    [5e-324, '5e-324'],
    [Number.MAX_VALUE, '1.7976931348623157e+308'],
    [9007199254740992, '9007199254740992'],
    [1e21, '1e+21'],
    [999999999999999900000, '999999999999999900000'],
    [1e-7, '1e-7'],
    [333333333.3333332, '333333333.3333332'],
  ];
  it.each(numbers)('writes the number %d as appendix B does', (number, text) => expect(canonicalJson(number)).toBe(text));

  const refused: Record<string, unknown> = {
    'a high surrogate alone': '\ud800',
    'a low surrogate alone': 'a\udc00b',
    'a lone surrogate in a name': { '\udfff': 1 },
    infinity: Infinity,
    'not a number': NaN,
    undefined,
    'undefined in a list': [undefined],
    'a bigint': 1n,
    'a function': () => 1,
  };
  for (const [name, value] of Object.entries(refused)) it(`refuses ${name}`, () => expect(() => canonicalJson(value as Json)).toThrow('request-malformed'));
  it('refuses what is nested too deeply', () => {
    let deep: Json = 1;
    for (let level = 0; level < 66; level += 1) deep = [deep];
    expect(() => canonicalJson(deep)).toThrow('request-too-deep');
  });
  it('does not depend on the order of members, survives parsing, and tells different values apart', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (one, other) => {
        const [a, b] = [canonicalJson(one as Json), canonicalJson(other as Json)];
        expect(canonicalJson(JSON.parse(a) as Json)).toBe(a);
        expect(digestJson(one) === digestJson(other)).toBe(a === b);
      }),
    );
  });
  it('digests as SHA-256 over UTF-8', () => expect(digestText('abc')).toBe('sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'));
});
