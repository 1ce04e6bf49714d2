/**
 * An ECDSA signature as JOSE wants it, `r` and `s` side by side, from the DER that services and libraries return.
 * Throws on anything that is not exactly one sequence of two integers of at most `size` bytes.
 */
export function derToRaw(der: Uint8Array, size: number): Uint8Array {
  // Two short integers: every length fits into one byte.
  if (der[0] !== 0x30 || der[1] !== der.length - 2 || der.length > 127) throw new TypeError('not an ECDSA signature in DER');
  const raw = new Uint8Array(size * 2);
  let offset = 2;
  for (const end of [size, size * 2]) {
    const length = der[offset + 1] ?? 0;
    const integer = der.subarray(offset + 2, offset + 2 + length);
    if (der[offset] !== 0x02 || length === 0 || integer.length !== length) throw new TypeError('not an ECDSA signature in DER');
    // A leading zero keeps a number positive; it is no part of the number.
    const digits = integer[0] === 0 ? integer.subarray(1) : integer;
    if (digits.length > size) throw new TypeError('the number does not fit the curve');
    raw.set(digits, end - digits.length);
    offset += 2 + length;
  }
  if (offset !== der.length) throw new TypeError('not an ECDSA signature in DER');
  return raw;
}
