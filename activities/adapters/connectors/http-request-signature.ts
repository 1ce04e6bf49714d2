import { createHash, createHmac } from 'node:crypto';

/** One component that a signature covers, by its RFC 9421 name. */
export type Component = { readonly name: string; readonly value: string };

/** The value of `Content-Digest` (RFC 9530) for a body. */
export function contentDigest(body: Uint8Array): string {
  return `sha-256=:${createHash('sha256').update(body).digest('base64')}:`;
}

/**
 * The headers `Signature-Input` and `Signature` of RFC 9421 with `hmac-sha256` over the given components, in this order.
 * Requires values without line breaks.
 */
export function signMessage(
  components: readonly Component[],
  options: { readonly label: string; readonly parameters: readonly (readonly [string, string | number])[]; readonly secret: Uint8Array },
): { readonly 'signature-input': string; readonly signature: string } {
  const parameters = options.parameters
    .map(([name, value]) => `;${name}=${typeof value === 'number' ? value : `"${value.replaceAll(/["\\]/g, '\\$&')}"`}`)
    .join('');
  const covered = `(${components.map(({ name }) => `"${name}"`).join(' ')})${parameters}`;
  const base = [...components.map(({ name, value }) => `"${name}": ${value}`), `"@signature-params": ${covered}`].join('\n');
  return {
    'signature-input': `${options.label}=${covered}`,
    signature: `${options.label}=:${createHmac('sha256', options.secret).update(base, 'utf8').digest('base64')}:`,
  };
}
