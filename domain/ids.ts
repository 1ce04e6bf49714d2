import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { canonicalJson } from './canonical.js';
import type { ActionId } from './request.js';

const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';

/**
 * The id of the action that a caller asks for under one Idempotency-Key: 160 bits of SHA-256 over the canonical
 * JSON of issuer, subject and key. The same three always give the same id, and nobody else can meet it.
 */
export function actionId(issuer: string, subject: string, key: string): ActionId {
  const hash = sha256(utf8ToBytes(canonicalJson([issuer, subject, key])));
  let text = '';
  let bits = 0;
  let held = 0;
  for (const byte of hash.subarray(0, 20)) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += alphabet.charAt((held >>> bits) & 31);
      held &= (1 << bits) - 1;
    }
  }
  return `act_${text}`;
}

/** True when the text has the form of an action id. */
export function isActionId(text: string): text is ActionId {
  return /^act_[a-z2-7]{32}$/.test(text);
}
