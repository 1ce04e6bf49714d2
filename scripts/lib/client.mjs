import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { root } from './paths.mjs';
import { run } from './run.mjs';
import { configFile } from './sample-config.mjs';
import { Trouble } from './term.mjs';

const finals = new Set(['executed', 'failed', 'unknown', 'denied', 'rejected', 'expired', 'cancelled', 'error']);

/** True when nothing can change any more. */
export const isFinal = (status) => finals.has(status);

/** A token of a sample agent or person, from the embedded provider, as `countersign dev token` prints it. */
export async function devToken(home, subject) {
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, COUNTERSIGN_CONFIG: configFile(home), COUNTERSIGN_HOME: home };
  const text = await run(process.execPath, [path.join(root, 'dist/cli/main.js'), 'dev', 'token', subject], { env, timeoutMs: 30_000 });
  const token = text.trim().split('\n').at(-1)?.trim() ?? '';
  if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) throw new Trouble(`"countersign dev token ${subject}" did not print a token.`);
  return token;
}

/** A caller of the running API as one sample subject. Tokens are renewed as they expire. */
export class Client {
  #home;
  #url;
  #subject;
  #token;

  constructor({ home, publicUrl, subject }) {
    this.#home = home;
    this.#url = publicUrl;
    this.#subject = subject;
  }

  /** Sends one request. Returns status and body; throws only when the API cannot be reached. */
  async request(method, where, { body, headers = {}, timeoutMs = 60_000 } = {}) {
    for (let attempt = 1; ; attempt += 1) {
      this.#token ??= await devToken(this.#home, this.#subject);
      const response = await fetch(`${this.#url}${where}`, {
        method,
        headers: {
          authorization: `Bearer ${this.#token}`,
          accept: 'application/json',
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(timeoutMs),
      });
      const text = await response.text();
      let data;
      try {
        data = JSON.parse(text);
      } catch {
        data = { detail: text.slice(0, 300) };
      }
      if (response.status === 401 && attempt === 1) this.#token = undefined;
      else return { status: response.status, body: data };
    }
  }

  /** Submits an action. Denied is an answer, anything else but acceptance is `Trouble`. */
  async submit(body, key = randomUUID()) {
    const reply = await this.request('POST', '/v1/actions', { body, headers: { 'idempotency-key': key } });
    const view = reply.body.action?.id === undefined ? reply.body : reply.body.action;
    if (typeof view.id === 'string' && [200, 201, 202, 403].includes(reply.status)) return view;
    throw Object.assign(new Trouble(`The API answered ${reply.status}: ${reply.body.code ?? ''} ${reply.body.detail ?? reply.body.title ?? ''}`.trim()), {
      code: reply.body.code,
    });
  }

  /** Yields the action each time it is asked for until it is final. Survives restarts of the api. */
  async *follow(id, signal) {
    let failures = 0;
    while (signal?.aborted !== true) {
      let reply;
      try {
        reply = await this.request('GET', `/v1/actions/${encodeURIComponent(id)}?wait=5`);
      } catch (error) {
        if ((failures += 1) > 60) throw new Trouble(`The API at ${this.#url} cannot be reached: ${error.cause?.message ?? error.message}`);
        await sleep(1_000);
        continue;
      }
      if (reply.status === 200) {
        failures = 0;
        yield reply.body;
        if (isFinal(reply.body.status)) return;
      } else if (reply.status >= 500 || reply.status === 429) {
        if ((failures += 1) > 60) throw new Trouble(`The API answers ${reply.status}: ${reply.body.detail ?? ''}`);
        await sleep(1_000);
      } else throw new Trouble(`The API answered ${reply.status}: ${reply.body.code ?? ''} ${reply.body.detail ?? ''}`);
    }
  }
}
