import { deepFreeze } from './frozen.js';
import type { JsonObject } from './json.js';

/** How much is remembered for one key, in characters of what was signed: the signed things of a thousand actions and more. */
const maxCharacters = 4_194_304;

/** Claims by the compact JWS that carries them. */
class Held {
  readonly #claims = new Map<string, JsonObject>();
  #characters = 0;

  get(jws: string): JsonObject | undefined {
    const claims = this.#claims.get(jws);
    if (claims === undefined) return undefined;
    // The one that was asked for longest ago goes first.
    this.#claims.delete(jws);
    this.#claims.set(jws, claims);
    return claims;
  }

  add(jws: string, claims: JsonObject): void {
    if (this.#claims.has(jws) || jws.length > maxCharacters) return;
    this.#claims.set(jws, claims);
    this.#characters += jws.length;
    for (const oldest of this.#claims.keys()) {
      if (this.#characters <= maxCharacters) break;
      this.#claims.delete(oldest);
      this.#characters -= oldest.length;
    }
  }
}

const heldUnder = new WeakMap<object, Held>();

/**
 * The claims of a JWS whose signature held before under this very public key. That it held stays true for ever and is all that
 * is remembered: whether the key counts, for what and when, and whether the claims are in time, is asked anew at each use.
 */
export function heldBefore(key: object, jws: string): JsonObject | undefined {
  return heldUnder.get(key)?.get(jws);
}

/** Remembers claims whose signature has just held under this key, and freezes them, since others will be given the same. */
export function rememberHeld(key: object, jws: string, claims: JsonObject): void {
  let held = heldUnder.get(key);
  if (held === undefined) heldUnder.set(key, (held = new Held()));
  held.add(jws, deepFreeze(claims));
}
