import { html } from 'ghtml';
import { assetUrl, type AssetName } from '../assets/index.js';
import { shown } from '../shown.js';

/** The tabs of the inbox. */
export type Tab = 'waiting' | 'requests' | 'history' | 'passkeys';

/** What every page of a signed-in person needs. */
export type Frame = {
  readonly person: { readonly id: string; readonly name: string };
  readonly csrf: string;
  readonly waiting?: number;
  readonly passkeys?: boolean;
};

type Layout = {
  readonly title: string;
  readonly frame?: Frame;
  readonly tab?: Tab;
  readonly main: string;
  /** A script that this page needs besides. */
  readonly script?: AssetName;
  readonly live?: { readonly page: string; readonly url: string; readonly version: string };
};

const tabs: readonly { readonly tab: Tab; readonly href: string; readonly label: string }[] = [
  { tab: 'waiting', href: '/inbox', label: 'Waiting for you' },
  { tab: 'requests', href: '/inbox/requests', label: 'Your requests' },
  { tab: 'history', href: '/inbox/history', label: 'History' },
  { tab: 'passkeys', href: '/inbox/passkeys', label: 'Passkeys' },
];

/** A whole page. `main` is HTML that was escaped where it was made. */
export function layout({ title, frame, tab, main, live, script }: Layout): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${shown(title)} · Countersign</title>
        <link rel="icon" type="image/svg+xml" href="${assetUrl('logo.svg')}" />
        <link rel="stylesheet" href="${assetUrl('inbox.css')}" />
        <script src="${assetUrl('inbox.js')}" defer></script>
        !${script === undefined ? '' : html`<script src="${assetUrl(script)}" defer></script>`}
      </head>
      <body>
        <a class="skip" href="#main">Skip to content</a>
        <header class="top">
          <div class="bar">
            <a class="brand" href="/inbox"><img src="${assetUrl('logo.svg')}" alt="" width="26" height="26" /><span>Countersign</span></a>
            !${frame === undefined ? '' : account(frame)}
          </div>
          !${frame === undefined ? '' : navigation(tab, frame)}
        </header>
        <main id="main" tabindex="-1" !${live === undefined ? '' : html`data-page="${live.page}" data-live="${live.url}" data-version="${live.version}"`}>
          !${main}
        </main>
        <div id="live" class="toast" role="status" aria-live="polite"></div>
      </body>
    </html>`;
}

function account(frame: Frame): string {
  return html`<div class="account">
    <span class="me"><span class="visually-hidden">Signed in as </span>${shown(frame.person.name)}</span>
    <form method="post" action="/inbox/logout">
      <input type="hidden" name="csrf" value="${frame.csrf}" />
      <button class="quiet" type="submit">Sign out</button>
    </form>
  </div>`;
}

function navigation(current: Tab | undefined, { passkeys }: Frame): string {
  const offered = tabs.filter(({ tab }) => tab !== 'passkeys' || passkeys === true);
  const items = offered.map(({ tab, href, label }) => html`<li><a href="${href}" !${tab === current ? 'aria-current="page"' : ''}>${label}</a></li>`);
  return html`<nav class="tabs" aria-label="Inbox">
    <ul>
      !${items}
    </ul>
  </nav>`;
}
