import type { FastifyReply, FastifyRequest } from 'fastify';
import { digestJson } from '../../domain/digest.js';
import { isFinal, type ActionView } from '../../domain/view.js';
import type { Actions, Viewer } from '../actions.js';
import { viewOf } from '../temporal/authorise.js';

/** Changes whenever anything a page shows has changed. */
export function versionOf(shown: unknown): string {
  return digestJson(shown).slice(7, 23);
}

// A browser opens six connections to one host at most over HTTP/1.1; more than that is no person reading.
const maxStreamsPerPerson = 12;
// Short enough that a session which ended stops within minutes; the browser opens the stream again by itself.
const maxStreamMs = 4 * 60_000;
const heartbeatMs = 20_000;

/** Streams of versions to open pages. */
export type LiveStreams = {
  /** Sends the version of an action each time it changes. Throws like `Actions.view`. */
  open(request: FastifyRequest, reply: FastifyReply, viewer: Viewer, id: string): Promise<void>;
  /** Ends all streams. */
  close(): void;
};

/** Server-sent events over `Actions.watch`. */
export function createLiveStreams(actions: Actions, headers: Readonly<Record<string, string>>): LiveStreams {
  const open = new Map<string, number>();
  const controllers = new Set<AbortController>();

  return {
    open: async (request, reply, viewer, id) => {
      // A browser that went while its session was looked up will never say so again.
      if (reply.raw.destroyed) return void reply.hijack();
      const who = viewer.principal.id;
      const count = open.get(who) ?? 0;
      if (count >= maxStreamsPerPerson) return void (await reply.code(429).header('retry-after', '60').type('text/plain').send('Too many open pages\n'));
      open.set(who, count + 1);
      const controller = new AbortController();
      controllers.add(controller);
      const stop = () => controller.abort();
      const raw = reply.raw;
      raw.once('close', stop);
      const release = () => {
        controllers.delete(controller);
        const left = (open.get(who) ?? 1) - 1;
        if (left === 0) open.delete(who);
        else open.set(who, left);
      };
      let first: ActionView;
      try {
        first = await actions.view(id, viewer);
      } catch (error) {
        release();
        throw error;
      }
      reply.hijack();
      if (raw.destroyed) return release();
      const limit = setTimeout(stop, maxStreamMs);
      raw.writeHead(200, { ...headers, 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' });
      const beat = setInterval(() => raw.write(': still here\n\n'), heartbeatMs);
      let final = isFinal(first.status);
      const changes = actions.watch(first.id, viewer, controller.signal)[Symbol.asyncIterator]();
      try {
        // Listening starts before the action is read again, so that no change falls between the two.
        let next = changes.next();
        next.catch(() => undefined);
        const current = await actions.view(first.id, viewer);
        final = isFinal(current.status);
        raw.write(`retry: 3000\ndata: ${versionOf(viewOf(current, viewer))}\n\n`);
        while (!final) {
          const change = await next;
          if (change.done === true) break;
          raw.write(`data: ${versionOf(viewOf(change.value, viewer))}\n\n`);
          final = isFinal(change.value.status);
          next = changes.next();
        }
      } catch (error) {
        if (!controller.signal.aborted) request.log.warn({ err: error }, 'a live page lost its stream');
      } finally {
        controller.abort();
        clearInterval(beat);
        clearTimeout(limit);
        release();
        if (final) raw.write('event: end\ndata: final\n\n');
        raw.end();
      }
    },
    close: () => {
      for (const controller of controllers) controller.abort();
    },
  };
}
