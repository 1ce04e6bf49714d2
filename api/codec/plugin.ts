import type { Payload, PayloadCodec } from '@temporalio/common';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { workflowOf } from '../../codec/payload-codec.js';
import type { Directory } from '../../directory/port.js';
import { CountersignError } from '../../domain/errors.js';
import { presentedToken } from '../identity/bearer.js';
import { resolveCaller } from '../identity/caller.js';
import type { AccessTokenVerifier } from '../identity/verify-access-token.js';
import { SignedOut, type People } from '../inbox/people.js';
import { RateLimited } from '../plugins/errors.js';
import { createRate } from '../plugins/rate.js';
import { redact } from './redact.js';
import { DecodeRequest, fromWire, toWire } from './schema.js';

export type CodecServerOptions = {
  readonly codec: PayloadCodec;
  /** Where Temporal UI is: the one site whose pages may ask. */
  readonly uiUrl: string;
  /** Where the api is, as callers know it. */
  readonly publicUrl: string;
  readonly people: People;
  readonly verifier: AccessTokenVerifier;
  readonly directory: Directory;
  /** Group ids whose members may read what goes through Temporal. */
  readonly operators: readonly string[];
  readonly requestsPerMinute: number;
};

// A page of a history with its payloads; a payload itself can have up to two megabytes.
const bodyLimit = 8 * 1024 * 1024;
const mostWorkflowsTold = 20;

type Reader = { readonly id: string; readonly operator: boolean; readonly by: 'session' | 'token' };

/**
 * Temporal's codec server under `/codec`: decrypts for operators who are signed in at the inbox or bring an access token, and for
 * nobody else. Each time is logged with who and which workflows, never with content. It never encrypts: what people start or signal
 * by hand in Temporal UI is no business of theirs.
 */
export function codecPlugin(app: FastifyInstance, options: CodecServerOptions): void {
  const origin = new URL(options.uiUrl).origin;
  const rate = createRate(options.requestsPerMinute);
  void app.register(
    (scope, _options, done) => {
      scope.addHook('onRequest', async (request, reply) => {
        void reply.header('vary', 'Origin');
        const asking = request.headers.origin;
        // Without an Origin no page is asking: a program with a token of its own.
        if (asking === undefined) return;
        if (asking !== origin) throw new CountersignError('not-permitted', 'Only the configured Temporal UI may ask for this.');
        void reply.headers({ 'access-control-allow-origin': origin, 'access-control-allow-credentials': 'true' });
      });
      scope.options('/*', { schema: { hide: true } }, async (_request, reply) =>
        reply
          .code(204)
          .headers({
            'access-control-allow-methods': 'POST',
            'access-control-allow-headers': 'content-type, x-namespace, authorization, authorization-extras',
            'access-control-max-age': '600',
          })
          .send(),
      );
      const operator = async (request: FastifyRequest): Promise<Reader> => {
        const reader = await readerOf(request, options);
        const state = rate(reader.id);
        if (!state.allowed) throw new RateLimited(state.retryAfterSeconds);
        if (!reader.operator) {
          request.log.warn({ audit: 'codec', person: reader.id, refused: 'no operator' }, 'payloads were not decrypted');
          throw new CountersignError('not-permitted', 'Only operators may read what goes through Temporal.');
        }
        return reader;
      };
      scope.post<{ Body: DecodeRequest }>('/decode', { schema: { hide: true, body: DecodeRequest }, bodyLimit }, async (request) => {
        const reader = await operator(request);
        const opened = await Promise.all(request.body.payloads.map((payload) => open(options.codec, fromWire(payload))));
        const workflows = [...new Set(opened.flatMap((one) => one.workflow ?? []))];
        request.log.info(
          {
            audit: 'codec',
            person: reader.id,
            by: reader.by,
            payloads: opened.length,
            unreadable: opened.filter((one) => one.refused).length,
            workflowCount: workflows.length,
            workflows: workflows.slice(0, mostWorkflowsTold),
          },
          'payloads were decrypted',
        );
        return { payloads: opened.map((one) => toWire(one.payload)) };
      });
      scope.post('/encode', { schema: { hide: true }, bodyLimit }, async (request) => {
        await operator(request);
        throw new CountersignError('not-permitted', 'Nothing is encrypted for people; actions are asked for through the API.');
      });
      done();
    },
    { prefix: '/codec' },
  );
}

/** Who asks. A session counts only where a page of Temporal UI asks with it, which `Origin` says. */
async function readerOf(request: FastifyRequest, { publicUrl, people, verifier, directory, operators }: CodecServerOptions): Promise<Reader> {
  if (request.headers.authorization !== undefined) {
    const { token, ...presented } = presentedToken(request.raw.rawHeaders);
    const verified = await verifier(token, { ...presented, method: request.method, url: `${publicUrl.replace(/\/+$/, '')}${request.url}` });
    const caller = await resolveCaller(verified, directory, operators);
    return { id: caller.principal.id, operator: caller.operator, by: 'token' };
  }
  if (request.headers.origin === undefined) throw new CountersignError('session-missing');
  try {
    const { viewer } = await people.need(request);
    return { id: viewer.principal.id, operator: viewer.operator, by: 'session' };
  } catch (error) {
    if (error instanceof SignedOut) throw new CountersignError('principal-unknown');
    throw error;
  }
}

type Opened = { readonly payload: Payload; readonly workflow?: string; readonly refused: boolean };

const encrypted = (payload: Payload): boolean => Buffer.from(payload.metadata?.['encoding'] ?? []).toString() === 'binary/encrypted';

/** One payload for the page to show: decrypted and without tokens, proofs and permits, as it is if it never was encrypted, or the code of what is wrong with it. */
async function open(codec: PayloadCodec, payload: Payload): Promise<Opened> {
  if (!encrypted(payload)) return { payload, refused: false };
  try {
    const [clear] = await codec.decode([payload]);
    const workflow = workflowOf(payload);
    if (clear !== undefined) return { payload: redact(clear), refused: false, ...(workflow === undefined || workflow === '' ? {} : { workflow }) };
  } catch (error) {
    if (!(error instanceof CountersignError)) throw error;
    return { payload: told(error.code), refused: true };
  }
  return { payload: told('payload-unreadable'), refused: true };
}

const told = (code: string): Payload => ({ metadata: { encoding: Buffer.from('json/plain') }, data: Buffer.from(JSON.stringify(code)) });
