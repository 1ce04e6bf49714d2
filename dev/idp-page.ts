import { html } from 'ghtml';

/** One person the page offers. */
export type SamplePerson = {
  readonly id: string;
  readonly name: string;
  readonly email?: string;
  readonly active: boolean;
  readonly groups: readonly string[];
};

/** Where the page's stylesheet is served. */
export const stylePath = '/interaction/style.css';

/** The development sign-in page: the sample people, one button each. */
export function signInPage(action: string, people: readonly SamplePerson[]): string {
  const rows = people.map(
    (person) =>
      html`<li>
        <button type="submit" name="person" value="${person.id}">
          <span class="face" aria-hidden="true">${initials(person.name)}</span>
          <span class="who">
            <strong>${person.name}</strong>
            <span>${[person.email ?? person.id, ...person.groups].join(' · ')}</span>
          </span>
          !${person.active ? '' : html`<span class="tag">inactive</span>`}
        </button>
      </li>`,
  );
  return page(
    'Sign in as',
    html`<p class="flag">Development only</p>
      <h1>Sign in as</h1>
      <p class="lead">There is no password. Every sample person of the directory file is one click away, which is why this provider refuses production.</p>
      <form method="post" action="${action}">
        <ul>
          !${rows}
        </ul>
      </form>
      !${people.length === 0 ? html`<p>The directory file has no person with an account of this provider.</p>` : ''}`,
  );
}

/** The development stand-in for a second factor: one more button. */
export function secondFactorPage(action: string, person: SamplePerson): string {
  return page(
    'Second factor',
    html`<p class="flag">Development only</p>
      <h1>Second factor of ${person.name}</h1>
      <p class="lead">A real provider asks for a code or a security key here. This one pretends: the button below is all there is.</p>
      <form method="post" action="${action}">
        <input type="hidden" name="person" value="${person.id}" />
        <ul>
          <li>
            <button type="submit" name="factor" value="pretended">
              <span class="who"><strong>Pretend the second factor</strong><span>as ${person.name}, for development</span></span>
            </button>
          </li>
        </ul>
      </form>`,
  );
}

/** A page that says one thing. */
export function noticePage(title: string, text: string): string {
  return page(
    title,
    html`<p class="flag">Development only</p>
      <h1>${title}</h1>
      <p class="lead">${text}</p>`,
  );
}

function page(title: string, body: string): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${title} · development provider</title>
        <link rel="stylesheet" href="${stylePath}" />
      </head>
      <body>
        <main>!${body}</main>
      </body>
    </html>`;
}

function initials(name: string): string {
  return name
    .split(/\s+/)
    .slice(0, 2)
    .map((word) => [...word][0] ?? '')
    .join('')
    .toUpperCase();
}

/** The page's stylesheet. The stripes say from afar that this is no real sign-in. */
export const style = `
:root { color-scheme: light dark; --bg: #f6f6f4; --card: #fff; --text: #1b1c20; --muted: #5c5f66; --line: #e2e2de; --accent: #3b4bc8; --warn: #7a4a00; --stripe: #f3c969; --face: #e8eafb; }
@media (prefers-color-scheme: dark) { :root { --bg: #111215; --card: #191b1f; --text: #ececee; --muted: #a2a5ad; --line: #2c2f35; --accent: #aab4ff; --warn: #f3c969; --stripe: #7a5a12; --face: #262b4d; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; background: var(--bg); color: var(--text); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; border-top: 8px solid var(--stripe); border-image: repeating-linear-gradient(135deg, var(--stripe) 0 12px, transparent 12px 24px) 8; }
main { max-width: 30rem; margin: 0 auto; padding: 3rem 1.25rem; }
h1 { font-size: 1.75rem; letter-spacing: -0.02em; margin: 0 0 0.5rem; line-height: 1.2; }
.flag { color: var(--warn); font-size: 0.8125rem; font-weight: 600; letter-spacing: 0.06em; text-transform: uppercase; margin: 0 0 0.5rem; }
.lead { color: var(--muted); margin: 0 0 1.5rem; }
ul { list-style: none; margin: 0; padding: 0; display: grid; gap: 0.5rem; }
button { display: flex; gap: 0.875rem; align-items: center; width: 100%; padding: 0.75rem 0.875rem; text-align: left; font: inherit; color: inherit; background: var(--card); border: 1px solid var(--line); border-radius: 10px; cursor: pointer; }
button:hover { border-color: var(--accent); }
button:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.face { flex: none; display: grid; place-items: center; width: 2.5rem; height: 2.5rem; border-radius: 50%; background: var(--face); color: var(--accent); font-size: 0.875rem; font-weight: 600; }
.who { display: grid; min-width: 0; }
.who span { color: var(--muted); font-size: 0.875rem; overflow-wrap: anywhere; }
.tag { margin-left: auto; font-size: 0.75rem; color: var(--warn); border: 1px solid currentcolor; border-radius: 99px; padding: 0 0.5rem; }
`;
