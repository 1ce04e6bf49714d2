import { Readable } from 'node:stream';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyInstance } from 'fastify';
import { CountersignError } from '../../domain/errors.js';
import { isFinal, type ActionView } from '../../domain/view.js';
import type { Actions, Viewer } from '../actions.js';
import { RateLimited } from '../plugins/errors.js';
import type { Limits } from '../plugins/limits.js';
import { toWire } from '../schemas/action.js';
import { commonProblems, problems } from '../schemas/problem.js';
import { IdParams, NoQuery } from '../schemas/requests.js';
import { viewOf } from '../temporal/authorise.js';
import { requireActionId } from './actions.js';

type Deps = { readonly actions: Actions; readonly publicUrl: string; readonly limits: Limits; readonly closing: AbortSignal; readonly heartbeatMs?: number };

/** `GET /v1/actions/{id}/events`: the story as server-sent events, resumable by the `seq` of the last one seen. */
export function eventRoutes(scope: FastifyInstance, { actions, publicUrl, limits, closing, heartbeatMs = 15_000 }: Deps): void {
  const open = new Map<string, number>();
  let total = 0;

  scope.withTypeProvider<TypeBoxTypeProvider>().get(
    '/actions/:id/events',
    {
      schema: {
        tags: ['actions'],
        security: [{ bearer: [] }],
        summary: 'Follow an action',
        description:
          'Server-sent events. `story`: one sentence of the story, its `seq` as event id. `status`: the whole action whenever its status changes. `end`: the final action, after which the stream ends. Resume with Last-Event-ID; a resumed stream with nothing left answers 204.',
        params: IdParams,
        querystring: NoQuery,
        response: {
          200: { description: 'The stream', content: { 'text/event-stream': { schema: { type: 'string' } } } },
          204: { description: 'Final, and everything was seen before', type: 'null' },
          ...commonProblems,
          404: problems[404],
        },
      },
    },
    async (request, reply) => {
      const { caller } = request;
      const id = requireActionId(request.params.id);
      const seen = lastEventId(request.headers['last-event-id']);
      // A client that went while it was authenticated will never say so again.
      if (reply.raw.destroyed) return reply.hijack();

      const subject = `${caller.principal.kind}:${caller.principal.id}`;
      const held = open.get(subject) ?? 0;
      if (held >= limits.eventStreamsPerSubject || total >= limits.eventStreams) throw new RateLimited(10);
      open.set(subject, held + 1);
      total += 1;

      const stop = new AbortController();
      // Nothing is told past the end of the token that asked.
      const expiry = setTimeout(() => stop.abort(), Math.min(2_147_483_647, Math.max(0, caller.expiresAt * 1_000 - Date.now())));
      const signal = AbortSignal.any([stop.signal, closing]);
      reply.raw.once('close', () => {
        stop.abort();
        clearTimeout(expiry);
        total -= 1;
        const left = (open.get(subject) ?? 1) - 1;
        if (left === 0) open.delete(subject);
        else open.set(subject, left);
      });
      // The place is taken, and given back by the close of the answer whatever it is, before anything is awaited.
      const first = viewOf(await actions.view(id, caller), caller);
      if (reply.raw.destroyed) return reply.hijack();
      if (seen !== undefined && isFinal(first.status) && (first.story.at(-1)?.seq ?? 0) <= seen) return reply.code(204).send(null);
      const stream = Readable.from(frames(actions.watch(id, caller, signal), first, seen ?? 0, { viewer: caller, publicUrl, heartbeatMs, signal }));
      stream.once('error', (error) =>
        request.log.info({ code: error instanceof CountersignError ? error.code : 'internal-error' }, 'event stream ended early'),
      );
      return (
        reply
          .header('content-type', 'text/event-stream; charset=utf-8')
          .header('cache-control', 'no-store')
          .header('x-accel-buffering', 'no')
          // A kept connection would hold up a stop of the server for as long as it idles after the stream.
          .header('connection', 'close')
          .send(stream)
      );
    },
  );
}

function lastEventId(value: string | readonly string[] | undefined): number | undefined {
  return typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : undefined;
}

/** The text of the stream: what is new in each view, a comment whenever it was silent for long, and an end. */
async function* frames(
  views: AsyncIterable<ActionView>,
  first: ActionView,
  seen: number,
  options: { readonly viewer: Viewer; readonly publicUrl: string; readonly heartbeatMs: number; readonly signal: AbortSignal },
): AsyncGenerator<string> {
  let last = seen;
  let status: string | undefined;
  const changes = function* (whole: ActionView): Generator<string> {
    const view = viewOf(whole, options.viewer);
    for (const event of view.story) {
      if (event.seq <= last) continue;
      last = event.seq;
      yield frame('story', event, event.seq);
    }
    if (isFinal(view.status)) yield frame('end', toWire(view, options.viewer, options.publicUrl));
    else if (view.status !== status) yield frame('status', toWire(view, options.viewer, options.publicUrl));
    status = view.status;
  };

  yield 'retry: 2000\n\n';
  yield* changes(first);
  if (isFinal(first.status)) return;
  const iterator = views[Symbol.asyncIterator]();
  const aborted = new Promise<'aborted'>((resolve) => {
    if (options.signal.aborted) resolve('aborted');
    options.signal.addEventListener('abort', () => resolve('aborted'), { once: true });
  });
  try {
    let next = iterator.next();
    for (;;) {
      let timer: NodeJS.Timeout | undefined;
      const silence = new Promise<'silence'>((resolve) => (timer = setTimeout(() => resolve('silence'), options.heartbeatMs)));
      const result = await Promise.race([next, silence, aborted]);
      clearTimeout(timer);
      if (result === 'aborted') {
        next.catch(() => undefined);
        return;
      }
      if (result === 'silence') {
        yield ': still here\n\n';
        continue;
      }
      if (result.done === true) return;
      yield* changes(result.value);
      if (isFinal(result.value.status)) return;
      next = iterator.next();
    }
  } finally {
    // Not awaited: a generator in the middle of a long poll answers only when that ends.
    void Promise.resolve(iterator.return?.()).catch(() => undefined);
  }
}

function frame(event: string, data: unknown, id?: number): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
