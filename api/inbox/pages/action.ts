import { html } from 'ghtml';
import type { ErrorCode } from '../../../domain/errors.js';
import { errorCodes } from '../../../domain/errors.js';
import { matchingCode, shortDigest } from '../../../domain/digest.js';
import { isFinal, type ActionView } from '../../../domain/view.js';
import { relativeTag, timeTag } from '../format.js';
import { shown } from '../shown.js';
import { asked, fields, integrity, outcome, policyAndRisk, preview, words } from './card.js';
import { decisionPanel } from './decide.js';
import { layout, type Frame } from './layout.js';
import { decisions, story } from './record.js';
import { endWords, statusWords } from './words.js';

/** What happened to the decision just made. */
export type Result =
  | { readonly kind: 'approved' | 'rejected' }
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly detail: string; readonly verdict: 'approve' | 'reject' };

/** One action with everything known about it, and the form where this person may decide. */
export function actionPage(page: {
  readonly frame: Frame;
  readonly view: ActionView;
  readonly version: string;
  readonly now: Date;
  readonly result?: Result;
  /** What the person had written before a refusal. */
  readonly comment?: string;
}): string {
  const { frame, view, version, now, result, comment } = page;
  const status = statusWords(view.status);
  const main = html`<p class="crumb"><a href="/inbox">Inbox</a></p>
    !${result === undefined ? '' : notice(result, view)}
    <div class="title">
      <h1>${shown(view.title)}</h1>
      <span class="pill !${status.tone}">${status.label}</span>
    </div>
    <p class="sub">
      <code>${shown(view.action)}</code> on ${shown(view.resource.type)} <code class="strong">${shown(view.resource.id)}</code>, asked
      !${timeTag(view.requestedAt)}!${view.deadlineAt === undefined || isFinal(view.status) ? '' : html`, expires !${relativeTag(view.deadlineAt, now)}`}
    </p>
    !${view.status === 'pending' ? html`<p class="sub">Matching code <strong class="matching">${matchingCode(view.digest)}</strong> <span class="muted">is made from this very action: the card that brought you here shows the same, or one of the two is not ours</span></p>` : ''}
    <div class="columns">
      <div class="facts">!${outcome(view)} !${asked(view)} !${fields(view)} !${preview(view)} !${words(view)} !${policyAndRisk(view)} !${integrity(view)}</div>
      !${
        isFinal(view.status)
          ? html`<div class="side record">!${decisions(view)} !${story(view)}</div>`
          : html`<aside class="side" aria-label="Decision">!${decisionPanel({ frame, view, now, comment: comment ?? '' })}</aside>
              <div class="below record">!${decisions(view)} !${story(view)}</div>`
      }
    </div>`;
  const live = isFinal(view.status) ? {} : { live: { page: `/inbox/actions/${view.id}`, url: `/inbox/actions/${view.id}/live`, version } };
  return layout({ title: view.title, frame, main, ...live });
}

function notice(result: Result, view: ActionView): string {
  if (result.kind === 'refused') {
    return html`<div class="notice bad" role="alert" id="result" tabindex="-1">
      <h2>Your ${result.verdict === 'approve' ? 'approval' : 'rejection'} did not count, and nothing was changed</h2>
      <p>${shown(result.detail)}</p>
      <p>${errorCodes[result.code].remedy}</p>
      <p class="code"><code>${result.code}</code></p>
    </div>`;
  }
  const waits = result.kind === 'approved' && view.status === 'pending';
  return html`<div class="notice !${result.kind === 'approved' ? 'good' : 'off'}" role="status" id="result" tabindex="-1">
    <h2>You ${result.kind} this action</h2>
    <p>${waits ? 'It still waits for others.' : endWords(view)} Your decision is on record for <code>${shortDigest(view.digest)}</code>.</p>
  </div>`;
}
