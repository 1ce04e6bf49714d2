import { html } from 'ghtml';
import type { Fact } from '../../../domain/connector.js';
import { shortDigest } from '../../../domain/digest.js';
import { fieldRows } from '../../../domain/display.js';
import { assertNever, errorCodes } from '../../../domain/errors.js';
import type { ActionView, DisplayField } from '../../../domain/view.js';
import { timeTag } from '../format.js';
import { shown, shownLines } from '../shown.js';
import { endWords, riskWords, statusWords } from './words.js';

/** Who asks, for whom. */
export function asked(view: ActionView): string {
  const { requester, owner, onBehalfOf, via } = view;
  return html`<section class="card">
    <h2>Who asks</h2>
    <dl>
      <div>
        <dt>Requester</dt>
        <dd>${shown(requester.name)} <span class="tag">${requester.kind}</span> <code class="id">${shown(requester.id)}</code></dd>
      </div>
      !${
        owner === undefined
          ? ''
          : html`<div>
              <dt>Owner of the agent</dt>
              <dd>${shown(owner.name)} <code class="id">${shown(owner.id)}</code></dd>
            </div>`
      }
      !${
        onBehalfOf === undefined
          ? ''
          : html`<div>
              <dt>On behalf of</dt>
              <dd>${shown(onBehalfOf.name)} <code class="id">${shown(onBehalfOf.id)}</code></dd>
            </div>`
      }
      !${
        via === undefined
          ? ''
          : html`<div>
              <dt>Passed on by</dt>
              <dd>!${via.map(({ name, kind, id }) => html`${shown(name)} <span class="tag">${kind}</span> <code class="id">${shown(id)}</code> `)}</dd>
            </div>`
      }
    </dl>
  </section>`;
}

/** The parameters; hidden ones by name and shape. */
export function fields(view: ActionView): string {
  if (view.fields.length === 0)
    return html`<section class="card">
      <h2>Parameters</h2>
      <p class="muted">None.</p>
    </section>`;
  const rows = fieldRows(view.fields).map(
    ({ title, parts }) =>
      html`<div>
        <dt>${shown(title)}</dt>
        <dd>
          !${parts.map((part) => (part.group === undefined ? valueOf(part) : html`<span class="part"><span class="muted">${shown(part.label)}</span> !${valueOf(part)}</span> `))}
        </dd>
      </div>`,
  );
  return html`<section class="card">
    <h2>Parameters</h2>
    <dl>!${rows}</dl>
  </section>`;
}

function valueOf(field: DisplayField): string {
  const value = field.masked
    ? html`<span class="masked"><span class="tag">hidden</span> ${shown(field.value)}</span>`
    : html`<span class="value">${shownLines(field.value)}</span>`;
  return html`!${value}!${field.truncated ? html` <span class="tag warn">cut, more follows</span>` : ''}`;
}

/** What the connector says would happen. */
export function preview(view: ActionView): string {
  if (view.preview === undefined && view.previewError === undefined) return '';
  const warnings = (view.preview?.warnings ?? []).map((warning) => html`<li>${shown(warning)}</li>`);
  return html`<section class="card">
    <h2>What would happen</h2>
    !${view.preview === undefined ? '' : factList(view.preview.facts)}
    !${
      warnings.length === 0
        ? ''
        : html`<ul class="warnings" aria-label="Warnings">
            !${warnings}
          </ul>`
    }
    !${view.previewError === undefined ? '' : html`<p class="warnings one">${shown(view.previewError)}</p>`}
  </section>`;
}

/** The requester's own words, set apart from everything that Countersign knows. */
export function words(view: ActionView): string {
  const whose = view.requester.kind === 'agent' ? 'the agent' : 'the requester';
  return html`<section class="words" aria-labelledby="words">
    <h2 id="words">In the words of ${whose}</h2>
    <blockquote dir="auto">${shownLines(view.reason)}</blockquote>
    <p>Written by ${shown(view.requester.name)}. Countersign has not checked it.</p>
  </section>`;
}

/** Policy ids, risk and signals. */
export function policyAndRisk(view: ActionView): string {
  const risk = riskWords(view.risk.score);
  const signals = view.risk.signals.map(
    (signal) =>
      html`<li>
        <span class="points">+${signal.points}</span><span><strong>${shown(signal.name)}</strong> ${shown(signal.detail)}</span>
      </li>`,
  );
  const policies = view.policies.map((policy) => html`<li><code>${shown(policy)}</code></li>`);
  return html`<section class="card">
    <h2>Policy and risk</h2>
    <dl>
      <div>
        <dt>Risk</dt>
        <dd>
          <span class="pill !${risk.tone}">${risk.label}</span> <span class="muted">${view.risk.score} of 100</span>
          !${
            signals.length === 0
              ? ''
              : html`<ul class="signals">
                  !${signals}
                </ul>`
          }
        </dd>
      </div>
      <div>
        <dt>Policies</dt>
        <dd>
          !${
            policies.length === 0
              ? html`<span class="muted">No policy matched.</span>`
              : html`<ul class="plainlist">
                  !${policies}
                </ul>`
          }
        </dd>
      </div>
      !${
        view.round > 1
          ? html`<div>
              <dt>Round</dt>
              <dd>${view.round}. The policy was evaluated again and asked for more consent; earlier approvals no longer count.</dd>
            </div>`
          : ''
      }
    </dl>
  </section>`;
}

/** What a decision is bound to. */
export function integrity(view: ActionView): string {
  return html`<details class="card integrity">
    <summary><span>Fingerprint</span> <code class="digest">${shortDigest(view.digest)}</code></summary>
    <p class="muted">
      A decision counts for exactly this action: parameters, target, policy and expiry. The same digits stand on every card and in every channel.
    </p>
    <dl>
      <div>
        <dt>Action</dt>
        <dd><code>${view.digest}</code></dd>
      </div>
      <div>
        <dt>Plan</dt>
        <dd><code>${view.planDigest}</code></dd>
      </div>
      <div>
        <dt>Policy</dt>
        <dd><code>${view.policyDigest}</code></dd>
      </div>
      <div>
        <dt>Connector</dt>
        <dd>${shown(view.connector.name)} ${shown(view.connector.version)} <code>${view.connector.digest}</code></dd>
      </div>
      <div>
        <dt>Id</dt>
        <dd><code>${view.id}</code></dd>
      </div>
    </dl>
  </details>`;
}

/** How it ended, for a final action. */
export function outcome(view: ActionView): string {
  const { tone } = statusWords(view.status);
  if (view.endedAt === undefined && view.outcome === undefined) return '';
  return html`<section class="card outcome !${tone}">
    <h2>Outcome</h2>
    <p>${endWords(view)}</p>
    !${outcomeDetails(view)}
    !${
      view.denial === undefined
        ? ''
        : html`<p>${shown(view.denial.detail)}</p>
            <p class="muted">${errorCodes[view.denial.code].remedy} <code>${view.denial.code}</code></p>`
    }
    !${view.endedAt === undefined ? '' : html`<p class="muted">Ended !${timeTag(view.endedAt)}</p>`}
  </section>`;
}

function outcomeDetails(view: ActionView): string {
  const ended = view.outcome;
  if (ended === undefined) return '';
  switch (ended.status) {
    case 'succeeded':
      return factList(ended.facts);
    case 'failed':
      return html`<p>${shown(ended.detail)} <code>${shown(ended.code)}</code></p>
        !${factList(ended.facts ?? [])}`;
    case 'cancelled':
      return html`<p>${shown(ended.detail)}</p>`;
    case 'unknown':
      return html`<p>${shown(ended.detail)}</p>
        <p><strong>To check:</strong> ${shown(ended.check)}</p>`;
    default:
      return assertNever(ended);
  }
}

function factList(facts: readonly Fact[]): string {
  if (facts.length === 0) return '';
  const rows = facts.map(
    (fact) =>
      html`<div>
        <dt>${shown(fact.label)}</dt>
        <dd><span class="value">${shownLines(fact.value)}</span></dd>
      </div>`,
  );
  return html`<dl>!${rows}</dl>`;
}
