import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Client, scenarios, startWholeSystem, type WholeSystem } from '../../../scripts/lib/testing.mjs';
import { startBrowser, type TestBrowser } from '../../helpers/browser.js';

let system: WholeSystem;
let browser: TestBrowser;
let page: Page;
let agent: Client;

beforeAll(async () => {
  system = await startWholeSystem();
  browser = await startBrowser();
  agent = new Client({ home: system.home, publicUrl: system.config.publicUrl, subject: 'invoice-bot' });
});
afterAll(async () => {
  await browser.close();
  await system.stop();
});
beforeEach(async () => {
  await browser.context.clearCookies();
  page = await browser.context.newPage();
});
afterEach(() => page.close());

async function open(name: RegExp): Promise<{ readonly id: string }> {
  const action = { id: String((await agent.submit(scenarios['step-up'].body))['id']) };
  await page.goto(`${system.config.publicUrl}/inbox/actions/${action.id}`);
  await page.getByRole('button', { name }).click();
  await page.getByRole('button', { name: 'Review and sign in to approve' }).waitFor();
  return action;
}

describe('an approval that needs a second factor, with every process running', () => {
  it('is proved by the provider for this decision, checked by worker and executor, and runs', async () => {
    const action = await open(/Alice/);
    const code = await page.locator('.matching').first().textContent();
    await page.getByRole('button', { name: 'Review and sign in to approve' }).click();
    await page.getByRole('heading', { name: 'Sign in to approve' }).waitFor();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('button', { name: 'Review and sign in to approve' }).click();
    await page.getByRole('heading', { name: 'Sign in to approve' }).waitFor();
    expect(await page.locator('.matching').textContent()).toContain(code ?? 'no code');
    await page.getByRole('button', { name: 'Sign in and approve' }).click();
    await page.getByRole('heading', { name: 'Second factor of Alice' }).waitFor();
    await page.getByRole('button', { name: 'Pretend the second factor' }).click();
    // The answer waits for the worker, which may be busy.
    await page.getByRole('heading', { name: /^You approved this action|did not count/ }).waitFor({ timeout: 60_000 });
    expect(await page.locator('#result').textContent()).toContain('You approved this action');
    const ended = await agent.request('GET', `/v1/actions/${action.id}?wait=30`);
    expect(ended.body).toMatchObject({ status: 'executed', decisions: [{ accepted: true, assurance: 'mfa', channel: 'inbox' }] });
  });

  it('is not given by an access token, which says what to do instead', async () => {
    const action = await open(/Bob/);
    const bob = new Client({ home: system.home, publicUrl: system.config.publicUrl, subject: 'bob' });
    const view = await agent.request('GET', `/v1/actions/${action.id}`);
    const { digest } = view.body as { readonly digest: string };
    const refused = await bob.request('POST', `/v1/actions/${action.id}/decisions`, { body: { verdict: 'approve', digest } });
    expect(refused).toMatchObject({ status: 403, body: { code: 'assurance-too-low' } });
    expect(JSON.stringify(refused.body)).toContain('Open the action in the inbox');
    expect((await agent.request('GET', `/v1/actions/${action.id}`)).body).toMatchObject({ status: 'pending' });
  });
});
