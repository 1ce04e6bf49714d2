import { html } from 'ghtml';
import { matchingCode } from '../../../domain/digest.js';
import type { ActionView } from '../../../domain/view.js';
import { shown } from '../shown.js';
import type { PendingApproval } from '../step-up.js';
import { layout, type Frame } from './layout.js';
import { assuranceWords } from './words.js';

/** The last page before the sign-in that approves. */
export function confirmPage({ frame, view, pending }: { readonly frame: Frame; readonly view: ActionView; readonly pending: PendingApproval }): string {
  const here = `/inbox/actions/${view.id}`;
  const main = html`<p class="crumb"><a href="${here}">Back, nothing is decided yet</a></p>
    <section class="message">
      <h1>Sign in to approve</h1>
      <p>
        ${shown(view.title)}: <code>${shown(view.action)}</code> on <code class="strong">${shown(view.resource.id)}</code>, asked by
        ${shown(view.requester.name)}.
      </p>
      <p>
        This approval needs ${assuranceWords(pending.assurance)}. What you do next is signed for this decision alone; the executor checks that itself and does
        not take our word for it.
      </p>
      <p class="matching">Matching code <strong>${matchingCode(view.digest)}</strong></p>
      <p class="muted">The same code stands on the card and on the page of the action. If it differs, stop.</p>
      <p class="ways"><a class="button primary" href="${here}/confirm/start">Sign in and approve</a> <a class="button plain" href="${here}">Cancel</a></p>
    </section>`;
  return layout({ title: 'Sign in to approve', frame, main });
}
