import { html } from 'ghtml';
import { shortDigest } from '../../../domain/digest.js';
import { assertNever } from '../../../domain/errors.js';
import type { Assurance } from '../../../domain/principal.js';
import { isFinal, type ActionView } from '../../../domain/view.js';
import { nameList, relativeTag, timeTag } from '../format.js';
import { shown } from '../shown.js';
import type { Frame } from './layout.js';
import { assuranceWords, endWords, statusWords } from './words.js';

/** Longest comment, in characters. */
export const maxComment = 1000;

type Panel = { readonly frame: Frame; readonly view: ActionView; readonly now: Date; readonly comment: string };

/** Why a person has no buttons, or `undefined` if they may decide. What counts is what the workflow says later. */
export function whyNot(view: ActionView, personId: string): string | undefined {
  const stage = view.stage;
  if (view.status !== 'pending' || stage === undefined) return endWords(view);
  if (view.doubt !== undefined) return 'A key that signed it was marked compromised, so it can no longer be decided.';
  // Everybody's own part comes first: it is the reason that no route can change.
  if (view.requester.kind === 'person' && view.requester.id === personId) return 'You asked for this yourself, so somebody else has to decide.';
  if (view.owner?.id === personId) return 'You own the agent that asks, so somebody else has to decide.';
  if (view.onBehalfOf?.id === personId) return 'The agent acts on your behalf, so somebody else has to decide.';
  const mine = view.decisions.find((record) => record.accepted && record.round === view.round && record.decision?.person.id === personId);
  if (mine !== undefined) return `You ${mine.decision?.verdict === 'approve' ? 'approved' : 'rejected'} this already. One person counts once.`;
  if (!stage.approvers.some((person) => person.id === personId)) return 'You may see this action, but you are not among its approvers now.';
  return undefined;
}

/** Where the action stands, and the form for those who may decide. */
export function decisionPanel({ frame, view, now, comment }: Panel): string {
  const reason = whyNot(view, frame.person.id);
  const status = statusWords(view.status);
  return html`<section class="panel">
    <h2>
      !${view.status === 'pending' ? (reason === undefined ? 'Your decision' : 'Decision') : html`<span class="dot !${status.tone}"></span> ${status.label}`}
    </h2>
    !${progress(view, now)} !${view.previewError === undefined || isFinal(view.status) ? '' : html`<p class="warnings one">${shown(view.previewError)}</p>`}
    !${view.doubt === undefined ? '' : html`<p class="warnings one">${shown(view.doubt)}</p>`}
    !${reason === undefined ? form(frame, view, comment) : html`<p class="why">${reason}</p>`}
    !${reason !== undefined && view.status === 'pending' && view.stage !== undefined ? html`<p class="muted">Waiting for ${shown(nameList(view.stage.approvers.map((one) => one.name)))}.</p>` : ''}
    !${channels(view)}
  </section>`;
}

function progress(view: ActionView, now: Date): string {
  const { stage } = view;
  if (stage === undefined || isFinal(view.status)) return '';
  const have = Math.min(stage.approvals.length, stage.quorum);
  const ticks = Array.from({ length: Math.min(stage.quorum, 12) }, (_, index) => html`<span class="tick !${index < have ? 'on' : ''}"></span>`);
  const deadline = view.deadlineAt;
  return html`<dl class="progress">
    <div>
      <dt>Stage</dt>
      <dd>
        ${shown(stage.name)}!${stage.count > 1 ? html` <span class="muted">${stage.index + 1} of ${stage.count}</span>` : ''}!${stage.escalationLevel > 0 ? html` <span class="tag warn">escalated</span>` : ''}
      </dd>
    </div>
    <div>
      <dt>Approvals</dt>
      <dd>
        <span class="ticks" aria-hidden="true">!${ticks}</span> ${stage.approvals.length} of ${stage.quorum}
        !${stage.approvals.length === 0 ? '' : html`<span class="muted"> by ${shown(nameList(stage.approvals.map((one) => one.name)))}</span>`}
      </dd>
    </div>
    !${
      deadline === undefined
        ? ''
        : html`<div>
            <dt>Expires</dt>
            <dd>!${relativeTag(deadline, now)} <span class="muted block">!${timeTag(deadline)}</span></dd>
          </div>`
    }
  </dl>`;
}

/** The button that approves, and what an approval here rests on. */
function approving(assurance: Assurance, passkeys: boolean): { readonly button?: string; readonly note: string } {
  const words = assuranceWords(assurance);
  switch (assurance) {
    case 'chat':
      return { button: 'Approve', note: "A decision made here has assurance chat: it rests on Countersign's api alone." };
    case 'login':
    case 'mfa':
      return { button: 'Review and sign in to approve', note: `Approving needs ${words}, which the executor checks itself. Rejecting needs nothing more.` };
    case 'passkey':
      return passkeys
        ? {
            button: 'Review and approve with a passkey',
            note: `Approving needs ${words}, whose signature the executor checks itself. Rejecting needs nothing more.`,
          }
        : { note: `Approving needs ${words}, and operators have not set them up here. Rejecting needs nothing more.` };
    default:
      return assertNever(assurance);
  }
}

function form(frame: Frame, view: ActionView, comment: string): string {
  const assurance = view.stage?.assurance ?? 'chat';
  const words = approving(assurance, frame.passkeys === true);
  return html`<form class="decide" method="post" action="/inbox/actions/${view.id}/decide" data-decide>
    <input type="hidden" name="csrf" value="${frame.csrf}" />
    <input type="hidden" name="digest" value="${view.digest}" />
    <label for="comment">Comment <span class="muted">optional, kept as evidence</span></label>
    <textarea id="comment" name="comment" rows="3" maxlength="${maxComment}" dir="auto">${comment}</textarea>
    <div class="buttons !${assurance === 'chat' ? '' : 'long'}">
      !${words.button === undefined ? '' : html`<button class="approve" type="submit" name="verdict" value="approve">${words.button}</button>`}
      <button class="reject" type="submit" name="verdict" value="reject">Reject</button>
    </div>
    <p class="muted fine">You decide on exactly <code>${shortDigest(view.digest)}</code>. It cannot be taken back.</p>
    <p class="muted fine">${words.note}</p>
  </form>`;
}

function channels(view: ActionView): string {
  const failing = view.channels.filter((channel) => channel.state === 'failing');
  if (failing.length === 0 || isFinal(view.status)) return '';
  return html`<p class="warnings one">
    Not everybody could be told: ${shown(nameList(failing.map((channel) => channel.kind)))} cannot deliver now. Deciding here works.
  </p>`;
}
