import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Asked = {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly form: URLSearchParams;
  readonly origin: string;
};
export type Told = { readonly status: number; readonly body?: unknown; readonly text?: string; readonly headers?: Readonly<Record<string, string>> };

/**
 * A server on loopback whose every answer is JSON unless it is told otherwise. What it was asked can be looked at. While `index.lags`, a search
 * for people answers what it answered before, as with providers that answer it from an index.
 */
export async function jsonServer(
  answer: (asked: Asked) => Told | Promise<Told>,
): Promise<{ readonly url: string; readonly asked: Asked[]; readonly index: { lags: boolean }; stop(): Promise<void> }> {
  const asked: Asked[] = [];
  const index = { lags: false };
  const indexed = new Map<string, Told>();
  async function searched(one: Asked): Promise<Told> {
    if (!/\/users$/i.test(one.path)) return answer(one);
    const key = one.query.toString();
    const before = index.lags ? indexed.get(key) : undefined;
    if (before !== undefined) return before;
    const told = await answer(one);
    indexed.set(key, told);
    return told;
  }
  const server = createServer((request, response) => {
    void (async () => {
      let text = '';
      for await (const chunk of request) text += String(chunk);
      const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const url = new URL(request.url ?? '/', origin);
      const one: Asked = {
        method: request.method ?? '',
        path: url.pathname,
        query: url.searchParams,
        headers: request.headers,
        form: new URLSearchParams(text),
        origin,
      };
      asked.push(one);
      const told = await searched(one);
      response
        .writeHead(told.status, { 'content-type': 'application/json', ...told.headers })
        .end(told.text ?? (told.body === undefined ? '' : JSON.stringify(told.body)));
    })().catch((error: unknown) => response.writeHead(500).end(String(error)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    index,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Answers that come before the honest ones: throttling, errors, nonsense. */
export class Injected {
  private readonly next: Told[] = [];
  add(...answers: readonly Told[]): void {
    this.next.push(...answers);
  }
  take(): Told | undefined {
    return this.next.shift();
  }
}
