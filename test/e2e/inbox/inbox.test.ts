import { createRequire } from 'node:module';
import { readFile } from 'node:fs/promises';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startBrowser, type TestBrowser } from '../../helpers/browser.js';
import { executedExport, pendingExport, pendingRole } from '../../api/inbox/fixtures.js';
import { startRig, type Rig } from '../../api/inbox/rig.js';

const axePath = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const action = '/inbox/actions/act_exportpending';

let rig: Rig;
let browser: TestBrowser;
let page: Page;
let complaints: string[];

beforeAll(async () => {
  browser = await startBrowser();
});
afterAll(() => browser.close());
beforeEach(async () => {
  rig = await startRig([far(pendingExport()), executedExport(), far(pendingRole())], { passkeys: true });
  await browser.context.clearCookies();
  page = await browser.context.newPage();
  complaints = [];
  // A blocked inline script, a refused form or an error in our script shows up here.
  page.on('console', (message) => {
    if (message.type() === 'error' && !/status of (?:40[0-9]|503)/.test(message.text())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
});
afterEach(async () => {
  await page.close();
  await rig.close();
  expect(complaints).toEqual([]);
});

/** The same action with a deadline that the real clock does not reach. */
function far<T extends ReturnType<typeof pendingExport>>(view: T): T {
  return { ...view, deadlineAt: new Date(Date.now() + 45 * 60_000).toISOString(), requestedAt: new Date(Date.now() - 15 * 60_000).toISOString() };
}

async function signIn(name: string, path = '/inbox'): Promise<void> {
  await page.goto(rig.url + path);
  await page.getByRole('button', { name: new RegExp(name) }).click();
  await page.waitForURL(rig.url + path);
}

/** Presses Tab until the element with this accessible name has the focus. */
async function tabTo(name: RegExp): Promise<void> {
  for (let presses = 0; presses < 40; presses += 1) {
    await page.keyboard.press('Tab');
    const text = await page.evaluate('document.activeElement?.innerText || document.activeElement?.id || ""');
    if (typeof text === 'string' && name.test(text)) return;
  }
  throw new Error(`Tab never reached ${name.source}`);
}

function passkeyOf(credentialId: string, label: string): Parameters<Rig['passkeys']['store']['add']>[0] {
  const made = { publicKey: 'AAAA', registration: `sha256:${'ab'.repeat(32)}`, idToken: 'a.b.c', registeredAt: new Date().toISOString(), counter: 0 };
  return { ...made, credentialId, label, personId: 'alice', transports: [], synced: true };
}

/** What axe finds against WCAG 2.2 AA. */
async function violations(): Promise<readonly string[]> {
  // Evaluated, not added as a script: the page's policy would rightly refuse it.
  await page.evaluate(await readFile(axePath, 'utf8'));
  const found: unknown = await page.evaluate(
    `axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }).then((result) => result.violations.map((one) => one.id + ': ' + one.nodes.map((node) => node.target.join(' ') + ' ' + node.failureSummary).join(' | ')))`,
  );
  return found as string[];
}

describe('deciding in a browser', () => {
  it('signs in, reads, comments and approves by keyboard alone', async () => {
    await page.goto(rig.url + '/inbox');
    await tabTo(/Alice Almeida/);
    await page.keyboard.press('Enter');
    await page.waitForURL(`${rig.url}/inbox`);
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.className')).toBe('skip');
    await tabTo(/Export rows from PostgreSQL/);
    await page.keyboard.press('Enter');
    await page.waitForURL(rig.url + action);
    await tabTo(/^comment$/);
    await page.keyboard.type('Checked with the team.');
    await tabTo(/^Approve$/);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'You approved this action' }).waitFor();
    expect(page.url()).toBe(rig.url + action);
    expect(rig.actions.decided).toMatchObject([
      { verdict: 'approve', comment: 'Checked with the team.', person: { id: 'alice' }, channel: 'inbox', assurance: 'chat' },
    ]);
    // The result is announced: it has the focus.
    expect(await page.evaluate('document.activeElement.id')).toBe('result');
    await page.reload();
    expect(rig.actions.decided).toHaveLength(1);
  });

  it('shows by itself how what was approved ended', async () => {
    await signIn('Bob', action);
    await page.getByRole('button', { name: 'Approve' }).click();
    await page.getByRole('heading', { name: 'You approved this action' }).waitFor();
    expect(await page.locator('.title .pill').textContent()).toBe('Running');
    rig.actions.put({ ...executedExport(), id: 'act_exportpending' });
    await page.getByRole('heading', { name: 'Outcome' }).waitFor();
    expect(await page.locator('.title .pill').textContent()).toBe('Executed');
    expect(await page.getByRole('link', { name: 'Show what is new' }).count()).toBe(0);
    expect(await page.getByRole('status').last().textContent()).toContain('Executed');
    // The focus stays in the text instead of falling back to the start of the page.
    expect(await page.evaluate('document.activeElement.id')).toBe('main');
  });

  it('rejects with a comment', async () => {
    await signIn('Bob', action);
    await page.getByLabel('Comment').fill('Too many columns.');
    await page.getByRole('button', { name: 'Reject' }).click();
    await page.getByRole('heading', { name: 'You rejected this action' }).waitFor();
    expect(rig.actions.decided).toMatchObject([{ verdict: 'reject', comment: 'Too many columns.', person: { id: 'bob' } }]);
    expect(await page.getByRole('button', { name: 'Approve' }).count()).toBe(0);
  });

  it('tells why a decision did not count, keeps the comment, and lets the person try again', async () => {
    await signIn('Alice', action);
    rig.actions.refuseNext = { code: 'temporal-unavailable', detail: 'The workflow engine does not answer.', throws: true };
    await page.getByLabel('Comment').fill('Fine with me.');
    await page.getByRole('button', { name: 'Approve' }).click();
    const alert = page.getByRole('alert');
    await alert.waitFor();
    expect(await alert.textContent()).toContain('nothing was changed');
    expect(await page.getByLabel('Comment').inputValue()).toBe('Fine with me.');
    await page.getByRole('button', { name: 'Approve' }).click();
    await page.getByRole('heading', { name: 'You approved this action' }).waitFor();
  });

  it('refuses what was shown before the action changed', async () => {
    await signIn('Alice', action);
    await page.getByLabel('Comment').fill('typing');
    rig.actions.put({ ...far(pendingExport()), digest: `sha256:${'1'.repeat(64)}` });
    // Somebody who types is told, not interrupted.
    await page.getByRole('link', { name: 'Show what is new' }).waitFor();
    await page.getByRole('button', { name: 'Approve' }).click();
    await page.getByText('decision-digest-mismatch').waitFor();
  });

  it('shows a decision made elsewhere without a reload', async () => {
    await signIn('Bob', action);
    rig.actions.put({ ...executedExport(), id: 'act_exportpending' });
    await page.getByRole('heading', { name: 'Outcome' }).waitFor();
    expect(await page.getByRole('button', { name: 'Approve' }).count()).toBe(0);
  });

  it('works without JavaScript', async () => {
    const plain = await startBrowser({ javaScriptEnabled: false });
    try {
      const tab = await plain.context.newPage();
      await tab.goto(rig.url + action);
      await tab.getByRole('button', { name: /Alice/ }).click();
      await tab.getByLabel('Comment').fill('No script.');
      await tab.getByRole('button', { name: 'Approve' }).click();
      await tab.getByRole('heading', { name: 'You approved this action' }).waitFor();
      expect(rig.actions.decided).toMatchObject([{ comment: 'No script.' }]);
    } finally {
      await plain.close();
    }
  });

  it('does nothing for a form on another site', async () => {
    await signIn('Alice', action);
    const foreign = await browser.context.newPage();
    await foreign.route('http://evil.example/**', (route) =>
      route.fulfill({
        contentType: 'text/html',
        body: `<form method="post" action="${rig.url}${action}/decide"><input name="verdict" value="approve"><input name="digest" value="${pendingExport().digest}"><button>Win</button></form>`,
      }),
    );
    await foreign.goto('http://evil.example/');
    await foreign.getByRole('button').click();
    await foreign.waitForURL(`${rig.url}${action}/decide`);
    // SameSite keeps the session at home, so nobody is even signed in.
    expect(await foreign.textContent('h1')).toBe('Nobody is signed in');
    await foreign.close();
    expect(rig.actions.decided).toEqual([]);
  });
});

describe('every page', () => {
  it('fits a phone and a desk, in light and dark, and passes axe', async () => {
    const lists = ['/inbox', '/inbox/requests', '/inbox/history', '/inbox/passkeys', '/inbox/passkeys/new'];
    const stops = [...lists, action, '/inbox/actions/act_exportexecuted', '/inbox/nothing', '/inbox/signed-out'];
    for (const [credentialId, label] of [
      ['one', 'Laptop'],
      ['two', 'A telephone with quite a long name that somebody gave it'],
    ] as const)
      rig.passkeys.store.add(passkeyOf(credentialId, label));
    await page.goto(rig.url + '/inbox');
    const findings: string[] = [];
    const look = async (name: string) => {
      for (const colorScheme of ['light', 'dark'] as const) {
        for (const width of [390, 1280]) {
          await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
          await page.setViewportSize({ width, height: 844 });
          const overflow = await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');
          if (overflow !== 0) findings.push(`${name} overflows by ${String(overflow)} at ${width}`);
          // Colours depend on the scheme and reflow on the width; two of the four pairs show both.
          if ((colorScheme === 'dark') === (width === 390)) findings.push(...(await violations()).map((one) => `${name} ${colorScheme} ${width}: ${one}`));
        }
      }
      const ground = await page.evaluate('getComputedStyle(document.body).backgroundColor');
      const [red = 255] = /\d+/.exec(String(ground)) ?? [];
      if (Number(red) > 40) findings.push(`${name} is not dark: ${String(ground)}`);
    };
    await look('sign-in');
    await page.getByRole('button', { name: /Carol/ }).click();
    for (const stop of stops) {
      await page.goto(rig.url + stop);
      await look(stop);
    }
    expect(findings).toEqual([]);
    // Sixteen runs of axe: a minute and a half on two busy cores.
  }, 400_000);
});
