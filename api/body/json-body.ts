import type { FastifyInstance } from 'fastify';
import { CountersignError } from '../../domain/errors.js';
import { parseUntrustedJson, type JsonLimits } from './scan-json.js';

/**
 * Makes a scope accept `application/json` in UTF-8 and nothing else. An absent or empty body is `null`.
 * Throws `media-type-unsupported`, `request-malformed`, `request-too-deep` or `request-too-large`.
 */
export function acceptOnlyJson(scope: FastifyInstance, limits: JsonLimits & { readonly bytes: number }): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser('application/json', { parseAs: 'buffer', bodyLimit: limits.bytes }, (request, body, done) => {
    try {
      const charset = /;\s*charset\s*=\s*"?([^";\s]+)/i.exec(request.headers['content-type'] ?? '')?.[1];
      if (charset !== undefined && charset.toLowerCase() !== 'utf-8') throw new CountersignError('media-type-unsupported', 'JSON is sent in UTF-8.');
      if (request.headers['content-encoding'] !== undefined) throw new CountersignError('media-type-unsupported', 'Send the body without Content-Encoding.');
      done(null, body.length === 0 ? null : parseUntrustedJson(decodeUtf8(body as Buffer), limits));
    } catch (error) {
      done(error as Error);
    }
  });
}

function decodeUtf8(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new CountersignError('request-malformed', 'The body is not UTF-8.');
  }
}
