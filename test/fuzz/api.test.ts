import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseUntrustedJson } from '../../api/body/scan-json.js';
import { CountersignError, errorCodes, isErrorCode } from '../../domain/errors.js';
import { exportBody, TestApi } from '../api/http/support/api.js';
import { budget } from './budget.js';
import { anything, edited, edits, forged, forgery, nasty } from './mutate.js';

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS' | 'HEAD';
type Base = {
  readonly method: Method;
  readonly url: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  readonly as: 'agent' | 'person';
};

let api: TestApi;
let tokens: { readonly agent: string; readonly person: string };
let bases: readonly Base[];
beforeAll(async () => {
  const requestsPerMinute = 1_000_000_000;
  api = await TestApi.start({ limits: { requestsPerMinute } });
  tokens = { agent: await api.issuer.agent('invoice-bot', { exp: later() }), person: await api.issuer.person('alice', { exp: later() }) };
  // Final, so that nothing waits or streams.
  api.actions.next = { status: 'executed' };
  const { id, digest } = api.actions.add({ status: 'executed' });
  const decision = { verdict: 'approve', digest, plan_digest: digest, comment: 'Fine.' };
  bases = [
    {
      method: 'POST',
      url: '/v1/actions',
      body: { ...exportBody, on_behalf_of: 'dave', duration: 'PT8H' },
      headers: { 'idempotency-key': 'k', prefer: 'wait=1' },
      as: 'agent',
    },
    { method: 'GET', url: '/v1/actions?status=pending&status=executed&limit=5&since=2026-01-01T00:00:00Z&resource=Table%3Ax&cursor=abc', as: 'person' },
    { method: 'GET', url: `/v1/actions/${id}?wait=1`, as: 'person' },
    { method: 'GET', url: `/v1/actions/${id}/events`, headers: { 'last-event-id': '1' }, as: 'person' },
    { method: 'POST', url: `/v1/actions/${id}/decisions`, body: decision, as: 'person' },
    { method: 'POST', url: `/v1/actions/${id}/decisions`, body: decision, as: 'agent' },
    { method: 'POST', url: `/v1/actions/${id}/cancel`, body: { reason: 'No longer needed.' }, as: 'agent' },
    { method: 'GET', url: '/v1/connectors', as: 'agent' },
    { method: 'GET', url: '/errors/not-found', as: 'agent' },
    { method: 'GET', url: '/.well-known/jwks.json', as: 'agent' },
    { method: 'GET', url: '/openapi.json', as: 'agent' },
    { method: 'GET', url: '/readyz', as: 'agent' },
  ];
});
afterAll(() => api.stop());
const later = () => Math.floor(Date.now() / 1_000) + 7_200;

/** Sends it, and holds what is true of every answer. */
async function send(request: { method: Method; url: string; headers: Record<string, string>; payload?: string }): Promise<number> {
  // The stand-in for a socket reads addresses itself and stops at some that a real one would hand on.
  if (!URL.canParse(request.url, 'http://localhost')) return 400;
  const answer = await api.app.inject(request as never);
  expect(answer.statusCode).toBeLessThan(500);
  for (const value of Object.values(answer.headers).flat()) expect(String(value)).not.toMatch(/[\r\n\0]/);
  if (answer.statusCode < 400 || request.method === 'HEAD') return answer.statusCode;
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
  expect(answer.headers['x-content-type-options']).toBe('nosniff');
  const body = JSON.parse(answer.payload) as { code: keyof typeof errorCodes; detail: string };
  expect(isErrorCode(body.code)).toBe(true);
  expect(answer.statusCode).toBe(errorCodes[body.code].status);
  // One bounded line; whatever a caller named in it stands escaped between quotes.
  expect(body.detail).toMatch(/^[^\p{Cc}\p{Zl}\p{Zp}]{1,600}$/u);
  return answer.statusCode;
}

const headerValue = fc.oneof(nasty, fc.string()).map((text) => text.replace(/[^\x20-\x7e\x80-\xff]/g, '?'));
const headerName = fc.constantFrom(
  'authorization',
  'content-type',
  'content-encoding',
  'idempotency-key',
  'prefer',
  'last-event-id',
  'accept',
  'x-forwarded-for',
  'x-request-id',
  'host',
  'dpop',
  'cookie',
);
const urlChange = fc.record({ kind: fc.constantFrom('none', 'query', 'segment', 'append', 'method'), text: fc.oneof(nasty, fc.string()), at: fc.nat(9) });
const methods: readonly Method[] = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD'];

function turned(url: string, { kind, text, at }: { readonly kind: string; readonly text: string; readonly at: number }): string {
  // What an URL cannot hold raw is percent-encoded; a raw percent sign stays, to be wrong.
  const safe = text.slice(0, 300).replace(/[^\x21-\x7e]/g, (character) => `%${character.charCodeAt(0).toString(16).padStart(2, '0').slice(-2)}`);
  switch (kind) {
    case 'query':
      return `${url}${url.includes('?') ? '&' : '?'}${['wait', 'limit', 'cursor', 'status', 'x', '__proto__', 'resource'][at % 7]}=${safe}`;
    case 'segment': {
      const parts = url.split('/');
      parts[1 + (at % (parts.length - 1))] = safe.replaceAll('/', '%2f');
      return parts.join('/');
    }
    case 'append':
      return `${url}/${safe}`;
    default:
      return url;
  }
}

describe('the API under attack', () => {
  it('answers changed requests of a verified caller without falling, and takes only what its schema allows', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(99),
        edits,
        fc.option(fc.tuple(headerName, headerValue)),
        urlChange,
        fc.boolean(),
        fc.nat(1_000_000),
        async (which, changes, header, url, whole, number) => {
          const base = bases[which % bases.length] as Base;
          const [submitted, decided] = [api.actions.submitted.length, api.actions.decided.length];
          const body = base.body === undefined ? undefined : whole ? base.body : edited(base.body, changes);
          const headers: Record<string, string> = {
            authorization: `Bearer ${tokens[base.as]}`,
            ...(body === undefined ? {} : { 'content-type': 'application/json' }),
            ...base.headers,
            ...(base.headers?.['idempotency-key'] === undefined ? {} : { 'idempotency-key': `k-${number}` }),
            ...(header === null ? {} : { [header[0]]: header[1] }),
          };
          const method = url.kind === 'method' ? (methods[url.at % methods.length] as Method) : base.method;
          await send({ method, url: turned(base.url, url), headers, ...(body === undefined ? {} : { payload: JSON.stringify(body) }) });
          for (const { body: taken, principal } of api.actions.submitted.slice(submitted)) {
            expect(principal).toMatchObject({ kind: 'agent', id: 'invoice-bot', owner: 'dave' });
            expect(Object.keys(taken).every((name) => ['action', 'resource', 'parameters', 'reason', 'on_behalf_of', 'duration'].includes(name))).toBe(true);
            expect(Object.keys(taken.resource).sort()).toEqual(['id', 'type']);
            expect(taken.resource.id).toMatch(/^[^\p{Cc}\p{Zl}\p{Zp}]{1,180}$/u);
          }
          for (const command of api.actions.decided.slice(decided)) {
            expect(command).toMatchObject({ person: { id: 'alice' }, channel: 'api', assurance: 'chat' });
            expect(['approve', 'reject']).toContain(command.verdict);
          }
          // Agents cannot be made to decide by any of it.
          if (base.as === 'agent') expect(api.actions.decided.length).toBe(decided);
        },
      ),
      budget(1_000),
    );
  });

  it('gives nothing but a refusal to a caller whose token was changed', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(99), forgery, async (which, how) => {
        const base = bases[which % 8] as Base;
        const before = [api.actions.submitted.length, api.actions.decided.length, api.actions.cancelled.length];
        const other = base.as === 'agent' ? tokens.person : tokens.agent;
        const token = forged(tokens[base.as], other, how);
        // Unused bits of the last character and white space around it change nothing of a token.
        if ([tokens.agent, tokens.person].some((good) => good.slice(0, -1) === token.trim().slice(0, -1))) return;
        const headers = { ...base.headers, authorization: `Bearer ${token.replace(/[^\x20-\x7e]/g, '?')}`, 'content-type': 'application/json' };
        const status = await send({ method: base.method, url: base.url, headers, ...(base.body === undefined ? {} : { payload: JSON.stringify(base.body) }) });
        if (!token.startsWith(`${tokens.agent}`) && !token.startsWith(`${tokens.person}`)) expect(status).toBe(401);
        if (status === 401) expect([api.actions.submitted.length, api.actions.decided.length, api.actions.cancelled.length]).toEqual(before);
      }),
      budget(1_000),
    );
  });

  it('reads a body as every other parser does, or not at all', () => {
    const limits = { depth: 16, stringLength: 16_384, members: 2_000 };
    const text = fc.oneof(
      anything.map((one) => JSON.stringify(one) ?? ''),
      fc.tuple(anything, fc.nat(), nasty).map(([one, at, noise]) => splice(JSON.stringify(one) ?? '', at, noise)),
      fc.string(),
    );
    fc.assert(
      fc.property(text, (body) => {
        let read: unknown;
        try {
          read = parseUntrustedJson(body, limits);
        } catch (error) {
          if (!(error instanceof CountersignError)) throw error;
          expect(['request-malformed', 'request-too-deep', 'request-too-large']).toContain(error.code);
          expect(error.detail).toMatch(/^[ -~]{1,200}$/);
          return;
        }
        expect(read).toEqual(JSON.parse(body));
      }),
      budget(8_000),
    );
  });
});

function splice(text: string, at: number, noise: string): string {
  const place = at % (text.length + 1);
  return text.slice(0, place) + noise.slice(0, 20) + text.slice(place);
}
