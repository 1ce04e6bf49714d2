import canonicalize from 'canonicalize';
import { CountersignError } from './errors.js';
import type { Json } from './json.js';

// Well-formed UTF-16 has no surrogate that stands alone; canonicalize would let one through, and two
// different texts would then share one UTF-8 encoding.
const loneSurrogate = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/;

/**
 * The canonical JSON (RFC 8785) of a value.
 * Requires finite numbers and well-formed strings; throws `request-malformed` otherwise.
 */
export function canonicalJson(value: Json): string {
  assertCanonical(value, 0);
  const text = (canonicalize as unknown as (input: unknown) => string | undefined)(value);
  if (text === undefined) throw new CountersignError('request-malformed', 'The value has no canonical JSON.');
  return text;
}

function assertCanonical(value: unknown, depth: number): void {
  if (depth > 64) throw new CountersignError('request-too-deep', 'The value is nested deeper than 64 levels.');
  switch (typeof value) {
    case 'string':
      if (loneSurrogate.test(value)) throw new CountersignError('request-malformed', 'A string holds half of a surrogate pair.');
      return;
    case 'number':
      if (!Number.isFinite(value)) throw new CountersignError('request-malformed', 'A number is not finite.');
      return;
    case 'boolean':
      return;
    case 'object':
      if (value === null) return;
      if (Array.isArray(value)) {
        for (const item of value) assertCanonical(item, depth + 1);
        return;
      }
      for (const [key, item] of Object.entries(value)) {
        assertCanonical(key, depth + 1);
        // Undefined members are absent members, as JSON.stringify has it.
        if (item !== undefined) assertCanonical(item, depth + 1);
      }
      return;
    default:
      throw new CountersignError('request-malformed', `A ${typeof value} is not JSON.`);
  }
}
