import type { FastifyInstance } from 'fastify';
import { CountersignError } from '../../domain/errors.js';
import { actionStatuses } from '../../domain/view.js';
import type { ListFilter } from '../actions.js';
import type { CreatedForm } from '../passkeys/register.js';
import { maxComment } from './pages/decide.js';
import type { HistoryFilter } from './pages/list.js';
import { maxLabel } from './pages/passkeys.js';

/** Largest form that is read, in bytes: a comment of four-byte characters, percent-encoded, and some room. */
const maxFormBytes = 20_000;

/** A decision form, checked. */
export type DecideForm = { readonly csrf: string | undefined; readonly digest: string; readonly verdict: 'approve' | 'reject'; readonly comment?: string };

/** Makes the instance read URL-encoded forms and nothing else. */
export function readForms(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string', bodyLimit: maxFormBytes }, (_request, body, done) => {
    done(null, new URLSearchParams(String(body)));
  });
}

/** The token of any of our forms. */
export function csrfOf(body: unknown): string | undefined {
  return body instanceof URLSearchParams ? one(body, 'csrf') : undefined;
}

/** A field of any of our forms. */
export function oneField(body: unknown, name: string): string | undefined {
  return body instanceof URLSearchParams ? one(body, name) : undefined;
}

/** Requires what a browser sends after it has made a passkey. Throws `request-malformed`. */
export function createdForm(body: unknown): CreatedForm {
  const transports = (oneField(body, 'transports') ?? '').split(' ').filter((word) => /^[a-z-]{1,16}$/.test(word));
  const label = oneField(body, 'label')?.trim() ?? '';
  if (label === '' || label.length > maxLabel) throw new CountersignError('request-malformed', `A passkey needs a name of at most ${maxLabel} characters.`);
  return {
    credentialId: bytesField(body, 'credential', 1400),
    clientDataJSON: bytesField(body, 'client_data'),
    attestationObject: bytesField(body, 'attestation', 8192),
    transports: [...new Set(transports)].slice(0, 8),
    label,
  };
}

/** Requires what a browser sends after a passkey has signed. Throws `request-malformed`. */
export function assertedForm(body: unknown): {
  readonly credentialId: string;
  readonly clientDataJSON: string;
  readonly authenticatorData: string;
  readonly signature: string;
} {
  return {
    credentialId: bytesField(body, 'credential', 1400),
    clientDataJSON: bytesField(body, 'client_data'),
    authenticatorData: bytesField(body, 'authenticator_data'),
    signature: bytesField(body, 'signature'),
  };
}

function bytesField(body: unknown, name: string, maxLength = 4096): string {
  const value = oneField(body, name);
  if (value === undefined || value.length > maxLength || !/^[\w-]+$/.test(value))
    throw new CountersignError('request-malformed', 'The form does not hold what a passkey makes. It needs the script of this page.');
  return value;
}

/** Requires a form with digest, verdict and perhaps a comment. Throws `request-malformed`. */
export function decideForm(body: unknown): DecideForm {
  if (!(body instanceof URLSearchParams)) throw new CountersignError('request-malformed', 'The form could not be read.');
  const verdict = one(body, 'verdict');
  const digest = one(body, 'digest');
  const comment = one(body, 'comment')?.replaceAll('\r\n', '\n').trim() ?? '';
  if (verdict !== 'approve' && verdict !== 'reject') throw new CountersignError('request-malformed', 'The form says neither approve nor reject.');
  if (digest === undefined || !/^sha256:[0-9a-f]{64}$/.test(digest))
    throw new CountersignError('request-malformed', 'The form does not say which action it means.');
  if (comment.length > maxComment) throw new CountersignError('request-malformed', `The comment is longer than ${maxComment} characters.`);
  return { csrf: one(body, 'csrf'), verdict, digest, ...(comment === '' ? {} : { comment }) };
}

/** The history's filters from its address; what makes no sense is left out. */
export function historyFilter(query: unknown): { readonly filter: HistoryFilter; readonly list: Omit<ListFilter, 'limit'> } {
  const get = text(query);
  const status = actionStatuses.find((known) => known === get('status', 32));
  const action = /^[A-Za-z0-9._:-]{1,128}$/.exec(get('action', 128))?.[0];
  const since = day(get('since', 10));
  const until = day(get('until', 10));
  return {
    filter: { status: status ?? '', action: action ?? '', since: since ?? '', until: until ?? '' },
    list: {
      ...(status === undefined ? {} : { status: [status] }),
      ...(action === undefined ? {} : { action }),
      ...(since === undefined ? {} : { since: `${since}T00:00:00.000Z` }),
      ...(until === undefined ? {} : { until: `${until}T23:59:59.999Z` }),
      ...cursorOf(query),
    },
  };
}

/** The cursor in an address, if there is one. */
export function cursorOf(query: unknown): { readonly cursor?: string } {
  const cursor = text(query)('cursor', 2048);
  return cursor === '' ? {} : { cursor };
}

function text(query: unknown): (name: string, maxLength: number) => string {
  return (name, maxLength) => {
    const value = typeof query === 'object' && query !== null ? (query as Record<string, unknown>)[name] : undefined;
    return typeof value === 'string' && value.length <= maxLength ? value.trim() : '';
  };
}

function day(value: string): string | undefined {
  return /^\d{4}-\d{2}-\d{2}$/.test(value) && !Number.isNaN(Date.parse(value)) ? value : undefined;
}

// A field that comes twice is nobody's honest form.
function one(body: URLSearchParams, name: string): string | undefined {
  const values = body.getAll(name);
  return values.length === 1 ? values[0] : undefined;
}
