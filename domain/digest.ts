import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { canonicalJson } from './canonical.js';
import { isDeepFrozen } from './frozen.js';
import type { Json } from './json.js';

/** `sha256:` and 64 lower-case hex digits. */
export type Digest = `sha256:${string}`;

/** SHA-256 over the UTF-8 bytes of `text`. */
export function digestText(text: string): Digest {
  return `sha256:${bytesToHex(sha256(utf8ToBytes(text)))}`;
}

const digests = new WeakMap<object, Digest>();

/** SHA-256 over the canonical JSON (RFC 8785) of `value`. */
export function digestJson(value: unknown): Digest {
  if (!isDeepFrozen(value)) return digestText(canonicalJson(value as Json));
  let digest = digests.get(value);
  if (digest === undefined) digests.set(value, (digest = digestText(canonicalJson(value as Json))));
  return digest;
}

// Without vowels it spells nothing, and without Y, and I and O, nothing is misread.
const letters = 'BCDFGHJKLMNPQRSTVWXZ';

/**
 * Six letters that stand on the card and on every page of one action: `KWT-RMB`. A page made to look like ours can show them
 * only if it knows the digest.
 */
export function matchingCode(digest: string): string {
  const hash = sha256(utf8ToBytes(`countersign.matching-code.v1 ${digest}`));
  const code = Array.from({ length: 6 }, (_, index) => letters[(((hash[2 * index] ?? 0) << 8) | (hash[2 * index + 1] ?? 0)) % letters.length]).join('');
  return `${code.slice(0, 3)}-${code.slice(3)}`;
}

/** The first 12 hex digits in groups of four, for people to compare: `3f9a 02bc 77d1`. */
export function shortDigest(digest: string): string {
  const hex = digest.replace(/^sha256:/, '').slice(0, 12);
  return (hex.match(/.{1,4}/g) ?? []).join(' ');
}
