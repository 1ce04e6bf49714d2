/**
 * The page's only script. Everything works without it; it shows times in the reader's zone, counts down,
 * brings the page up to date when something changed, and stops a second click on the same button.
 */
export const script = String.raw`'use strict';
(() => {
  const main = document.getElementById('main');
  const toast = document.getElementById('live');
  const local = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

  const span = (s) => {
    if (s < 60) return s + ' s';
    const m = Math.floor(s / 60);
    if (m < 60) return m + ' min';
    const h = Math.floor(m / 60);
    if (h < 48) return m % 60 === 0 ? h + ' h' : h + ' h ' + (m % 60) + ' min';
    return Math.floor(h / 24) + ' days';
  };
  const relative = () => {
    for (const tag of document.querySelectorAll('time[data-relative]')) {
      const s = Math.round((Date.parse(tag.dateTime) - Date.now()) / 1000);
      tag.textContent = s >= 0 ? 'in ' + span(s) : span(-s) + ' ago';
    }
  };
  const times = () => {
    for (const tag of document.querySelectorAll('time:not([data-relative])')) {
      tag.title = tag.dateTime;
      tag.textContent = local.format(new Date(tag.dateTime));
    }
    relative();
  };
  times();
  setInterval(relative, 10000);

  document.getElementById('result')?.focus({ preventScroll: true });

  document.addEventListener('submit', (event) => {
    const form = event.target;
    if (!form.hasAttribute('data-decide')) return;
    if (form.hasAttribute('aria-busy')) return event.preventDefault();
    form.setAttribute('aria-busy', 'true');
  });
  // A page from the back button must not stay busy.
  addEventListener('pageshow', () => { for (const form of document.querySelectorAll('form[aria-busy]')) form.removeAttribute('aria-busy'); });

  // Somebody who is about to decide is told, never interrupted. A page without that form has nothing to lose.
  const working = () => {
    const form = main.querySelector('form[data-decide]');
    if (form === null) return false;
    const comment = document.getElementById('comment');
    return (comment !== null && comment.value !== comment.defaultValue) || (main.contains(document.activeElement) && document.activeElement !== main);
  };
  const offer = () => {
    if (toast.firstElementChild) return;
    const link = document.createElement('a');
    link.href = main.dataset.page;
    link.textContent = 'Show what is new';
    toast.replaceChildren('Something changed since this page was shown. ', link);
  };
  // The same place on the new page, so that nobody who reads by keyboard is thrown back to its start.
  const place = () => {
    const at = document.activeElement;
    if (!main.contains(at)) return () => {};
    const href = at.getAttribute('href');
    const folds = [...main.querySelectorAll('details')].map((one) => one.open);
    return () => {
      main.querySelectorAll('details').forEach((one, index) => { one.open = folds[index] === true; });
      const same = href === null ? undefined : [...main.querySelectorAll('a')].find((one) => one.getAttribute('href') === href);
      (same ?? main).focus({ preventScroll: true });
    };
  };
  const refresh = async () => {
    if (working()) return offer();
    const answer = await fetch(main.dataset.page, { headers: { accept: 'text/html' }, redirect: 'manual' });
    if (!answer.ok) return offer();
    const next = new DOMParser().parseFromString(await answer.text(), 'text/html');
    const fresh = next.getElementById('main');
    if (fresh === null || working()) return offer();
    const back = place();
    main.replaceChildren(...fresh.childNodes);
    if (fresh.dataset.version) main.dataset.version = fresh.dataset.version;
    if (!fresh.dataset.live) delete main.dataset.live;
    document.title = next.title;
    back();
    times();
    const status = main.querySelector('.title .pill')?.textContent;
    toast.textContent = 'This page was brought up to date' + (status ? ': ' + status.trim() + '.' : '.');
    setTimeout(() => { if (!toast.firstElementChild) toast.textContent = ''; }, 4000);
  };
  // One refresh at a time, and once more if something changed meanwhile: an older answer must not be the last one shown.
  let told, busy = false;
  const changed = async (version) => {
    told = version;
    if (busy || version === main.dataset.version) return;
    busy = true;
    try {
      let shown;
      do {
        shown = told;
        await refresh();
      } while (told !== shown && told !== main.dataset.version);
    } catch {
      offer();
    } finally {
      busy = false;
    }
  };

  const live = main.dataset.live;
  if (!live) return;
  if (live.startsWith('/inbox/actions/')) {
    const source = new EventSource(live);
    source.onmessage = (event) => changed(event.data);
    source.addEventListener('end', () => source.close());
    addEventListener('pagehide', () => source.close());
  } else {
    setInterval(async () => {
      if (document.hidden) return;
      const answer = await fetch(live, { redirect: 'manual' }).catch(() => undefined);
      if (answer?.ok) changed((await answer.json()).version);
    }, 8000);
  }
})();
`;
