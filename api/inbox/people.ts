import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { DirectoryPerson } from '../../directory/port.js';
import { CountersignError } from '../../domain/errors.js';
import type { Viewer } from '../actions.js';
import { RateLimited } from '../plugins/errors.js';
import { createRate } from '../plugins/rate.js';
import type { Cookies } from './cookies.js';
import type { InboxOptions } from './options.js';
import type { Frame } from './pages/layout.js';
import { sessionLimits, type CookieJar, type Session } from './session.js';

/** Somebody who is signed in, as the directory knows them at this moment. */
export type SignedInPerson = { readonly session: Session; readonly person: DirectoryPerson; readonly viewer: Viewer; readonly frame: Frame };

/** Thrown when the session is good but the directory does not vouch for the person any more. */
export class SignedOut extends Error {
  override readonly name = 'SignedOut';
}

/** Knows who sends a request. */
export type People = {
  /** The person, `undefined` without a session, whatever their rate. Throws {@link SignedOut} or `directory-unavailable`. */
  known(request: FastifyRequest): Promise<SignedInPerson | undefined>;
  /** The same within the person's rate. Throws `rate-limited` besides. */
  find(request: FastifyRequest): Promise<SignedInPerson | undefined>;
  /** The person. Throws `session-missing` besides. */
  need(request: FastifyRequest): Promise<SignedInPerson>;
  /** Puts off the end by silence. Called for pages a person asked for, never for what a script polls. */
  touch(reply: FastifyReply, session: Session): Promise<void>;
  /** Ends a session everywhere in this process, copies of its cookie included. */
  end(session: Session): void;
};

// Bounded: whoever signs out more often than this within eight hours frees the oldest entry.
const maxEnded = 20_000;
const defaultRate = 600;

/** People by session cookie and live directory. */
export function createPeople(options: InboxOptions, jar: CookieJar, cookies: Cookies): People {
  const now = options.now ?? (() => new Date());
  const rate = createRate(options.requestsPerMinute ?? defaultRate);
  const ended = new Map<string, number>();
  const keyOf = (session: Session) => createHash('sha256').update(session.csrf).digest('base64url');

  async function known(request: FastifyRequest): Promise<SignedInPerson | undefined> {
    const session = await jar.openSession(cookies.read(request, 'session'));
    if (session === undefined || ended.has(keyOf(session))) return undefined;
    const person = await options.directory.personByAccount(session.issuer, session.subject);
    if (person === undefined || !person.active) throw new SignedOut(person === undefined ? 'unknown' : 'inactive');
    const principal = { kind: 'person', id: person.id, name: person.name, issuer: session.issuer, subject: session.subject } as const;
    const operator = person.groups.some((group) => options.operators.includes(group));
    return {
      session,
      person,
      viewer: { principal, operator },
      frame: { person: { id: person.id, name: person.name }, csrf: session.csrf, passkeys: options.passkeys !== undefined },
    };
  }

  // Counted by person, so that more sessions are no way around it.
  async function find(request: FastifyRequest): Promise<SignedInPerson | undefined> {
    const found = await known(request);
    const state = found === undefined ? undefined : rate(found.person.id);
    if (state?.allowed === false) throw new RateLimited(state.retryAfterSeconds);
    return found;
  }

  return {
    known,
    find,
    need: async (request) => {
      const found = await find(request);
      if (found === undefined) throw new CountersignError('session-missing');
      return found;
    },
    touch: async (reply, session) => {
      const at = Math.floor(now().getTime() / 1000);
      if (at - session.seenAt < sessionLimits.refresh) return;
      const left = session.startedAt + sessionLimits.absolute - at;
      cookies.write(reply, 'session', await jar.sealSession({ ...session, seenAt: at }), Math.min(sessionLimits.idle, left));
    },
    end: (session) => {
      const at = now().getTime() / 1000;
      for (const [key, until] of ended) if (until < at || ended.size >= maxEnded) ended.delete(key);
      ended.set(keyOf(session), session.startedAt + sessionLimits.absolute);
    },
  };
}
