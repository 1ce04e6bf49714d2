import { html } from 'ghtml';
import type { DecisionRecord } from '../../../domain/decision.js';
import type { ActionView, StoryEvent } from '../../../domain/view.js';
import { timeTag } from '../format.js';
import { shown, shownLines } from '../shown.js';
import type { Tone } from './words.js';

/** Every decision, accepted or refused. */
export function decisions(view: ActionView): string {
  if (view.decisions.length === 0 && view.refusedCount === 0) return '';
  const items = view.decisions.map((record) => {
    const verdict = record.decision?.verdict;
    const label = !record.accepted ? 'Refused' : verdict === 'approve' ? 'Approved' : 'Rejected';
    const tone: Tone = !record.accepted ? 'warn' : verdict === 'approve' ? 'good' : 'bad';
    const who = record.decision?.person.name ?? 'Somebody who could not be verified';
    const old = record.accepted && record.round < view.round;
    return html`<li>
      <div class="line">
        <span class="pill !${tone}">${label}</span> <strong>${shown(who)}</strong>
        <span class="muted"
          >!${record.decision === undefined ? '' : html`${channelWords(record.decision.channel)}, ${worth(record)}, `}!${timeTag(record.at)}</span
        >
      </div>
      !${record.refusal === undefined ? '' : html`<p>${shown(record.refusal.detail)} <code>${record.refusal.code}</code></p>`}
      !${
        record.circle === undefined
          ? ''
          : html`<p>A circle: ${shown(record.circle.with.name)}, who is behind this action, approved one of theirs !${timeTag(record.circle.at)}.</p>`
      }
      !${old ? html`<p class="muted">Made in an earlier round; it no longer counts.</p>` : ''}
      !${record.decision?.comment === undefined ? '' : html`<blockquote class="comment" dir="auto">${shownLines(record.decision.comment)}</blockquote>`}
    </li>`;
  });
  const unlisted = view.refusedCount - view.decisions.filter((record) => !record.accepted).length;
  return html`<section class="card">
    <h2>Decisions</h2>
    <ul class="decisions">
      !${items}
    </ul>
    !${unlisted <= 0 ? '' : html`<p class="muted">And ${unlisted} more refused ${unlisted === 1 ? 'attempt' : 'attempts'}.</p>`}
  </section>`;
}

/** What happened, in order. */
export function story(view: ActionView): string {
  if (view.story.length === 0) return '';
  const items = view.story.map(
    (event) =>
      html`<li class="!${toneOf(event.kind)}">
        <p>${shown(event.text)}</p>
        <p class="muted">!${timeTag(event.at)}</p>
      </li>`,
  );
  return html`<section class="card">
    <h2>Story</h2>
    <ol class="story">
      !${items}
    </ol>
  </section>`;
}

function worth({ proven, decision }: DecisionRecord): string {
  const assurance = proven ?? decision?.assurance ?? 'chat';
  return assurance === 'chat' ? 'assurance chat, which rests on the api' : `assurance ${assurance}`;
}

function channelWords(channel: string): string {
  return { inbox: 'in the inbox', teams: 'in Teams', slack: 'in Slack', api: 'by API' }[channel] ?? `by ${channel}`;
}

function toneOf(kind: StoryEvent['kind']): Tone | '' {
  if (kind === 'approved' || kind === 'executed' || kind === 'stage-passed') return 'good';
  if (kind === 'rejected' || kind === 'denied' || kind === 'failed' || kind === 'error') return 'bad';
  if (kind === 'refused' || kind === 'channel-failed' || kind === 'unknown' || kind === 'escalated') return 'warn';
  return '';
}
