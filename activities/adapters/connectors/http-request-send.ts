import { createHash } from 'node:crypto';
import http from 'node:http';
import https from 'node:https';
import type { Digest } from '../../../domain/digest.js';

const maxResponseBytes = 65_536;

/**
 * How one request went. `not-sent`: no byte of it left this machine. `unclear`: it may have arrived, and no answer came.
 * `aborted` tells that the caller stopped it.
 */
export type Exchange =
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly contentType: string;
      readonly bytes: number;
      readonly digest: Digest;
      /** False when the body was longer than is read, or broke off. */
      readonly complete: boolean;
    }
  | { readonly kind: 'not-sent' | 'unclear'; readonly why: string; readonly aborted: boolean };

/**
 * Sends one request on a connection of its own, follows no redirect, and reads at most 64 KiB of the answer. Never rejects.
 */
export function exchange(
  url: URL,
  options: {
    readonly method: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: Uint8Array;
    readonly timeoutMs: number;
    readonly signal: AbortSignal;
  },
): Promise<Exchange> {
  const { signal } = options;
  if (signal.aborted) return Promise.resolve({ kind: 'not-sent', why: 'it was cancelled', aborted: true });
  const secure = url.protocol === 'https:';
  return new Promise((resolve) => {
    let sent = false;
    let timedOut = false;
    // No pooled connection: one that the target has just closed would leave unclear what could be clear.
    const request = (secure ? https : http).request(url, { method: options.method, headers: options.headers, agent: false });
    // Ends the exchange with what is known so far; a second end changes nothing. Every way out takes it by itself, because a
    // target can end a connection in ways of which Node tells no error.
    let conclude = (code?: string): void => {
      const why = signal.aborted
        ? 'it was cancelled'
        : timedOut
          ? `there was no answer within ${options.timeoutMs / 1000} s`
          : `the connection failed (${code ?? 'closed'})`;
      settle({ kind: sent ? 'unclear' : 'not-sent', why, aborted: signal.aborted });
    };
    const abort = (): void => conclude();
    const timer = setTimeout(() => {
      timedOut = true;
      conclude();
    }, options.timeoutMs);
    signal.addEventListener('abort', abort, { once: true });
    const settle = (result: Exchange): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      resolve(result);
      request.destroy();
    };
    // With TLS nothing of the request is written before the peer has proved who it is.
    request.on('socket', (socket) => socket.once(secure ? 'secureConnect' : 'connect', () => (sent = true)));
    request.on('error', (error: NodeJS.ErrnoException) => conclude(error.code));
    request.on('upgrade', (response, socket) => {
      socket.on('error', () => undefined);
      socket.destroy();
      settle({ kind: 'unclear', why: `it answered ${response.statusCode ?? 101}, which nobody asked for`, aborted: signal.aborted });
    });
    let responded = false;
    // Of a response, only its own events tell how much of it arrived.
    request.on('close', () => {
      if (!responded) conclude();
    });
    request.on('response', (response) => {
      responded = true;
      const hash = createHash('sha256');
      let bytes = 0;
      let ended = false;
      const answered = (complete: boolean): void => {
        if (ended) return;
        ended = true;
        settle({
          kind: 'answered',
          status: response.statusCode ?? 0,
          contentType: (response.headers['content-type'] ?? 'none').replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 100),
          bytes,
          digest: `sha256:${hash.digest('hex')}`,
          complete,
        });
      };
      // The status has arrived and stands, however the body ends.
      conclude = () => answered(false);
      response.on('data', (chunk: Buffer) => {
        if (ended) return;
        const part = chunk.subarray(0, maxResponseBytes - bytes);
        hash.update(part);
        bytes += part.length;
        if (part.length < chunk.length) answered(false);
      });
      response.on('end', () => answered(response.complete));
      response.on('error', () => answered(false));
      response.on('close', () => answered(false));
    });
    request.end(options.body);
  });
}
