import { CountersignError } from '../../domain/errors.js';

// Real access tokens stay below 4 KB; some with many groups reach 8 KB. Node itself stops at 16 KB of headers.
const longestToken = 12_288;

/** A token as it was presented, with the proofs of possession that came beside it. */
export type Presented = { readonly scheme: 'bearer' | 'dpop'; readonly token: string; readonly proofs: readonly string[] };

/**
 * The token of the one `Authorization` header, of the scheme `Bearer` or `DPoP`, and every `DPoP` header.
 * Throws like {@link bearerToken}.
 */
export function presentedToken(rawHeaders: readonly string[]): Presented {
  const proofs = rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === 'dpop');
  const dpop = rawHeaders.map((text, index) =>
    index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === 'authorization' ? text.replace(/^dpop(?= |$)/i, 'Bearer') : text,
  );
  const scheme = dpop.some((text, index) => text !== rawHeaders[index]) ? 'dpop' : 'bearer';
  return { scheme, token: bearerToken(dpop), proofs };
}

/**
 * The token of an `Authorization: Bearer` header. Exactly one header with exactly one token is accepted.
 * @param rawHeaders names and values in turn as received, since Node drops or joins repeated headers elsewhere
 * Throws `token-missing` or `token-invalid`.
 */
export function bearerToken(rawHeaders: readonly string[]): string {
  const values = rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === 'authorization');
  const value = values[0];
  if (value === undefined) throw new CountersignError('token-missing');
  if (values.length > 1) throw new CountersignError('token-invalid', 'Authorization must stand once.');
  const match = /^bearer +([A-Za-z0-9._~+/-]+=*) *$/i.exec(value);
  if (match === null) throw /^bearer\b/i.test(value) ? new CountersignError('token-invalid') : new CountersignError('token-missing');
  const token = match[1] as string;
  if (token.length > longestToken) throw new CountersignError('token-invalid');
  return token;
}
