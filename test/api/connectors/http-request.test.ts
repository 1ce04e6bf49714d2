import { createHash, createHmac } from 'node:crypto';
import { createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createHttpRequest } from '../../../activities/adapters/connectors/http-request.js';
import type { HttpTarget } from '../../../activities/adapters/connectors/http-request-target.js';
import { startEchoTarget, type Seen } from '../../../dev/echo-target.js';
import { httpRequest } from '../../../domain/connectors/index.js';
import type { JsonObject } from '../../../domain/json.js';
import { contextOf, requestOf } from '../../unit/connectors/request.js';
import { until } from './database.js';

const endpoint = (path: string, parameters: JsonObject) => requestOf(httpRequest, { type: 'Endpoint', id: `shop/${path}` }, parameters);
const secret = new TextEncoder().encode('a secret that both sides know');

describe('http.request', () => {
  let echo: Awaited<ReturnType<typeof startEchoTarget>>;
  beforeAll(async () => {
    echo = await startEchoTarget();
  });
  afterAll(() => echo.close());

  const connector = (change: Partial<HttpTarget> = {}) =>
    createHttpRequest(
      new Map([
        [
          'shop',
          {
            name: 'shop',
            base: new URL(echo.url),
            methods: ['GET', 'POST', 'DELETE'],
            signingSecret: secret,
            bearerToken: 'secret-token',
            idempotent: false,
            timeoutMs: 10_000,
            ...change,
          },
        ],
      ]),
    );
  const of = (id: string): Seen[] => echo.seen.filter(({ headers }) => headers['idempotency-key'] === id);

  it('sends exactly the request, signed, with the action id as its key', async () => {
    const request = endpoint('v1/refunds', {
      method: 'POST',
      query: { b: '2 & 3', a: '1' },
      headers: { prefer: 'return=minimal' },
      body: { order: 7, amount: 12.5, note: 'späť' },
    });
    const outcome = await connector({ base: new URL(`${echo.url}/base/`) }).execute(request, contextOf());
    const [got, ...more] = of(request.id);
    expect(more).toEqual([]);
    expect(got).toMatchObject({ method: 'POST', url: '/base/v1/refunds?a=1&b=2+%26+3', body: '{"amount":12.5,"note":"späť","order":7}' });
    expect(got!.headers).toMatchObject({ authorization: 'Bearer secret-token', prefer: 'return=minimal', 'content-type': 'application/json' });
    expect(signatureHolds(got!, secret)).toBe(true);
    expect(signatureHolds({ ...got!, url: '/base/v1/refunds?a=1&b=3' }, secret)).toBe(false);
    expect(signatureHolds({ ...got!, body: got!.body.replace('12.5', '99.9') }, secret)).toBe(false);
    expect(signatureHolds({ ...got!, headers: { ...got!.headers, 'idempotency-key': 'act_other' } }, secret)).toBe(false);
    expect(outcome).toMatchObject({
      status: 'succeeded',
      facts: [{ label: 'Status', value: '200' }, { label: 'Response' }, { label: 'Response digest', value: expect.stringMatching(/^sha256:/) }],
    });
    expect(JSON.stringify(outcome)).not.toMatch(/secret-token|12\.5/);
  });

  it.each([
    ['a redirect', 'redirect', 'POST', { status: 'failed', code: 'target-refused' }],
    ['a redirect that may follow the effect', 'status/303', 'POST', { status: 'unknown' }],
    ['a refusal', 'status/422', 'POST', { status: 'failed', code: 'target-refused' }],
    ['an error of the server', 'status/500', 'POST', { status: 'unknown', check: expect.stringContaining('Idempotency-Key act_') }],
    ['a closed connection', 'drop', 'POST', { status: 'unknown' }],
    ['an answer that breaks off after its status', 'half', 'POST', { status: 'succeeded' }],
    [
      'an answer without end',
      'large',
      'POST',
      { status: 'succeeded', facts: expect.arrayContaining([{ label: 'Response', value: 'text/plain, more than 65536 bytes' }]) },
    ],
  ])('judges %s', async (_, path, method, expected) => {
    const request = endpoint(path, { method, body: {} });
    expect(await connector().execute(request, contextOf())).toMatchObject(expected);
    expect(of(request.id)).toHaveLength(1);
    expect(echo.seen.some(({ url }) => url === '/elsewhere')).toBe(false);
  });

  it.each(['status/503', 'drop', 'hang'])('leaves a repetition of %s to the caller only where a repetition is harmless', async (path) => {
    const post = endpoint(path, { method: 'POST', body: {} });
    await expect(connector({ idempotent: true, timeoutMs: 200 }).execute(post, contextOf())).rejects.toMatchObject({ code: 'execution-unclear' });
    await expect(connector({ timeoutMs: 200 }).execute(endpoint(path, { method: 'GET' }), contextOf())).rejects.toMatchObject({ code: 'target-unavailable' });
    expect(await connector({ timeoutMs: 200 }).execute(endpoint(path, { method: 'DELETE' }), contextOf())).toMatchObject({ status: 'unknown' });
  });

  it.each([
    ['switches protocols unasked', 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n', false],
    ['closes without a word', '', true],
    ['closes after half a status line', 'HTTP/1.1 2', true],
    ['sends interim answers only', 'HTTP/1.1 102 Processing\r\n\r\n', true],
    ['never says anything', '', false],
  ])('attack: a target that %s holds up no executor and is unclear', async (_, answer, closes) => {
    const open = new Set<Socket>();
    const server = createServer((socket) => {
      open.add(socket);
      socket.on('error', () => undefined);
      socket.once('data', () => {
        if (answer !== '') socket.write(answer);
        if (closes) socket.end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    try {
      const change = { base: new URL(`http://127.0.0.1:${port}`), timeoutMs: 1_000 };
      expect(await connector(change).execute(endpoint('a', { method: 'POST', body: {} }), contextOf())).toMatchObject({ status: 'unknown' });
    } finally {
      for (const socket of open) socket.destroy();
      server.close();
    }
  });

  it('knows that nothing was sent when nobody listens', async () => {
    await expect(connector({ base: new URL('http://127.0.0.1:1') }).execute(endpoint('a', { method: 'POST' }), contextOf())).rejects.toMatchObject({
      code: 'target-unavailable',
      detail: expect.stringContaining('nothing was sent'),
    });
  });

  it('knows that nothing was sent when the TLS handshake fails', async () => {
    const got: Buffer[] = [];
    const plain = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', (chunk) => {
        got.push(chunk);
        socket.end('no TLS here\r\n');
      });
    });
    await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
    const { port } = plain.address() as { port: number };
    try {
      await expect(
        connector({ base: new URL(`https://127.0.0.1:${port}`) }).execute(endpoint('a', { method: 'POST', body: { s: 'secret-body' } }), contextOf()),
      ).rejects.toMatchObject({
        code: 'target-unavailable',
        detail: expect.stringContaining('nothing was sent'),
      });
      expect(Buffer.concat(got).toString('latin1')).not.toMatch(/POST|secret/);
    } finally {
      plain.close();
    }
  });

  it('does not claim that a cancelled request did nothing once it was sent', async () => {
    const abort = new AbortController();
    const request = endpoint('hang', { method: 'POST' });
    const running = connector().execute(request, contextOf(abort.signal));
    await until(() => of(request.id).length === 1);
    abort.abort(new Error('cancelled'));
    expect(await running).toMatchObject({ status: 'unknown' });
    expect(await connector().execute(endpoint('hang', { method: 'POST' }), contextOf(abort.signal))).toMatchObject({
      status: 'cancelled',
      detail: 'Nothing was sent.',
    });
  });

  it('previews without calling the target or telling values', async () => {
    const request = endpoint('v1/refunds', { method: 'POST', query: { token: 'secret-value' }, body: { amount: 42 } });
    const preview = await connector().preview!(request, contextOf());
    expect(preview.facts[0]).toEqual({ label: 'Request', value: `POST ${echo.url}/v1/refunds`, of: ['method'] });
    expect(preview.warnings).toHaveLength(2);
    expect(JSON.stringify(preview)).not.toMatch(/secret-value|42}/);
    expect(of(request.id)).toEqual([]);
  });
});

// A verifier of its own, as a target would write it from RFC 9421 and RFC 9530.
function signatureHolds(seen: Seen, key: Uint8Array): boolean {
  const header = (name: string): string => String(seen.headers[name]);
  const [, parameters = '', names = ''] = /^countersign=((\([^)]*\)).*)$/.exec(header('signature-input')) ?? [];
  const url = new URL(seen.url, `http://${header('host')}`);
  const derived: Record<string, string> = {
    '@method': seen.method,
    '@authority': url.host,
    '@path': url.pathname,
    '@query': url.search === '' ? '?' : url.search,
  };
  const covered = [...names.matchAll(/"([^"]+)"/g)].map(([, name]) => name as string);
  const base = [...covered.map((name) => `"${name}": ${derived[name] ?? header(name)}`), `"@signature-params": ${parameters}`].join('\n');
  const needed = ['@method', '@authority', '@path', '@query', 'idempotency-key', 'content-digest'];
  return (
    needed.every((name) => covered.includes(name)) &&
    header('content-digest') === `sha-256=:${createHash('sha256').update(seen.body).digest('base64')}:` &&
    header('signature') === `countersign=:${createHmac('sha256', key).update(base).digest('base64')}:`
  );
}
