import { html } from 'ghtml';
import { shown } from '../shown.js';
import { layout, type Frame } from './layout.js';

/** A way on from a page that says one thing. */
export type Way = { readonly href: string; readonly label: string; readonly strong?: boolean };

/** A page that says one thing and where to go from there. */
export function messagePage(message: {
  readonly title: string;
  readonly text: string;
  readonly remedy?: string;
  readonly code?: string;
  readonly ways: readonly Way[];
  readonly frame?: Frame;
}): string {
  const { title, text, remedy, code, ways, frame } = message;
  const links = ways.map((way) => html`<a class="button !${way.strong === true ? 'primary' : 'plain'}" href="${way.href}">${way.label}</a>`);
  return layout({
    title,
    ...(frame === undefined ? {} : { frame }),
    main: html`<section class="message">
      <h1>${title}</h1>
      !${text === '' ? '' : html`<p>${shown(text)}</p>`} !${remedy === undefined ? '' : html`<p class="muted">${remedy}</p>`}
      <p class="ways">!${links}</p>
      !${code === undefined ? '' : html`<p class="code muted">Code <code>${code}</code></p>`}
    </section>`,
  });
}
