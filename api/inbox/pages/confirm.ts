import { html } from 'ghtml';
import { matchingCode } from '../../../domain/digest.js';
import type { ActionView } from '../../../domain/view.js';
import { shown } from '../shown.js';
import type { PendingApproval } from '../step-up.js';
import { layout, type Frame } from './layout.js';
import { messagePage } from './message.js';
import { assuranceWords } from './words.js';

/** The last page before the sign-in that approves. */
export function confirmPage({ frame, view, pending }: { readonly frame: Frame; readonly view: ActionView; readonly pending: PendingApproval }): string {
  const here = `/inbox/actions/${view.id}`;
  const main = html`<p class="crumb"><a href="${here}">Back without a decision</a></p>
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
      <div class="ways">
        !${button(frame, `${here}/confirm/start`, 'primary', 'Sign in and approve')} !${button(frame, `${here}/confirm/cancel`, 'plain', 'Cancel')}
      </div>
      <p class="muted fine">
        Cancel drops this approval. Whoever only leaves the page has decided nothing either; the approval can be completed from this page, in this session, for
        ten minutes.
      </p>
    </section>`;
  return layout({ title: 'Sign in to approve', frame, main });
}

/** Shown for the moment before the browser goes to the provider. */
export function onwardPage(frame: Frame, href: string): string {
  const text = 'Your browser goes on by itself. Nothing is decided before you have signed in.';
  return messagePage({ title: 'On to your identity provider', text, ways: [{ href, label: 'Go on to sign in', strong: true }], frame });
}

function button(frame: Frame, action: string, look: 'primary' | 'plain', label: string): string {
  return html`<form method="post" action="${action}">
    <input type="hidden" name="csrf" value="${frame.csrf}" />
    <button class="!${look}" type="submit">${label}</button>
  </form>`;
}
