import type { BotToken } from '../../../config/teams-token.js';
import { CountersignError } from '../../../domain/errors.js';
import type { JsonObject } from '../../../domain/json.js';

/** An answer of the Bot Connector that a repetition would not change. `gone`: there is no such conversation, message or right any more. */
export class ConnectorRefused extends Error {
  override readonly name = 'ConnectorRefused';
  constructor(
    readonly status: number,
    readonly gone: boolean,
  ) {
    super(`The Bot Connector answered ${status}.`);
  }
}

/** One call of the Bot Connector's REST interface. */
export type ConnectorCall = (method: 'POST' | 'PUT', path: string, body: JsonObject, signal: AbortSignal) => Promise<JsonObject>;

export type ConnectorOptions = {
  readonly serviceUrl: URL;
  readonly token: BotToken;
  readonly timeoutMs?: number;
  /** Longest that one call waits for its turn when Teams throttles; beyond it the activity is retried later. */
  readonly maxThrottleMs?: number;
};

const maxAnswerBytes = 65_536;

/**
 * Calls the Bot Connector with the bot's own token. Waits out short throttling; throws `channel-unavailable` when a
 * retry may help and {@link ConnectorRefused} when not. The token goes to the configured address only and follows no redirect.
 */
export function createConnectorCall({ serviceUrl, token, timeoutMs = 10_000, maxThrottleMs = 15_000 }: ConnectorOptions): ConnectorCall {
  const base = serviceUrl.href.replace(/\/+$/, '');
  return async (method, path, body, signal) => {
    const giveUpAt = Date.now() + maxThrottleMs;
    for (let renew = false; ;) {
      const response = await send(method, `${base}${path}`, body, renew, signal);
      if (response.ok) return answer(response);
      await response.body?.cancel();
      // A cached token can be refused before it expires, for example after a key was withdrawn.
      if (response.status === 401 && !renew) {
        renew = true;
        continue;
      }
      if (response.status !== 429) throw failure(response.status);
      const waitMs = retryAfterMs(response.headers.get('retry-after'));
      if (Date.now() + waitMs > giveUpAt) throw new CountersignError('channel-unavailable', 'Teams asks to send more slowly.');
      await pause(waitMs, signal);
    }
  };

  async function send(method: string, url: string, body: JsonObject, renew: boolean, signal: AbortSignal): Promise<Response> {
    const authorization = `Bearer ${await token({ renew })}`;
    signal.throwIfAborted();
    try {
      return await fetch(url, {
        method,
        headers: { authorization, 'content-type': 'application/json', accept: 'application/json' },
        body: JSON.stringify(body),
        redirect: 'error',
        signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      });
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw new CountersignError('channel-unavailable', 'Teams cannot be reached.', { cause: error });
    }
  }
}

async function answer(response: Response): Promise<JsonObject> {
  const text = await response.text();
  if (text === '' || text.length > maxAnswerBytes) return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
  } catch {
    return {};
  }
}

function failure(status: number): Error {
  if (status === 401 || status === 408 || status === 409 || status === 412 || status >= 500) {
    return new CountersignError('channel-unavailable', `Teams answered ${status}.`);
  }
  return new ConnectorRefused(status, status === 403 || status === 404 || status === 410);
}

/** Seconds or a date, as HTTP has it; one second when absent or odd. */
function retryAfterMs(header: string | null): number {
  const seconds = Number(header ?? '1');
  if (Number.isFinite(seconds)) return Math.max(0, seconds) * 1000;
  const at = Date.parse(header ?? '');
  return Number.isNaN(at) ? 1000 : Math.max(0, at - Date.now());
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', abort);
      resolve();
    }, ms);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
}
