import type { ValidateFunction } from 'ajv';
import { setTimeout as delay } from 'node:timers/promises';
import { DirectoryTrouble, type Ask } from './source.js';

/** How a client waits and counts; real time and chance when absent. */
export type Clockwork = {
  readonly now: () => number;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly random: () => number;
  readonly fetch: typeof fetch;
};

export const realClockwork: Clockwork = {
  now: Date.now,
  sleep: async (ms, signal) => void (await delay(ms, undefined, { signal })),
  random: Math.random,
  fetch: (...input) => fetch(...input),
};

/** The value of the Authorization header. `renew` asks for another one than was refused. */
export type Authorize = (ask: Ask, renew: boolean) => Promise<string>;

export type ClientOptions = {
  readonly baseUrl: string;
  readonly authorize?: Authorize;
  readonly timeoutMs: number;
  readonly accept?: string;
  /** True for the document with which this provider says that something does not exist. Any other 404 is trouble. */
  readonly isNotFound?: (body: unknown) => boolean;
  /** True for an answer, other than 429, that means "too fast". */
  readonly isThrottle?: (status: number, body: unknown) => boolean;
  readonly clockwork?: Clockwork;
};

export type Answer<T> = { readonly body: T; readonly headers: Headers };

/** Asks one provider for JSON: bounded in time and size, repeated where that can help, checked against a schema. */
export type JsonClient = {
  /** The answer, or `undefined` where the provider says "not found". Requires a path, or a URL of the same origin. */
  get<T>(path: string, valid: ValidateFunction<T>, ask: Ask, headers?: Readonly<Record<string, string>>): Promise<Answer<T> | undefined>;
  /** Sends a form, as token endpoints take it. */
  post<T>(path: string, form: URLSearchParams, valid: ValidateFunction<T>, ask: Ask): Promise<Answer<T>>;
};

const maxBytes = 8 * 1024 * 1024;
const backoffMs = { first: 150, most: 2_000 } as const;
// A provider that names a longer time is asked again after this one: its clock may be wrong.
const longestWaitMs = 60_000;

/** A client of one provider. While the provider said "later", nobody asks it. */
export function createJsonClient(options: ClientOptions): JsonClient {
  const { baseUrl, authorize, timeoutMs, clockwork = realClockwork } = options;
  const { origin } = new URL(baseUrl);
  let quietUntilMs = 0;

  const urlOf = (path: string): URL => {
    const url = path.startsWith('/') ? new URL(baseUrl.replace(/\/$/, '') + path) : new URL(path);
    // The next page is an address that the provider sends; our credentials go to no other host.
    if (url.origin !== origin) throw new DirectoryTrouble('nonsense', 'the provider pointed to another host');
    return url;
  };

  async function once(url: URL, init: RequestInit, ask: Ask): Promise<{ readonly status: number; readonly headers: Headers; readonly body: unknown }> {
    const leftMs = ask.deadlineMs - clockwork.now();
    if (leftMs <= 0) throw new DirectoryTrouble('unreachable', 'the time for this lookup is over');
    const signal = AbortSignal.any([ask.signal, AbortSignal.timeout(Math.min(timeoutMs, leftMs))]);
    try {
      const response = await clockwork.fetch(url, { ...init, redirect: 'error', signal });
      return { status: response.status, headers: response.headers, body: parse(await readBounded(response)) };
    } catch (error) {
      if (error instanceof DirectoryTrouble) throw error;
      throw new DirectoryTrouble('unreachable', signal.aborted ? 'the provider did not answer in time' : 'the provider cannot be reached', { cause: error });
    }
  }

  async function send<T>(
    path: string,
    form: URLSearchParams | undefined,
    valid: ValidateFunction<T>,
    ask: Ask,
    more: Readonly<Record<string, string>> = {},
  ): Promise<Answer<T> | undefined> {
    const url = urlOf(path);
    let renewed = false;
    for (let attempt = 0; ; attempt += 1) {
      await waitUntil(quietUntilMs, ask, 'throttled', 'the provider asks for a pause that is longer than this lookup may last');
      const headers: Record<string, string> = { accept: options.accept ?? 'application/json', ...more };
      if (authorize !== undefined) headers['authorization'] = await authorize(ask, renewed && attempt > 0);
      let trouble: DirectoryTrouble;
      try {
        const answer = await once(url, { method: form === undefined ? 'GET' : 'POST', headers, ...(form === undefined ? {} : { body: form }) }, ask);
        if (answer.status === 200) return { body: checked(answer.body, valid), headers: answer.headers };
        if (answer.status === 404 && form === undefined && options.isNotFound?.(answer.body) === true) return undefined;
        if (answer.status === 401 && authorize !== undefined && !renewed) {
          renewed = true;
          continue;
        }
        trouble = troubleOf(answer.status, answer.body, options);
        if (trouble.kind === 'throttled' || answer.status === 503) {
          const untilMs = pauseOf(answer.headers, clockwork.now());
          if (untilMs !== undefined) quietUntilMs = Math.max(quietUntilMs, Math.min(untilMs, clockwork.now() + longestWaitMs));
        }
      } catch (error) {
        if (!(error instanceof DirectoryTrouble)) throw error;
        trouble = error;
      }
      if (trouble.kind === 'refused' || trouble.kind === 'nonsense') throw trouble;
      const backoff = Math.min(backoffMs.most, backoffMs.first * 2 ** attempt) * (0.5 + clockwork.random() / 2);
      await waitUntil(clockwork.now() + backoff, ask, trouble.kind, trouble.message, trouble);
    }
  }

  async function waitUntil(untilMs: number, ask: Ask, kind: DirectoryTrouble['kind'], message: string, cause?: Error): Promise<void> {
    const waitMs = untilMs - clockwork.now();
    if (waitMs <= 0) return;
    // Waiting longer than the lookup may last helps nobody; the person is told to try again at once.
    if (untilMs >= ask.deadlineMs) throw new DirectoryTrouble(kind, message, cause === undefined ? undefined : { cause });
    await clockwork.sleep(waitMs, ask.signal).catch((error: unknown) => {
      throw new DirectoryTrouble('unreachable', 'the lookup was given up', { cause: error });
    });
  }

  return {
    get: (path, valid, ask, headers) => send(path, undefined, valid, ask, headers),
    post: async (path, form, valid, ask) => {
      const answer = await send(path, form, valid, ask);
      if (answer === undefined) throw new DirectoryTrouble('nonsense', 'the provider answered with nothing');
      return answer;
    },
  };
}

function checked<T>(body: unknown, valid: ValidateFunction<T>): T {
  if (valid(body)) return body;
  const error = valid.errors?.[0];
  throw new DirectoryTrouble('nonsense', `the provider's answer is not what it should be: ${error?.instancePath ?? ''} ${error?.message ?? ''}`.trim());
}

function troubleOf(status: number, body: unknown, { isThrottle }: ClientOptions): DirectoryTrouble {
  if (status === 429 || isThrottle?.(status, body) === true) return new DirectoryTrouble('throttled', 'the provider says that it was asked too often');
  if (status >= 500 || status === 408) return new DirectoryTrouble('unreachable', `the provider answered ${status}`);
  if (status === 401 || status === 403) return new DirectoryTrouble('refused', `the provider refused our credentials with ${status}`);
  if (status === 400) return new DirectoryTrouble('refused', 'the provider refused the question with 400');
  return new DirectoryTrouble('nonsense', `the provider answered ${status}`);
}

/** When the provider may be asked again: `Retry-After` in seconds or as a date, or Okta's time at which its limit starts anew. */
function pauseOf(headers: Headers, nowMs: number): number | undefined {
  const after = headers.get('retry-after');
  if (after !== null) return /^\d{1,6}$/.test(after) ? nowMs + Number(after) * 1_000 : numberOr(Date.parse(after));
  const reset = headers.get('x-rate-limit-reset');
  return reset !== null && /^\d{9,12}$/.test(reset) ? Number(reset) * 1_000 : undefined;
}

function numberOr(value: number): number | undefined {
  return Number.isNaN(value) ? undefined : value;
}

async function readBounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of (response.body ?? []) as unknown as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) throw new DirectoryTrouble('nonsense', 'the provider sent too much');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

// What is not JSON fits no schema.
function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
