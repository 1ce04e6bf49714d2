import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, constants, createSecureServer, type Http2SecureServer, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';

/** An authority of our own with what it signs, as files. */
export class TestAuthority {
  readonly folder = mkdtempSync(path.join(os.tmpdir(), 'countersign-ca-'));
  readonly ca = this.file('ca.pem');

  constructor() {
    this.openssl('req', '-x509', ...newKey, '-keyout', this.file('ca.key'), '-out', this.ca, '-subj', '/CN=Test authority', '-days', '2');
  }

  /** A certificate for this name, with its key. */
  issue(name: string, days = 2): { readonly cert: string; readonly key: string } {
    const [key, request, cert, extensions] = ['key', 'csr', 'pem', 'ext'].map((kind) => this.file(`${name}.${kind}`)) as [string, string, string, string];
    writeFileSync(extensions, `subjectAltName=DNS:${name}\n`);
    this.openssl('req', ...newKey, '-keyout', key, '-out', request, '-subj', `/CN=${name}`);
    this.openssl(
      'x509',
      '-req',
      '-in',
      request,
      '-CA',
      this.ca,
      '-CAkey',
      this.file('ca.key'),
      '-CAcreateserial',
      '-out',
      cert,
      '-days',
      String(days),
      '-extfile',
      extensions,
    );
    return { cert, key };
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  private file(name: string): string {
    return path.join(this.folder, name);
  }

  private openssl(...args: readonly string[]): void {
    execFileSync('openssl', args, { stdio: 'pipe' });
  }
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

export type FrontOptions = {
  readonly server: { readonly cert: string; readonly key: string };
  /** The authority whose client certificates it demands. */
  readonly clientCa?: string;
  /** The API key that every call has to carry, as Temporal Cloud demands it. */
  readonly apiKey?: string;
};

/** What stands in front of a real Temporal server: TLS that it ends, client certificates and API keys that it demands. Calls go on to the server as they are. */
export async function startFront(address: string, { server: { cert, key }, clientCa, apiKey }: FrontOptions) {
  const upstream = connect(`http://${address}`);
  upstream.on('error', () => undefined);
  const server: Http2SecureServer = createSecureServer({
    cert: readFileSync(cert),
    key: readFileSync(key),
    allowHTTP1: false,
    ...(clientCa === undefined ? {} : { requestCert: true, rejectUnauthorized: true, ca: readFileSync(clientCa) }),
  });
  server.on('sessionError', () => undefined).on('tlsClientError', () => undefined);
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    stream.on('error', () => undefined);
    if (apiKey !== undefined && headers.authorization !== `Bearer ${apiKey}`) {
      // As Temporal Cloud refuses it: a response that is its own trailers.
      stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '16', 'grpc-message': 'Request unauthorized.' }, { endStream: true });
      return;
    }
    forward(stream, headers);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const sessions = new Set<{ destroy(): void }>();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
  });
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: async () => {
      for (const session of sessions) session.destroy();
      upstream.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };

  function forward(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const { ':authority': _authority, ':scheme': _scheme, authorization: _authorization, ...rest } = headers;
    const call = upstream.request({ ...rest, ':authority': address, ':scheme': 'http' }, { endStream: false });
    let trailers: IncomingHttpHeaders = {};
    call.on('error', () => stream.close(constants.NGHTTP2_INTERNAL_ERROR));
    call.on('trailers', (said) => (trailers = plain(said)));
    call.on('response', (said, flags) => {
      if (stream.destroyed) return;
      if ((flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0) return void stream.respond(plain(said), { endStream: true });
      stream.respond(plain(said), { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers(trailers));
      call.pipe(stream);
    });
    stream.on('close', () => call.close());
    stream.pipe(call);
  }
}

function plain(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name === ':status' || !name.startsWith(':')));
}
