import { html } from 'ghtml';
import { actionStatuses } from '../../../domain/view.js';
import type { ActionRow } from '../../actions.js';
import type { Passkey } from '../../passkeys/store.js';
import type { Brief } from '../brief.js';
import { relativeTag, timeTag } from '../format.js';
import { shown } from '../shown.js';
import { layout, type Frame } from './layout.js';
import { riskWords, statusWords } from './words.js';

/** A row with the words for it; `brief` where the action could be read. */
export type Item = { readonly row: ActionRow; readonly title: string; readonly requesterName: string; readonly brief?: Brief };

/** The filters of the history as the person entered them. */
export type HistoryFilter = { readonly status: string; readonly action: string; readonly since: string; readonly until: string };

/** Actions that wait for this person. */
export function waitingPage(frame: Frame, items: readonly Item[], more: boolean, version: string, now: Date, newPasskeys: readonly Passkey[] = []): string {
  const count = items.length === 1 ? '1 action' : `${items.length} actions`;
  const main = html`<div class="head">
      <h1>Waiting for you</h1>
      !${items.length === 0 ? '' : html`<p class="muted">${more ? `The first ${count} that need` : `${count} ${items.length === 1 ? 'needs' : 'need'}`} your decision.</p>`}
    </div>
    !${newPasskeyNotice(newPasskeys)}
    !${items.length === 0 ? empty('Nothing waits for you', 'When an agent asks for something that you may approve, it shows up here. This page keeps itself current.') : rows(items, now, true)}`;
  return layout({
    title: items.length === 0 ? 'Inbox' : `Inbox (${items.length})`,
    frame,
    tab: 'waiting',
    main,
    live: { page: '/inbox', url: '/inbox/live', version },
  });
}

// Whoever did not register it learns here that somebody did.
function newPasskeyNotice([newest, ...others]: readonly Passkey[]): string {
  if (newest === undefined) return '';
  const what = others.length === 0 ? 'A passkey was registered for you' : `${others.length + 1} passkeys were registered for you, the newest`;
  return html`<section class="notice" aria-label="New passkey">
    <p>
      ${what} !${timeTag(newest.registeredAt)}: <strong>${shown(newest.label)}</strong>. If that was not you, remove it and tell an operator.
      <a href="/inbox/passkeys">See your passkeys</a>
    </p>
  </section>`;
}

/** Actions that this person asked for. */
export function requestsPage(frame: Frame, items: readonly Item[], next: string | undefined, now: Date): string {
  const main = html`<div class="head">
      <h1>Your requests</h1>
      <p class="muted">What you asked for yourself. What your agents asked for is in the history.</p>
    </div>
    !${items.length === 0 ? empty('You have not asked for anything', 'Actions that you submit with your own token show up here, with who has to decide.') : rows(items, now, false)}
    !${older('/inbox/requests', undefined, next)}`;
  return layout({ title: 'Your requests', frame, tab: 'requests', main });
}

/** Everything this person may see. */
export function historyPage(frame: Frame, items: readonly Item[], filter: HistoryFilter, next: string | undefined, now: Date): string {
  const filtered = Object.values(filter).some((value) => value !== '');
  const options = actionStatuses.map(
    (status) => html`<option value="${status}" !${filter.status === status ? 'selected' : ''}>${statusWords(status).label}</option>`,
  );
  const main = html`<div class="head"><h1>History</h1></div>
    <form class="filters" method="get" action="/inbox/history" role="search" aria-label="Filter the history">
      <label
        >Status<select name="status">
          <option value="">Any</option>
          !${options}
        </select></label
      >
      <label
        >Action<input name="action" type="text" maxlength="128" placeholder="postgres.export" value="${filter.action}" autocomplete="off" spellcheck="false"
      /></label>
      <label>From<input name="since" type="date" value="${filter.since}" /></label>
      <label>To<input name="until" type="date" value="${filter.until}" /></label>
      <div class="do"><button class="plain" type="submit">Filter</button>!${filtered ? html`<a href="/inbox/history">Clear</a>` : ''}</div>
    </form>
    !${items.length === 0 ? empty(filtered ? 'Nothing matches' : 'No history yet', filtered ? 'No action that you may see fits these filters.' : 'Actions that you asked for, decided or could have decided are kept here.') : rows(items, now, false)}
    !${older('/inbox/history', filter, next)}`;
  return layout({ title: 'History', frame, tab: 'history', main });
}

function rows(items: readonly Item[], now: Date, waiting: boolean): string {
  const list = items.map((item) => {
    const { row, title, requesterName, brief } = item;
    const risk = riskWords(row.risk);
    const status = statusWords(brief?.status ?? row.status);
    return html`<li>
      <a class="row" href="/inbox/actions/${encodeURIComponent(row.id)}">
        <span class="what">
          <strong>${shown(title)}</strong>
          <span class="resource">${shown(row.resource.replace(':', ' '))}</span>
          !${brief === undefined ? '' : reason(brief)}
        </span>
        <span class="by">
          <span><span class="visually-hidden">Requested by </span>${shown(requesterName)}</span>
          <span class="when">!${waiting ? relativeTag(row.requested_at, now) : timeTag(row.requested_at)}</span>
          !${brief?.size === undefined ? '' : html`<span class="when size">${shown(brief.size.label)}: ${shown(brief.size.value)}</span>`}
        </span>
        <span class="state">
          <span class="pills"
            >!${waiting ? '' : html`<span class="pill !${status.tone}">${status.label}</span> `}<span class="pill !${risk.tone}">${risk.label}</span></span
          >
          !${brief === undefined ? '' : progress(brief, now)}
        </span>
      </a>
    </li>`;
  });
  return html`<ul class="rows">
    !${list}
  </ul>`;
}

function reason({ reason: { text, cut, whose } }: Brief): string {
  const words = whose === 'agent' ? "the agent's words" : "the requester's words";
  return html`<span class="said"
    ><span class="tag">${words}</span>
    <q dir="auto">${text}</q>!${cut ? html` <span class="visually-hidden">(cut; open the action to read it all)</span>` : ''}</span
  >`;
}

function progress({ stage, deadlineAt, endedAt }: Brief, now: Date): string {
  if (stage === undefined) return endedAt === undefined ? '' : html`<span class="due">Ended !${timeTag(endedAt)}</span>`;
  return html`<span class="due">${shown(stage.name)}!${stage.count > 1 ? html`, stage ${stage.number} of ${stage.count}` : ''}</span>
    <span class="due"
      >${stage.approvals} of ${stage.quorum}
      ${stage.quorum === 1 ? 'approval' : 'approvals'}!${stage.escalated ? html` <span class="tag warn">escalated</span>` : ''}</span
    >
    !${deadlineAt === undefined ? '' : html`<span class="due">Expires !${relativeTag(deadlineAt, now)}</span>`}`;
}

function older(path: string, filter: HistoryFilter | undefined, next: string | undefined): string {
  if (next === undefined) return '';
  const query = new URLSearchParams({ ...filter, cursor: next });
  return html`<p class="older"><a class="button plain" href="${`${path}?${query.toString()}`}">Older</a></p>`;
}

function empty(title: string, text: string): string {
  return html`<section class="empty">
    <h2>${title}</h2>
    <p>${text}</p>
  </section>`;
}
