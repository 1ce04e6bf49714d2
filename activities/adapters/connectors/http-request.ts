import type { ExecutionOutcome, Fact } from '../../../domain/connector.js';
import { httpRequest } from '../../../domain/connectors/http-request.js';
import { digestText } from '../../../domain/digest.js';
import { CountersignError } from '../../../domain/errors.js';
import type { ActionRequest } from '../../../domain/request.js';
import type { Connector, ConnectorContext } from '../../ports.js';
import { exchange, type Exchange } from './http-request-send.js';
import { contentDigest, signMessage, type Component } from './http-request-signature.js';
import { readHttpOrder, type HttpOrder, type HttpTarget } from './http-request-target.js';

const heartbeatMs = 2_000;
const signatureLifetimeSeconds = 300;

/** The connector `http.request` over the given targets. */
export function createHttpRequest(targets: ReadonlyMap<string, HttpTarget>): Connector {
  return {
    definition: httpRequest,
    check: (request) => void readHttpOrder(request, targets),
    preview: async (request) => {
      const order = readHttpOrder(request, targets);
      const { target, url, body } = order;
      return {
        facts: [
          { label: 'Request', value: `${order.method} ${url.origin}${url.pathname}`, of: ['method'] },
          ...(url.search === ''
            ? []
            : [{ label: 'Query', value: [...url.searchParams.keys()].map((name) => `${name} (hidden value)`).join(', '), of: ['query'] }]),
          { label: 'Body', value: body === undefined ? 'none' : `${body.length} bytes of JSON`, of: ['body'] },
          { label: 'Signature', value: target.signingSecret === undefined ? 'none' : 'HMAC-SHA256 (RFC 9421)', of: [] },
          { label: 'Idempotency-Key', value: request.id, of: [] },
        ],
        warnings: [
          ...(url.protocol === 'http:' ? [{ text: 'The target is called without TLS.', of: [] }] : []),
          ...(!mayRepeat(order)
            ? [
                {
                  text: 'If the answer gets lost, a person must check at the target: it does not promise that a repeated request counts once.',
                  of: ['method'],
                },
              ]
            : []),
        ],
      };
    },
    whatToCheck: (request) => question(readHttpOrder(request, targets), request.id),
    execute: (request, context) => send(request, context, readHttpOrder(request, targets)),
  };
}

/** The headers of a request: its own, credentials, idempotency key, digest and signature. */
export function signedHeaders(order: HttpOrder, actionId: string, nowSeconds: number): Record<string, string> {
  const { target, url, body, method } = order;
  const headers: Record<string, string> = {
    accept: 'application/json',
    ...order.headers,
    'user-agent': 'countersign',
    'idempotency-key': actionId,
    ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': String(body.length), 'content-digest': contentDigest(body) }),
    ...(target.bearerToken === undefined ? {} : { authorization: `Bearer ${target.bearerToken}` }),
  };
  if (target.signingSecret === undefined) return headers;
  const components: Component[] = [
    { name: '@method', value: method },
    { name: '@authority', value: url.host },
    { name: '@path', value: url.pathname },
    { name: '@query', value: url.search === '' ? '?' : url.search },
    { name: 'idempotency-key', value: actionId },
    ...(body === undefined ? [] : ['content-type', 'content-digest'].map((name) => ({ name, value: headers[name] as string }))),
  ];
  const signature = signMessage(components, {
    label: 'countersign',
    secret: target.signingSecret,
    parameters: [
      ['created', nowSeconds],
      ['expires', nowSeconds + signatureLifetimeSeconds],
      ['keyid', target.name],
      ['alg', 'hmac-sha256'],
      ['tag', 'countersign'],
    ],
  });
  return { ...headers, ...signature };
}

async function send(request: ActionRequest, context: ConnectorContext, order: HttpOrder): Promise<ExecutionOutcome> {
  const { target } = order;
  const started = context.now();
  const beat = setInterval(() => context.heartbeat({ waitingFor: target.name }), heartbeatMs);
  try {
    context.heartbeat({ waitingFor: target.name });
    const result = await exchange(order.url, {
      method: order.method,
      headers: signedHeaders(order, request.id, Math.floor(started.getTime() / 1000)),
      ...(order.body === undefined ? {} : { body: order.body }),
      timeoutMs: target.timeoutMs,
      signal: context.signal,
    });
    return judge(result, order, request.id, started.toISOString(), context.now().toISOString());
  } finally {
    clearInterval(beat);
  }
}

const reads = (method: string): boolean => method === 'GET' || method === 'HEAD';

// A request that may be sent twice: by its method, or because the target says that its idempotency keys hold.
const mayRepeat = ({ target, method }: HttpOrder): boolean => target.idempotent || reads(method);

const question = ({ target, method, url }: HttpOrder, actionId: string, startedAt?: string): string =>
  `Ask ${target.name} whether ${method} ${url.pathname} with Idempotency-Key ${actionId} arrived${startedAt === undefined ? '' : ` after ${startedAt}`}, and what it did.`;

function judge(result: Exchange, order: HttpOrder, actionId: string, startedAt: string, finishedAt: string): ExecutionOutcome {
  const { target, method } = order;
  const check = question(order, actionId, startedAt);
  const unclear = (why: string): ExecutionOutcome => {
    if (reads(method)) throw new CountersignError('target-unavailable', `${target.name}: ${why}; the request only reads.`);
    if (target.idempotent) throw new CountersignError('execution-unclear', `The request was sent to ${target.name}, but ${why}.`);
    return { status: 'unknown', detail: `The request was sent to ${target.name}, but ${why}.`, check, finishedAt };
  };
  switch (result.kind) {
    case 'not-sent':
      if (result.aborted) return { status: 'cancelled', detail: 'Nothing was sent.', finishedAt };
      throw new CountersignError('target-unavailable', `${target.name}: ${result.why}; nothing was sent.`);
    case 'unclear':
      if (!result.aborted) return unclear(result.why);
      return reads(method)
        ? { status: 'cancelled', detail: 'The request was broken off; it only reads.', finishedAt }
        : { status: 'unknown', detail: 'It was cancelled after the request had been sent.', check, finishedAt };
    case 'answered': {
      const { status } = result;
      const facts: Fact[] = [
        { label: 'Status', value: String(status) },
        { label: 'Response', value: `${result.contentType}, ${result.complete ? '' : 'more than '}${result.bytes} bytes` },
        { label: 'Response digest', value: result.digest },
      ];
      if (status >= 200 && status < 300) return { status: 'succeeded', facts, resultDigest: digestText(`${status}\n${result.digest}`), startedAt, finishedAt };
      if (status >= 500 || status === 408) return unclear(`it answered ${status}`);
      // These three may come after the effect, to show its result; no other redirect does.
      if (status >= 301 && status <= 303 && !reads(method))
        return { status: 'unknown', detail: `${target.name} answered with a redirect (${status}), which is not followed.`, check, finishedAt };
      const why =
        status >= 300 && status < 400
          ? `${target.name} answered with a redirect (${status}), which is not followed.`
          : `${target.name} refused with ${status}.`;
      return { status: 'failed', code: 'target-refused', detail: why, facts, finishedAt };
    }
  }
}
