import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ActionRow } from '../actions.js';
import { createBriefs } from './brief.js';
import { cursorOf, historyFilter } from './forms.js';
import { sendPage } from './guard.js';
import { versionOf } from './live.js';
import type { InboxOptions } from './options.js';
import { historyPage, requestsPage, waitingPage, type Item } from './pages/list.js';
import type { People, SignedInPerson } from './people.js';

const waitingLimit = 25;
const pageLimit = 30;
// How long a person is told that a passkey was registered in their name.
const newPasskeyMs = 7 * 86_400_000;

/** The three lists. */
export function listRoutes(
  app: FastifyInstance,
  options: InboxOptions,
  people: People,
  toLogin: (request: FastifyRequest, reply: FastifyReply) => FastifyReply,
): void {
  const { actions, directory } = options;
  const now = options.now ?? (() => new Date());

  const waiting = (who: SignedInPerson) => actions.list({ status: ['pending'], approver: who.person.id, limit: waitingLimit }, who.viewer);

  const newPasskeys = ({ person }: SignedInPerson) =>
    options.passkeys?.store.registeredSince(person.id, new Date(now().getTime() - newPasskeyMs).toISOString()) ?? [];

  const briefs = createBriefs(actions);
  const titles = new Map(options.connectors?.map(({ name, title }) => [name, title]));

  // Names are the directory's; an id that it does not know, or cannot tell now, stays an id.
  async function items(rows: readonly ActionRow[], { viewer }: SignedInPerson): Promise<readonly Item[]> {
    const ids = [...new Set(rows.map((row) => row.requester))];
    const names = new Map(
      await Promise.all(
        ids.map(async (id) => {
          const known = await Promise.all([directory.agent(id), directory.person(id)]).catch(() => []);
          return [id, known.find((one) => one !== undefined)?.name ?? id] as const;
        }),
      ),
    );
    return Promise.all(
      rows.map(async (row) => {
        const brief = await briefs(row, viewer);
        return {
          row: { ...row, ...brief?.row },
          title: brief?.title ?? titles.get(row.action) ?? row.action,
          requesterName: brief?.requesterName ?? names.get(row.requester) ?? row.requester,
          ...(brief === undefined ? {} : { brief }),
        };
      }),
    );
  }

  app.get('/', async (request, reply) => {
    const who = await people.find(request);
    if (who === undefined) return toLogin(request, reply);
    await people.touch(reply, who.session);
    const { rows, nextCursor } = await waiting(who);
    const shown = (await items(rows, who)).toSorted(byDeadline);
    return sendPage(reply, 200, waitingPage(who.frame, shown, nextCursor !== undefined, versionOf(rows), now(), newPasskeys(who)));
  });

  app.get('/live', async (request) => {
    const who = await people.need(request);
    return { version: versionOf((await waiting(who)).rows) };
  });

  app.get('/requests', async (request, reply) => {
    const who = await people.find(request);
    if (who === undefined) return toLogin(request, reply);
    await people.touch(reply, who.session);
    const { rows, nextCursor } = await actions.list({ requester: who.person.id, limit: pageLimit, ...cursorOf(request.query) }, who.viewer);
    return sendPage(reply, 200, requestsPage(who.frame, await items(rows, who), nextCursor, now()));
  });

  app.get('/history', async (request, reply) => {
    const who = await people.find(request);
    if (who === undefined) return toLogin(request, reply);
    await people.touch(reply, who.session);
    const { filter, list } = historyFilter(request.query);
    const { rows, nextCursor } = await actions.list({ ...list, limit: pageLimit }, who.viewer);
    return sendPage(reply, 200, historyPage(who.frame, await items(rows, who), filter, nextCursor, now()));
  });
}

// What expires first comes first.
function byDeadline(a: Item, b: Item): number {
  return (a.brief?.deadlineAt ?? '9').localeCompare(b.brief?.deadlineAt ?? '9');
}
