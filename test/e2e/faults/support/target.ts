import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An HTTP target of the tests. What it counts is what really happened. */
export type GatedTarget = {
  readonly url: string;
  /** How often a request of this action arrived, whatever became of its answer. */
  count(actionId: string): number;
  /** From now on requests below `/hold/` wait for `open`. */
  close(): void;
  /** Answers the requests that wait, and lets later ones through. */
  open(): void;
  stop(): Promise<void>;
};

/** Starts a target on 127.0.0.1 that counts requests by their Idempotency-Key and can hold back its answers. */
export async function startGatedTarget(): Promise<GatedTarget> {
  const counts = new Map<string, number>();
  const waiting: ServerResponse[] = [];
  let gated = true;
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      const key = String(request.headers['idempotency-key']);
      counts.set(key, (counts.get(key) ?? 0) + 1);
      if (gated && request.url?.startsWith('/hold/') === true) waiting.push(response);
      else answer(response);
    });
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    count: (actionId) => counts.get(actionId) ?? 0,
    close: () => void (gated = true),
    open: () => {
      gated = false;
      for (const response of waiting.splice(0)) answer(response);
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answer(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end('{"done":true}');
}
