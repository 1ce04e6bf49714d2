import { html } from 'ghtml';
import { matchingCode } from '../../../domain/digest.js';
import type { ActionView } from '../../../domain/view.js';
import { shown } from '../shown.js';
import type { PendingApproval } from '../step-up.js';
import { layout, type Frame } from './layout.js';
import { messagePage } from './message.js';
import { passkeyForm } from './passkeys.js';
import { assuranceWords } from './words.js';

/** The last page before the sign-in that approves. */
export function confirmPage(page: {
  readonly frame: Frame;
  readonly view: ActionView;
  readonly pending: PendingApproval;
  /** What the browser asks of the person's passkeys, where they have any. */
  readonly passkey?: unknown;
}): string {
  const { frame, view, pending, passkey } = page;
  const here = `/inbox/actions/${view.id}`;
  const byPasskey = pending.assurance === 'passkey';
  const title = byPasskey ? 'Approve with a passkey' : 'Sign in to approve';
  const main = html`<p class="crumb"><a href="${here}">Back without a decision</a></p>
    <section class="message">
      <h1>${title}</h1>
      <p>
        ${shown(view.title)}: <code>${shown(view.action)}</code> on <code class="strong">${shown(view.resource.id)}</code>, asked by
        ${shown(view.requester.name)}.
      </p>
      <p>
        This approval needs ${assuranceWords(pending.assurance)}. What you do next is signed for this decision alone; the executor checks that itself and does
        not take our word for it.
      </p>
      <p class="matching">Matching code <strong>${matchingCode(view.digest)}</strong></p>
      <p class="muted">
        The code is made from the content of the action. Compare it with the code on the card that brought you here: if they differ, one of the two pages is not
        ours, or shows something else, so stop.
      </p>
      !${passkey === undefined ? '' : passkeyForm(frame, view.id, passkey)}
      !${byPasskey && passkey === undefined ? html`<p class="warnings one">You have no passkey yet. Add one, then approve again.</p>` : ''}
      <div class="ways">
        !${
          byPasskey
            ? passkey === undefined
              ? html`<a class="button primary" href="/inbox/passkeys/new">Add a passkey</a>`
              : ''
            : button(frame, `${here}/confirm/start`, 'primary', 'Sign in and approve')
        }
        !${button(frame, `${here}/confirm/cancel`, 'plain', 'Cancel')}
      </div>
      <p class="muted fine">
        Cancel drops this approval. Whoever only leaves the page has decided nothing either; the approval can be completed from this page, in this session, for
        ten minutes.
      </p>
    </section>`;
  return layout({ title, frame, main, ...(passkey === undefined ? {} : { script: 'passkey.js' }) });
}

/** Shown for the moment before the browser goes to the provider. */
export function onwardPage(frame: Frame, href: string, promise = 'Nothing is decided before you have signed in.'): string {
  const text = `Your browser goes on by itself. ${promise}`;
  return messagePage({ title: 'On to your identity provider', text, ways: [{ href, label: 'Go on to sign in', strong: true }], frame });
}

function button(frame: Frame, action: string, look: 'primary' | 'plain', label: string): string {
  return html`<form method="post" action="${action}">
    <input type="hidden" name="csrf" value="${frame.csrf}" />
    <button class="!${look}" type="submit">${label}</button>
  </form>`;
}
