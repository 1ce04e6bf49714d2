import { html } from 'ghtml';
import { maxPasskeys, type Passkey } from '../../passkeys/store.js';
import { timeTag } from '../format.js';
import { shown } from '../shown.js';
import { layout, type Frame } from './layout.js';

/** Longest name of a passkey, in characters. */
export const maxLabel = 60;

/** A passkey with the name of whoever it is of, for operators. */
export type Owned = { readonly passkey: Passkey; readonly owner: string };

/** The passkeys of this person; for operators those of everybody besides. */
export function passkeysPage(frame: Frame, mine: readonly Passkey[], everybody?: readonly Owned[]): string {
  const main = html`<div class="head withbutton">
      <div>
        <h1>Passkeys</h1>
        <p class="muted">
          Some actions are approved with a passkey only: your own device signs for exactly one decision, and the executor checks that signature itself.
        </p>
      </div>
      !${mine.length >= maxPasskeys ? '' : html`<a class="button primary" href="/inbox/passkeys/new">Add a passkey</a>`}
    </div>
    !${
      mine.length === 0
        ? html`<section class="empty">
            <h2>You have no passkey</h2>
            <p>Adding one takes a sign-in with a second factor.</p>
          </section>`
        : list(
            mine.map((passkey) => ({ passkey, owner: '' })),
            frame,
          )
    }
    !${everybody === undefined ? '' : html`<h2 class="over">Of everybody, for operators</h2>`}
    !${everybody === undefined ? '' : everybody.length === 0 ? html`<p class="muted">Nobody has registered one.</p>` : list(everybody, frame)}`;
  return layout({ title: 'Passkeys', frame, tab: 'passkeys', main });
}

function list(passkeys: readonly Owned[], frame: Frame): string {
  const items = passkeys.map(({ passkey, owner }) => {
    const { credentialId, label, synced, registeredAt, lastUsedAt, registration, removed } = passkey;
    return html`<li class="passkey">
      <div>
        <strong>${shown(label)}</strong> !${owner === '' ? '' : html`of ${shown(owner)} <code class="id">${shown(passkey.personId)}</code>`}
        <span class="tag">${synced ? 'synced between devices' : 'on one device'}</span>
        !${removed === undefined ? '' : html`<span class="tag warn">removed</span>`}
        <p class="muted fine">
          Registered !${timeTag(registeredAt)},
          !${lastUsedAt === undefined ? 'not used yet' : html`last used !${timeTag(lastUsedAt)}`}!${
            removed === undefined ? '' : html`, removed !${timeTag(removed.at)} by ${shown(removed.by)}`
          }
        </p>
        <p class="muted fine">Registration <code>${registration}</code></p>
      </div>
      !${
        removed !== undefined
          ? ''
          : html`<form method="post" action="/inbox/passkeys/remove">
              <input type="hidden" name="csrf" value="${frame.csrf}" />
              <input type="hidden" name="credential" value="${credentialId}" />
              <button class="plain" type="submit">Remove<span class="visually-hidden"> ${shown(label)}</span></button>
            </form>`
      }
    </li>`;
  });
  return html`<ul class="rows">
    !${items}
  </ul>`;
}

/** Where a passkey is made. */
export function newPasskeyPage(frame: Frame, options: unknown): string {
  const main = html`<p class="crumb"><a href="/inbox/passkeys">Passkeys</a></p>
    <section class="message">
      <h1>Add a passkey</h1>
      <p>
        Your device makes the passkey and asks for its PIN, your finger or your face. Then you sign in with a second factor, and your identity provider vouches
        for it.
      </p>
      <form class="decide" method="post" action="/inbox/passkeys/new" data-passkey="make" data-options="${JSON.stringify(options)}">
        <input type="hidden" name="csrf" value="${frame.csrf}" />
        !${hidden('credential', 'client_data', 'attestation', 'transports')}
        <label for="label">What you call it</label>
        <input id="label" name="label" maxlength="${maxLabel}" required value="Passkey" />
        <div class="ways"><button class="primary" type="submit" disabled>Make the passkey and sign in</button></div>
        !${note()}
      </form>
    </section>`;
  return layout({ title: 'Add a passkey', frame, tab: 'passkeys', main, script: 'passkey.js' });
}

/** The form that approves with a passkey. */
export function passkeyForm(frame: Frame, actionId: string, options: unknown): string {
  return html`<form method="post" action="/inbox/actions/${actionId}/confirm/passkey" data-passkey="use" data-options="${JSON.stringify(options)}">
    <input type="hidden" name="csrf" value="${frame.csrf}" />
    !${hidden('credential', 'client_data', 'authenticator_data', 'signature')}
    <div class="ways"><button class="approve" type="submit" disabled>Approve with a passkey</button></div>
    !${note()}
  </form>`;
}

function hidden(...names: readonly string[]): readonly string[] {
  return names.map((name) => html`<input type="hidden" name="${name}" value="" />`);
}

function note(): string {
  return html`<p class="muted fine" role="status" data-note></p>
    <noscript><p class="warnings one">Passkeys need JavaScript: only a script can ask your device to sign.</p></noscript>`;
}
