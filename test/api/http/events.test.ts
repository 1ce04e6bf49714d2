import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TestApi } from './support/api.js';

let api: TestApi;
beforeEach(async () => {
  api = await TestApi.start({ deps: { heartbeatMs: 40 } });
});
afterEach(() => api.stop());

type Stream = { readonly response: Response; until(pattern: RegExp): Promise<string>; rest(): Promise<string>; abort(): void };

async function open(id: string, token: string, headers: Record<string, string> = {}): Promise<Stream> {
  const controller = new AbortController();
  const response = await fetch(`${api.url}/v1/actions/${id}/events`, { headers: { authorization: `Bearer ${token}`, ...headers }, signal: controller.signal });
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let text = '';
  const more = async () => {
    const part = await reader?.read();
    text += decoder.decode(part?.value, { stream: true });
    return part?.done === false;
  };
  return {
    response,
    async until(pattern) {
      while (!pattern.test(text)) if (!(await more())) throw new Error(`the stream ended before ${String(pattern)}: ${text}`);
      return text;
    },
    async rest() {
      while (await more());
      return text;
    },
    abort: () => controller.abort(),
  };
}

describe('GET /v1/actions/{id}/events', () => {
  it('tells the story with its seq as event id, beats while silent, and ends after the final state', async () => {
    const { id } = api.actions.add();
    const stream = await open(id, await api.issuer.agent());
    expect(stream.response.headers.get('content-type')).toMatch(/^text\/event-stream/);
    await stream.until(/id: 1\nevent: story\n/);
    await stream.until(/: still here\n\n/);
    api.actions.change(id, { status: 'executing' }, { kind: 'approved', text: 'Alice approved.' });
    await stream.until(/id: 2\nevent: story\ndata: .*Alice approved/);
    api.actions.change(id, { status: 'executed' }, { kind: 'executed', text: 'Done.' });
    const text = await stream.rest();
    expect(text).toMatch(/id: 3\nevent: story\n[^]*event: end\ndata: \{.*"status":"executed"/);
  });
  it('resumes after the last event that was seen, and has nothing more for those who saw all', async () => {
    const { id } = api.actions.add();
    api.actions.change(id, { status: 'denied' }, { kind: 'denied', text: 'Denied.' });
    const token = await api.issuer.agent();
    const text = await (await open(id, token, { 'last-event-id': '1' })).rest();
    expect(text).toContain('id: 2\n');
    expect(text).not.toContain('id: 1\n');
    expect((await open(id, token, { 'last-event-id': '2' })).response.status).toBe(204);
  });
  it('is for those concerned only', async () => {
    const { id } = api.actions.add();
    expect((await open(id, await api.issuer.agent('release-bot'))).response.status).toBe(404);
  });
  it('ends with the token that opened it', async () => {
    const { id } = api.actions.add();
    const text = await (await open(id, await api.issuer.agent('invoice-bot', { exp: Math.floor(Date.now() / 1_000) + 1 }))).rest();
    expect(text).not.toContain('event: end');
  });
  it('is bounded per subject, and a closed stream makes room', async () => {
    const { id } = api.actions.add();
    const token = await api.issuer.agent();
    const streams: Stream[] = [];
    for (let count = 0; count < 10; count += 1) streams.push(await open(id, token));
    const refused = await open(id, token);
    expect([refused.response.status, refused.response.headers.get('retry-after')]).toEqual([429, '10']);
    refused.abort();
    streams[0]?.abort();
    const deadline = Date.now() + 5_000;
    let status = 429;
    while (status === 429 && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 25));
      const again = await open(id, token);
      streams.push(again);
      status = again.response.status;
    }
    for (const stream of streams) stream.abort();
    expect(status).toBe(200);
  });
  it('does not hold up a stop', async () => {
    const { id } = api.actions.add();
    const stream = await open(id, await api.issuer.agent());
    await stream.until(/event: story/);
    const before = Date.now();
    await Promise.all([api.app.close(), stream.rest()]);
    expect(Date.now() - before).toBeLessThan(3_000);
  });
});
