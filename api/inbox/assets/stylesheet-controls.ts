/** Buttons, forms, marks, notices. */
export const controls = `
button, .button { display: inline-flex; align-items: center; justify-content: center; min-height: 2.5rem; padding: 0.375rem 1rem; border: 1px solid transparent; border-radius: 8px; font: inherit; font-weight: 600; cursor: pointer; text-decoration: none; }
button:focus-visible, .button:focus-visible { border-radius: 8px; }
.plain { background: var(--card); border-color: var(--strong-line); color: var(--text); }
.plain:hover { background: var(--sunk); }
.primary { background: var(--accent); color: var(--on-accent); }
.primary:hover { text-decoration: underline; }
.quiet { background: none; color: var(--muted); font-weight: 500; padding-inline: 0.5rem; }
.quiet:hover { color: var(--text); background: var(--sunk); }
input, select, textarea { font: inherit; color: var(--text); background: var(--card); border: 1px solid var(--strong-line); border-radius: 8px; padding: 0.4375rem 0.625rem; width: 100%; min-height: 2.5rem; }
::placeholder { color: var(--muted); opacity: 1; }
input:focus-visible, select:focus-visible, textarea:focus-visible { outline-offset: 0; border-radius: 8px; border-color: var(--accent); }
textarea { resize: vertical; line-height: 1.5; min-height: 5.25rem; }

.filters { display: grid; grid-template-columns: 1fr 1.4fr 1fr 1fr auto; gap: 0.75rem; align-items: end; margin-bottom: 1.25rem; }
.filters label { display: grid; gap: 0.25rem; font-size: 0.8125rem; font-weight: 500; color: var(--muted); min-width: 0; }
.filters input, .filters select { height: 2.5rem; font-size: 0.9375rem; font-weight: 400; }
.filters .do { display: flex; gap: 0.75rem; align-items: center; }
@media (max-width: 56rem) { .filters { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); } }

.panel > h2 { display: flex; align-items: center; gap: 0.5rem; font-size: 1rem; color: var(--text); }
.progress { margin-bottom: 1rem; padding-bottom: 0.5rem; border-bottom: 1px solid var(--line); }
.progress > div { grid-template-columns: 5.5rem minmax(0, 1fr); border: 0; padding: 0.1875rem 0; }
.progress .block { font-size: 0.8125rem; }
.panel > .why { font-weight: 500; margin-bottom: 0.375rem; }
.panel > .warnings { margin-block: 1rem; }
.panel > .warnings:last-child { margin-bottom: 0; }
.ticks { display: inline-flex; gap: 0.25rem; margin-right: 0.375rem; }
.tick { width: 0.75rem; height: 0.75rem; border-radius: 50%; border: 2px solid var(--strong-line); }
.tick.on { background: var(--good); border-color: var(--good); }
.decide { display: grid; gap: 0.5rem; }
.message form.decide { text-align: left; width: 100%; max-width: 24rem; margin-top: 0.5rem; }
[data-note]:empty { display: none; }
button:disabled { opacity: 0.55; cursor: default; }
.decide label { font-weight: 600; }
.decide label .muted { font-weight: 400; font-size: 0.8125rem; margin-left: 0.25rem; }
.buttons { display: grid; grid-template-columns: 1fr 1fr; gap: 0.625rem; margin-top: 0.375rem; }
.buttons.long { grid-template-columns: 1fr; }
.buttons button { min-height: 2.75rem; }
.approve { background: var(--approve); color: var(--card); }
.approve:hover { background: var(--approve-hover); }
.reject { background: var(--card); color: var(--bad); border-color: var(--bad); }
.reject:hover { background: var(--bad-soft); }
.decide[aria-busy] .buttons { opacity: 0.6; pointer-events: none; }

.pill { display: inline-block; padding: 0.0625rem 0.5625rem; border-radius: 99px; font-size: 0.8125rem; font-weight: 600; line-height: 1.5; white-space: nowrap; background: var(--off-soft); color: var(--text); }
.pill.wait { background: var(--accent-soft); color: var(--accent); }
.pill.busy { background: var(--accent-soft); color: var(--accent); }
.pill.good { background: var(--good-soft); color: var(--good); }
.pill.bad { background: var(--bad-soft); color: var(--bad); }
.pill.warn { background: var(--warn-soft); color: var(--warn); }
.tag { display: inline-block; padding: 0 0.375rem; border: 1px solid var(--line); border-radius: 5px; font-size: 0.75rem; line-height: 1.5; color: var(--muted); }
.tag.warn { color: var(--warn); border-color: currentcolor; }
.dot { width: 0.625rem; height: 0.625rem; border-radius: 50%; background: var(--strong-line); }
.dot.good { background: var(--good); } .dot.bad { background: var(--bad); } .dot.warn { background: var(--warn); } .dot.busy { background: var(--accent); }

.notice { padding: 0.875rem 1.25rem; margin-bottom: 1.25rem; border-radius: 12px; border: 1px solid var(--line); background: var(--sunk); }
.notice h2 { color: inherit; font-size: 0.9375rem; }
.notice.good { background: var(--good-soft); color: var(--good); border-color: transparent; }
.notice.bad { background: var(--bad-soft); color: var(--bad); border-color: transparent; }
.toast { position: fixed; left: 50%; bottom: 1.25rem; transform: translateX(-50%); max-width: min(30rem, calc(100vw - 2rem)); width: max-content; z-index: 5; border-radius: 10px; background: var(--text); color: var(--ground); }
.toast:not(:empty) { padding: 0.625rem 1rem; box-shadow: 0 8px 24px rgb(0 0 0 / 20%); }
.toast a { color: inherit; font-weight: 600; }
@media (forced-colors: active) { .pill, .tag, .tick.on { border: 1px solid; } }
`;
