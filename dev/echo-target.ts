import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { pathToFileURL } from 'node:url';
import type { AddressInfo } from 'node:net';

/** A request as the target saw it. */
export type Seen = { readonly method: string; readonly url: string; readonly headers: IncomingMessage['headers']; readonly body: string };

const maxBodyBytes = 1_048_576;

/**
 * A small HTTP target on 127.0.0.1 that remembers what it got and counts a repeated `Idempotency-Key` once.
 * Its paths: `/redirect`, `/status/<code>`, `/large`, `/hang`, `/drop` (takes the request, then closes), `/half` (breaks off
 * its answer); everything else answers 200 with what it saw.
 */
export async function startEchoTarget(
  port = 0,
): Promise<{ readonly url: string; readonly seen: readonly Seen[]; readonly effects: ReadonlySet<string>; close(): Promise<void> }> {
  const seen: Seen[] = [];
  const effects = new Set<string>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxBodyBytes) request.destroy();
      else chunks.push(chunk);
    });
    request.on('end', () => {
      const entry: Seen = { method: request.method ?? '', url: request.url ?? '', headers: request.headers, body: Buffer.concat(chunks).toString('utf8') };
      seen.push(entry);
      effects.add(request.headers['idempotency-key']?.toString() ?? '');
      answer(entry, request, response);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    effects,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answer(entry: Seen, request: IncomingMessage, response: ServerResponse): void {
  const [, name = '', value = ''] = new URL(entry.url, 'http://target').pathname.split('/');
  switch (name) {
    case 'redirect':
      response.writeHead(307, { location: '/elsewhere' }).end();
      return;
    case 'status':
      response.writeHead(/^[2-5]\d\d$/.test(value) ? Number(value) : 400).end();
      return;
    case 'large':
      response.writeHead(200, { 'content-type': 'text/plain' }).end('x'.repeat(200_000));
      return;
    case 'hang':
      return;
    case 'drop':
      request.socket.destroy();
      return;
    case 'half':
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
      response.write('{"half":', () => request.socket.destroy());
      return;
    default:
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ method: entry.method, url: entry.url, bytes: entry.body.length }));
  }
}

async function main(): Promise<void> {
  const target = await startEchoTarget(Number(process.env['COUNTERSIGN_ECHO_PORT'] ?? '0'));
  process.stdout.write(`${JSON.stringify({ ready: true, url: target.url })}\n`);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void target.close().then(() => process.exit(0)));
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) await main();
