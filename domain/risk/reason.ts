import { digestText, type Digest } from '../digest.js';

// Characters that change how text reads without being seen: bidi controls, zero-width, fillers, tags, and the
// variation selectors that carry smuggled bytes (not those that choose between a glyph and an emoji).
const hiddenCharacters =
  /[\u00AD\u034F\u061C\u115F\u1160\u17B4\u17B5\u180B-\u180F\u200B-\u200F\u202A-\u202E\u2060-\u206F\u2800\u3164\uFE00-\uFE0D\uFEFF\uFFA0\uFFF9-\uFFFB\u{E0000}-\u{E0FFF}]/gu;
const claimsConsent =
  /\b(pre-?approved|pre-?authori[sz]ed|already (been )?(approved|authori[sz]ed|cleared|agreed|signed off)|(approved|authori[sz]ed|cleared|signed off) by|(has|have) (approved|agreed|signed off)|with (the )?approval of)\b/;
const instructs =
  /\b(just approve|please approve|approve (this|it|now|without)|click approve|no need to (check|review|read|verify|look)|(do not|don't|dont) (reject|worry|check|review|ask|escalate)|safe to approve|(ignore|disregard|forget) (all|any|the|your|previous|prior|these)|you (must|should|can safely) approve|this is (only )?a (test|routine|formality))\b/;
const urges =
  /\b(urgent|urgently|asap|immediately|right now|at once|emergency|time[- ]critical|time[- ]sensitive|no time to|running out of time|before it(’|'| i)s too late|(ceo|cfo|boss|management) (is waiting|wants|needs|demands))\b/;
// Letters of other scripts that look like Latin ones: what reads like "approved" counts as it.
const lookalikes: Readonly<Record<string, string>> = {
  ...{ а: 'a', е: 'e', о: 'o', р: 'p', с: 'c', х: 'x', у: 'y', і: 'i', ѕ: 's', ј: 'j', ԁ: 'd', ԛ: 'q', ѵ: 'v', һ: 'h', к: 'k', м: 'm', т: 't' },
  ...{ α: 'a', ε: 'e', ο: 'o', ρ: 'p', ν: 'v', υ: 'u', ι: 'i', κ: 'k', τ: 't', ı: 'i' },
};

/** True when the text holds characters that cannot be seen. */
export function hasHidden(text: string): boolean {
  hiddenCharacters.lastIndex = 0;
  return hiddenCharacters.test(text);
}

/** The text as it reads: composed, without what cannot be seen, in small Latin letters and single spaces. */
export function asRead(text: string): string {
  const seen = text.normalize('NFKC').replace(hiddenCharacters, '').toLowerCase();
  return [...seen]
    .map((letter) => lookalikes[letter] ?? letter)
    .join('')
    .replace(/\s+/g, ' ')
    .trim();
}

/** Says how a reason tries to persuade instead of saying why; undefined if it does not. Needs a reason as it reads. */
export function persuades(reason: string): string | undefined {
  if (claimsConsent.test(reason)) return 'The stated reason claims that somebody has approved already.';
  return instructs.test(reason) ? 'The stated reason tells the reader what to do.' : undefined;
}

/** True when a reason, as it reads, presses for time. */
export function isUrgent(reason: string): boolean {
  return urges.test(reason);
}

/** Under this digest a reason is found again, however it was spaced and spelt. */
export function reasonDigest(reason: string): Digest {
  return digestText(asRead(reason));
}
