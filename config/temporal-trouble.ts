import { connect as connectTcp } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { CountersignError } from '../domain/errors.js';
import type { LoadedConfig } from './load.js';
import { temporalConnection } from './temporal.js';

const probeMs = 3_000;
// Connection preface of HTTP/2 with empty settings: a server that wants a client certificate answers it with an alert.
const preface = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])]);

/**
 * Says in one line why Temporal cannot be used as it is configured, and what to change. The engine's own clients tell little of what a handshake
 * failed at, so this makes one of its own.
 */
export async function explainTemporal(config: LoadedConfig, error: unknown): Promise<CountersignError> {
  const line = ofGrpc(config, error) ?? (await probe(config).catch(() => undefined)) ?? 'it does not answer as a Temporal server would.';
  const { address } = temporalConnection(config);
  return new CountersignError('temporal-unavailable', `Temporal at ${address} cannot be used: ${line}`, { cause: error });
}

/** What a server that was reached says. */
function ofGrpc({ temporal }: LoadedConfig, error: unknown): string | undefined {
  const text = textOf(error);
  const name = temporal.apiKeyEnv;
  if (/unauthenticated|permission ?denied|request unauthorized/i.test(text))
    return name === undefined
      ? 'it wants to know who asks; name the variable with an API key in temporal.apiKeyEnv, or a client certificate in temporal.tls.'
      : `it refused the API key; check the variable ${name}, which temporal.apiKeyEnv names.`;
  return undefined;
}

async function probe(config: LoadedConfig): Promise<string | undefined> {
  const { address, tls } = temporalConnection(config);
  const at = address.lastIndexOf(':');
  const [host, port] = [address.slice(0, at).replace(/^\[|\]$/g, ''), Number(address.slice(at + 1))];
  const reached = await attempt((done) => connectTcp({ host, port }, () => done(undefined)));
  if (reached !== undefined) return `nothing can be reached there (${reached}); check temporal.address.`;
  if (tls === undefined) {
    const spoken = await handshake({ host, port, rejectUnauthorized: false });
    return spoken === undefined || !/WRONG_VERSION|PACKET_LENGTH|ECONNRESET|closed|answer/.test(spoken)
      ? 'it speaks TLS; add temporal.tls to the configuration ("tls: {}" trusts the authorities of this machine).'
      : undefined;
  }
  const { serverNameOverride, serverRootCACertificate, clientCertPair } = tls;
  const failed = await handshake({
    host,
    port,
    servername: serverNameOverride ?? (/^[\d.]+$|:/.test(host) ? '' : host),
    ...(serverRootCACertificate === undefined ? {} : { ca: serverRootCACertificate }),
    ...(clientCertPair === undefined ? {} : { cert: clientCertPair.crt, key: clientCertPair.key }),
  });
  return failed === undefined ? undefined : remedyOf(failed, clientCertPair !== undefined);
}

function remedyOf(code: string, presented: boolean): string {
  if (/ALTNAME/.test(code)) return 'its certificate is for another name; set temporal.tls.serverName to the name it is for.';
  if (/EXPIRED|NOT_YET_VALID/.test(code)) return 'its certificate is not valid now; check the clocks, and the certificate.';
  if (/SELF_SIGNED|UNABLE_TO_|CERT_UNTRUSTED/.test(code))
    return 'its certificate is of an authority that is not trusted here; name that authority in temporal.tls.caFile.';
  if (/WRONG_VERSION|PACKET_LENGTH/.test(code)) return 'it speaks no TLS; remove temporal.tls, or use the port that does.';
  if (/ALERT|HANDSHAKE_FAILURE|ECONNRESET|closed/.test(code))
    return presented
      ? 'it refused our client certificate; check temporal.tls.certFile and keyFile, and that the server trusts their authority.'
      : 'it wants a client certificate; name it in temporal.tls.certFile and temporal.tls.keyFile.';
  return `the TLS handshake failed (${code}).`;
}

function handshake(options: ConnectionOptions): Promise<string | undefined> {
  return attempt((done) => {
    const socket = connectTls({ ...options, ALPNProtocols: ['h2'] }, () => socket.write(preface));
    // With TLS 1.3 a client certificate is judged after the client's side of the handshake is over.
    socket.once('data', () => done(undefined));
    return socket;
  });
}

/** The code of what went wrong, or undefined. */
function attempt(open: (done: (code: string | undefined) => void) => ReturnType<typeof connectTcp>): Promise<string | undefined> {
  return new Promise((resolve) => {
    const done = (code: string | undefined): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(code);
    };
    const timer = setTimeout(() => done('no answer'), probeMs);
    const socket = open((code) => setImmediate(() => done(code)));
    socket.once('error', (error: NodeJS.ErrnoException) => done(error.code ?? 'unknown'));
    socket.once('close', () => done('closed'));
  });
}

function textOf(error: unknown, depth = 0): string {
  if (!(error instanceof Error) || depth > 5) return '';
  const { code, details } = error as { readonly code?: unknown; readonly details?: unknown };
  // gRPC: PERMISSION_DENIED, UNAUTHENTICATED.
  const named = code === 7 || code === 16 ? 'unauthenticated' : '';
  return [named, error.message, typeof details === 'string' ? details : '', textOf(error.cause, depth + 1)].join(' ');
}
