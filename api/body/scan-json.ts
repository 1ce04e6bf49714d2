import { CountersignError } from '../../domain/errors.js';

/** What a body may hold. `members` counts object members and array items together. */
export type JsonLimits = { readonly depth: number; readonly stringLength: number; readonly members: number };

// Names that some object or other gives a meaning to.
const forbiddenNames = new Set(['__proto__', 'constructor', 'prototype']);
const loneSurrogate = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/;

type Level = { readonly kind: 'object'; readonly names: Set<string>; nameNext: boolean } | { readonly kind: 'array' };

const malformed = (detail: string) => new CountersignError('request-malformed', detail);

/**
 * Parses JSON that an attacker may have written. One pass without recursion checks the limits before anything is
 * built; it also refuses what two parsers could read differently: a name that stands twice, half a surrogate
 * pair, an integer that a double cannot hold. Throws `request-malformed` or `request-too-deep`.
 */
export function parseUntrustedJson(text: string, limits: JsonLimits): unknown {
  scan(text, limits);
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // The parser's own message quotes the body, so it is not repeated.
    throw malformed('The body is not valid JSON.');
  }
}

function scan(text: string, limits: JsonLimits): void {
  const levels: Level[] = [];
  let members = 0;
  const count = (): void => {
    members += 1;
    if (members > limits.members) throw new CountersignError('request-too-deep', `The body holds more than ${limits.members} members.`);
  };
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    const level = levels.at(-1);
    switch (character) {
      case '{':
      case '[':
        if (levels.length >= limits.depth) throw new CountersignError('request-too-deep', `The body is nested deeper than ${limits.depth} levels.`);
        levels.push(character === '{' ? { kind: 'object', names: new Set(), nameNext: true } : { kind: 'array' });
        break;
      case '}':
      case ']':
        levels.pop();
        break;
      case ',':
        if (level?.kind === 'object') level.nameNext = true;
        else count();
        break;
      case '"': {
        const end = endOfString(text, at);
        const value = decode(text.slice(at, end + 1), limits.stringLength);
        if (level?.kind === 'object' && level.nameNext) {
          level.nameNext = false;
          count();
          if (forbiddenNames.has(value)) throw malformed('The body has a member whose name is reserved.');
          if (level.names.has(value)) throw malformed('The body has the same member twice.');
          level.names.add(value);
        }
        at = end;
        break;
      }
      default:
        if (character === '-' || (character !== undefined && character >= '0' && character <= '9')) at = endOfNumber(text, at) - 1;
    }
  }
}

function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at += 1) {
    const character = text[at];
    if (character === '\\') at += 1;
    else if (character === '"') return at;
  }
  throw malformed('The body is not valid JSON.');
}

function decode(quoted: string, longest: number): string {
  // An escape is at most six characters for one, so this bound spares decoding what is too long in any case.
  if (quoted.length - 2 > longest * 6) throw tooLong(longest);
  let value: unknown;
  try {
    value = JSON.parse(quoted);
  } catch {
    throw malformed('The body is not valid JSON.');
  }
  if (typeof value !== 'string' || loneSurrogate.test(value)) throw malformed('A string of the body holds half of a surrogate pair.');
  if (value.length > longest) throw tooLong(longest);
  return value;
}

const tooLong = (longest: number) => new CountersignError('request-too-large', `A string of the body is longer than ${longest} characters.`);

function endOfNumber(text: string, start: number): number {
  let end = start + 1;
  while (end < text.length && /[0-9.eE+-]/.test(text.charAt(end))) end += 1;
  const literal = text.slice(start, end);
  const value = Number(literal);
  if (!Number.isFinite(value) || (/^-?\d+$/.test(literal) && !Number.isSafeInteger(value)))
    throw malformed('A number of the body cannot be held exactly; send it as a string.');
  return end;
}
