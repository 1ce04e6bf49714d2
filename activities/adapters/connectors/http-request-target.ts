import { canonicalJson } from '../../../domain/canonical.js';
import { CountersignError } from '../../../domain/errors.js';
import type { Json } from '../../../domain/json.js';
import type { ActionRequest } from '../../../domain/request.js';

/** An HTTP target the executor may call. */
export type HttpTarget = {
  readonly name: string;
  readonly base: URL;
  readonly methods: readonly string[];
  readonly signingSecret?: Uint8Array;
  readonly bearerToken?: string;
  readonly idempotent: boolean;
  readonly timeoutMs: number;
};

/** A request as it will be sent, before credentials and signature. */
export type HttpOrder = {
  readonly target: HttpTarget;
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
};

const maxBodyBytes = 262_144;
const invalid = (detail: string) => new CountersignError('parameters-invalid', detail);
const plainPath = /^[A-Za-z0-9._~!$&'()*+,=:@/-]$/;

/** Reads the base URL of a target. Throws `config-invalid` on anything but a plain http(s) URL. */
export function readBaseUrl(name: string, text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw new CountersignError('config-invalid', `executor.targets.${name}.baseUrl must be an http or https URL.`);
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
    throw new CountersignError('config-invalid', `executor.targets.${name}.baseUrl must hold no user, query or fragment; name a token with bearerTokenEnv.`);
  return url;
}

/** Reads a request. Requires parameters that fit the schema of the connector; throws `parameters-invalid` or `target-unknown`. */
export function readHttpOrder(request: ActionRequest, targets: ReadonlyMap<string, HttpTarget>): HttpOrder {
  if (request.resource.type !== 'Endpoint') throw invalid('http.request works on Endpoint resources.');
  const [, name, path] = /^([a-z][a-z0-9-]{0,62})\/(.{0,1024})$/s.exec(request.resource.id) ?? [];
  if (name === undefined || path === undefined) throw invalid('An Endpoint is named <target>/<path>.');
  const target = targets.get(name);
  if (target === undefined) throw new CountersignError('target-unknown', `The executor has no HTTP target called "${name}".`);

  const { method, query, headers, body } = request.parameters as {
    readonly method: string;
    readonly query?: Readonly<Record<string, string>>;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: Json;
  };
  if (!target.methods.includes(method)) throw invalid(`The target allows ${target.methods.join(', ')} only.`);
  if (body !== undefined && ['GET', 'HEAD', 'DELETE'].includes(method)) throw invalid(`A ${method} request has no body.`);
  for (const value of Object.values(headers ?? {})) if (!/^[\x20-\x7e]*$/.test(value)) throw invalid('A header value holds characters that are not allowed.');
  const bytes = body === undefined ? undefined : new TextEncoder().encode(canonicalJson(body));
  if (bytes !== undefined && bytes.length > maxBodyBytes) throw invalid(`The body is larger than ${maxBodyBytes} bytes.`);
  return { target, method, url: endpointUrl(target, path, query ?? {}), headers: headers ?? {}, ...(bytes === undefined ? {} : { body: bytes }) };
}

/**
 * The URL of a path below the base URL. One endpoint has one spelling, so that a policy that names it cannot be
 * walked around: no dot segments, no empty segments, no backslash, and no escape of anything that can stand plain
 * or that a server may read as structure. Throws `parameters-invalid`.
 */
export function endpointUrl(target: HttpTarget, path: string, query: Readonly<Record<string, string>>): URL {
  const problem = refusePath(path);
  if (problem !== undefined) throw invalid(`The path of the endpoint ${problem}.`);
  const basePath = target.base.pathname.replace(/\/+$/, '');
  const expected = `${basePath}/${path}`;
  const url = new URL(target.base);
  url.pathname = expected;
  // The parser must have had nothing to normalise; if it had, it and we would disagree about the endpoint.
  if (url.pathname !== expected || url.origin !== target.base.origin) throw invalid('The path of the endpoint is not in its normal form.');
  const parameters = new URLSearchParams(Object.entries(query).sort(([one], [other]) => (one < other ? -1 : 1)));
  url.search = parameters.toString();
  return url;
}

function refusePath(path: string): string | undefined {
  for (let at = 0; at < path.length; at += 1) {
    const char = path[at] as string;
    if (plainPath.test(char)) continue;
    const escape = /^%[0-9A-F]{2}/.exec(path.slice(at, at + 3))?.[0];
    if (escape === undefined) return 'holds a character that is not allowed';
    const byte = Number.parseInt(escape.slice(1), 16);
    if (byte < 0x20 || byte === 0x7f || /[/\\.%?#;]/.test(String.fromCharCode(byte)) || plainPath.test(String.fromCharCode(byte)))
      return 'holds an escape that is not allowed';
    at += 2;
  }
  const segments = path.split('/');
  // Only the base itself is named by an empty path; elsewhere a slash at the end would be a second spelling.
  if (path !== '' && segments.includes('')) return 'holds an empty segment or ends in a slash';
  if (segments.some((segment) => segment === '.' || segment.startsWith('..'))) return 'holds a dot segment';
  return undefined;
}
