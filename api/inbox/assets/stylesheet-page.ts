/** Page, lists, cards. */
export const page = `
*, *::before, *::after { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-padding-top: 1rem; }
body { margin: 0; background: var(--ground); color: var(--text); font: 400 0.9375rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", sans-serif; overflow-wrap: anywhere; }
h1, h2, p, ul, ol, dl, dd, blockquote { margin: 0; }
h1 { font-size: 1.5rem; line-height: 1.25; font-weight: 650; letter-spacing: -0.018em; text-wrap: balance; }
h2 { font-size: 0.8125rem; font-weight: 600; line-height: 1.4; color: var(--muted); }
ul, ol { padding: 0; list-style: none; }
a { color: var(--accent); text-underline-offset: 0.18em; text-decoration-thickness: 1px; }
code { font: 0.92em/1.5 ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "Liberation Mono", monospace; }
.muted { color: var(--muted); }
.block { display: block; }
.fine { font-size: 0.8125rem; }
.visually-hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.skip { position: absolute; left: 1rem; top: -4rem; z-index: 9; padding: 0.5rem 1rem; background: var(--accent); color: var(--on-accent); border-radius: 0 0 8px 8px; }
.skip:focus { top: 0; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 4px; }
main:focus, .notice:focus { outline: none; }

.top { background: var(--card); border-bottom: 1px solid var(--line); }
.bar, .tabs ul, main { width: 100%; max-width: 68rem; margin: 0 auto; padding-inline: clamp(1rem, 4vw, 2rem); }
.bar { display: flex; align-items: center; justify-content: space-between; gap: 1rem; min-height: 3.5rem; }
.brand { display: flex; align-items: center; gap: 0.625rem; color: var(--text); font-weight: 650; font-size: 1rem; letter-spacing: -0.012em; text-decoration: none; }
.brand img { display: block; }
.account { display: flex; align-items: center; gap: 0.5rem; min-width: 0; }
.me { color: var(--muted); overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.tabs ul { display: flex; gap: 1.5rem; overflow-x: auto; scrollbar-width: none; }
.tabs a { display: block; padding: 0.5rem 0 0.625rem; color: var(--muted); text-decoration: none; white-space: nowrap; border-bottom: 2px solid transparent; font-weight: 500; }
.tabs a:hover { color: var(--text); }
.tabs a:focus-visible { outline-offset: -2px; }
.tabs a[aria-current] { color: var(--text); border-color: var(--accent); }
main { padding-block: 2rem 5rem; }
.head { margin-bottom: 1.25rem; }

.rows { background: var(--card); border: 1px solid var(--line); border-radius: 12px; box-shadow: var(--shadow); overflow: hidden; }
.rows li + li { border-top: 1px solid var(--line); }
.row { display: grid; grid-template-columns: minmax(0, 1fr) 15rem 13rem; gap: 0.25rem 1.5rem; align-items: start; padding: 0.875rem 1.25rem; color: inherit; text-decoration: none; }
.row:hover { background: var(--sunk); }
.row:focus-visible { outline-offset: -2px; border-radius: 12px; }
.what, .by { display: grid; min-width: 0; }
.what strong { font-weight: 600; }
.said { margin-top: 0.25rem; font-size: 0.875rem; color: var(--words); unicode-bidi: isolate; }
.said .tag { color: var(--words); border-color: var(--words-line); margin-right: 0.125rem; }
.said q { quotes: "\\201c" "\\201d"; }
.pills { display: flex; flex-wrap: wrap; gap: 0.25rem; justify-content: flex-end; }
.resource, .by, .due { color: var(--muted); font-size: 0.875rem; }
.by .when { font-size: 0.8125rem; }
.state { display: flex; flex-direction: column; align-items: flex-end; gap: 0.25rem; text-align: right; }
.empty, .message { text-align: center; padding: 4rem 1.5rem; background: var(--card); border: 1px solid var(--line); border-radius: 12px; }
.empty h2 { font-size: 1.0625rem; color: var(--text); margin-bottom: 0.375rem; }
.empty p { color: var(--muted); max-width: 32rem; margin: 0 auto; }
.message { max-width: 34rem; margin: 2rem auto; display: grid; gap: 0.75rem; justify-items: center; }
.message p { text-wrap: balance; }
.message .ways { display: flex; flex-wrap: wrap; gap: 0.75rem; justify-content: center; margin-top: 0.5rem; }
.code { font-size: 0.8125rem; }
.older { margin-top: 1.25rem; text-align: center; }

.withbutton { display: flex; flex-wrap: wrap; justify-content: space-between; align-items: start; gap: 0.75rem 2rem; }
.withbutton > div { flex: 1 1 24rem; max-width: 44rem; }
.over { margin: 2rem 0 0.75rem; }
.passkey { display: flex; flex-wrap: wrap; justify-content: space-between; align-items: center; gap: 0.75rem 1.5rem; padding: 0.875rem 1.25rem; }
.passkey > div { flex: 1 1 20rem; min-width: 0; }

.crumb { margin-bottom: 0.75rem; font-size: 0.875rem; }
.crumb a { color: var(--muted); text-decoration: none; }
.crumb a::before { content: "\\2190\\00a0"; }
.crumb a:hover { color: var(--text); text-decoration: underline; }
.title { display: flex; flex-wrap: wrap; align-items: center; gap: 0.5rem 0.75rem; }
.sub { margin: 0.375rem 0 1.5rem; color: var(--muted); }
.sub .strong { color: var(--text); font-weight: 600; }
.columns { display: grid; gap: 1rem; grid-template-columns: minmax(0, 1fr) 21rem; grid-template-areas: "facts side" "below side"; grid-template-rows: auto 1fr; align-items: start; column-gap: 1.5rem; }
.facts { grid-area: facts; display: grid; gap: 1rem; }
.side { grid-area: side; }
aside.side { position: sticky; top: 1rem; }
.below { grid-area: below; }
.record { display: grid; gap: 1rem; }
.card, .panel { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 1.125rem 1.25rem; box-shadow: var(--shadow); }
.card > h2, .panel > h2, .words > h2 { margin-bottom: 0.625rem; }
.card > p + p, .card > dl + p { margin-top: 0.5rem; }
dl > div { display: grid; grid-template-columns: 9.5rem minmax(0, 1fr); gap: 0.125rem 1rem; padding: 0.4375rem 0; }
dl > div + div { border-top: 1px solid var(--line); }
dt { color: var(--muted); }
dd { min-width: 0; }
.value { white-space: pre-wrap; }
.part { display: inline-block; margin-right: 1rem; }
.id { color: var(--muted); }
.masked { color: var(--muted); }
.plainlist { display: grid; gap: 0.125rem; }
.signals { margin-top: 0.5rem; display: grid; gap: 0.375rem; }
.signals li { display: grid; grid-template-columns: 2.25rem minmax(0, 1fr); }
.signals strong { font-weight: 600; }
.points { color: var(--muted); font-variant-numeric: tabular-nums; }
.warnings { margin-top: 0.625rem; display: grid; gap: 0.375rem; }
.warnings li, .warnings.one { padding: 0.5rem 0.75rem; border-radius: 8px; background: var(--warn-soft); color: var(--warn); }
.card > .warnings:not(:first-of-type) { margin-top: 0.75rem; }

.words { padding: 1.125rem 1.25rem; border: 1px dashed var(--words-line); border-radius: 12px; background: var(--words-ground); }
.words h2, .words p { color: var(--words); }
.words p { font-size: 0.8125rem; margin-top: 0.625rem; }
.words blockquote { white-space: pre-wrap; font-size: 1rem; padding-left: 0.875rem; border-left: 3px solid var(--words-line); unicode-bidi: isolate; max-height: 24rem; overflow-y: auto; }

.integrity summary { cursor: pointer; color: var(--muted); font-size: 0.8125rem; font-weight: 600; }
.integrity summary code { margin-left: 0.5rem; color: var(--text); font-size: 0.9375rem; font-weight: 500; }
.integrity[open] summary { margin-bottom: 0.625rem; }
.integrity dl { margin-top: 0.5rem; font-size: 0.875rem; }
.outcome { border-left-width: 4px; }
.outcome.good { border-left-color: var(--good); } .outcome.bad { border-left-color: var(--bad); } .outcome.warn { border-left-color: var(--warn); }
.outcome dl { margin-top: 0.375rem; }
.decisions { display: grid; gap: 0.875rem; }
.decisions .line { display: flex; flex-wrap: wrap; align-items: center; gap: 0.125rem 0.5rem; }
.decisions p { margin-top: 0.25rem; }
.comment { margin-top: 0.375rem; padding-left: 0.875rem; border-left: 3px solid var(--line); white-space: pre-wrap; unicode-bidi: isolate; }
.story { display: grid; }
.story li { position: relative; padding: 0 0 1rem 1.5rem; }
.story li:last-child { padding-bottom: 0; }
.story li::before { content: ""; position: absolute; left: 0.25rem; top: 0.45rem; width: 0.5625rem; height: 0.5625rem; border-radius: 50%; background: var(--card); border: 2px solid var(--strong-line); z-index: 1; }
.story li:not(:last-child)::after { content: ""; position: absolute; left: 0.5rem; top: 0.75rem; bottom: -0.25rem; width: 1px; background: var(--line); }
.story .good::before { background: var(--good); border-color: var(--good); } .story .bad::before { background: var(--bad); border-color: var(--bad); } .story .warn::before { background: var(--warn); border-color: var(--warn); }
.story .muted { font-size: 0.8125rem; }

@media (max-width: 56rem) {
  .columns { grid-template-columns: minmax(0, 1fr); grid-template-areas: "facts" "side" "below"; }
  aside.side { position: static; }
}
@media (max-width: 40rem) {
  main { padding-block: 1.25rem 3rem; }
  h1 { font-size: 1.3125rem; }
  .row { grid-template-columns: minmax(0, 1fr); padding: 0.875rem 1rem; }
  .by { display: flex; flex-wrap: wrap; gap: 0 0.5rem; }
  .by .when { font-size: inherit; }
  .by .size { flex-basis: 100%; }
  .pills { justify-content: flex-start; }
  .state { flex-direction: row; flex-wrap: wrap; align-items: center; gap: 0.25rem 0.75rem; text-align: left; margin-top: 0.25rem; }
  .tabs ul { gap: 0.875rem; font-size: 0.875rem; }
  .card, .panel, .words { padding: 1rem; }
  .card dl > div { grid-template-columns: minmax(0, 1fr); }
  .card dt { font-size: 0.8125rem; }
}
@media (prefers-reduced-motion: no-preference) { .button, button, .row, .tabs a { transition: background-color 120ms, border-color 120ms, color 120ms; } }
@media print { .top, .side form, .toast { display: none; } .columns { display: block; } }
`;
