import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { CDPSession, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Client, scenarios, startWholeSystem, type WholeSystem } from '../../../scripts/lib/testing.mjs';
import { startBrowser, type TestBrowser } from '../../helpers/browser.js';

let system: WholeSystem;
let browser: TestBrowser;
let page: Page;
let devtools: CDPSession;
let authenticatorId: string;
let agent: Client;
const inbox = () => `${system.config.publicUrl}/inbox`;

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
  devtools = await browser.context.newCDPSession(page);
  await devtools.send('WebAuthn.enable');
  ({ authenticatorId } = await devtools.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  }));
});
afterEach(() => page.close());

/** Signs in and adds a passkey, which takes a sign-in of its own with the second factor. */
async function addPasskey(person: RegExp): Promise<void> {
  await page.goto(`${inbox()}/passkeys`);
  await page.getByRole('button', { name: person }).click();
  await page.getByRole('link', { name: 'Add a passkey' }).click();
  await page.getByLabel('What you call it').fill('Test key');
  await page.getByRole('button', { name: 'Make the passkey and sign in' }).click();
  // The sign-in of a moment ago does not do: the provider asks who it is again.
  await page.getByRole('button', { name: person }).click();
  await page.getByRole('button', { name: 'Pretend the second factor' }).click();
  await page.getByRole('heading', { name: 'Passkeys' }).waitFor();
  await page.getByText('Test key').first().waitFor();
}

async function submitted(): Promise<string> {
  return String((await agent.submit(scenarios.passkey.body))['id']);
}

describe('an approval that needs a passkey, with every process running', () => {
  it('is signed by the device of the person, checked by worker and executor, and runs; the passkey can be removed', async () => {
    await addPasskey(/Alice/);
    const id = await submitted();
    await page.goto(`${inbox()}/actions/${id}`);
    await page.getByRole('button', { name: 'Review and approve with a passkey' }).click();
    await page.getByRole('button', { name: 'Approve with a passkey' }).click();
    await page.getByRole('heading', { name: /^You approved this action|did not count/ }).waitFor({ timeout: 60_000 });
    expect(await page.locator('#result').textContent()).toContain('You approved this action');
    const ended = await agent.request('GET', `/v1/actions/${id}?wait=30`);
    expect(ended.body).toMatchObject({ status: 'executed', decisions: [{ accepted: true, assurance: 'passkey', channel: 'inbox' }] });

    await page.goto(`${inbox()}/passkeys`);
    expect(await page.getByRole('main').textContent()).toContain('last used');
    await page.getByRole('button', { name: 'Remove Test key' }).click();
    await page.getByRole('heading', { name: 'You have no passkey' }).waitFor();
    const log = readFileSync(path.join(system.home, 'logs', 'api.log'), 'utf8');
    expect(log).toContain('a passkey was registered');
    expect(log).toContain('a passkey was removed');
  });

  it('is refused, by the device, where the person is not verified', async () => {
    await addPasskey(/Bob/);
    await devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: false });
    const id = await submitted();
    await page.goto(`${inbox()}/actions/${id}`);
    await page.getByRole('button', { name: 'Review and approve with a passkey' }).click();
    await page.getByRole('button', { name: 'Approve with a passkey' }).click();
    await page.getByText('Nothing was done').waitFor();
    expect((await agent.request('GET', `/v1/actions/${id}`)).body).toMatchObject({ status: 'pending', decisions: [] });
  });

  it('operators see who has which, and remove what should not count', async () => {
    await page.goto(`${inbox()}/passkeys`);
    await page.getByRole('button', { name: /Carol/ }).click();
    await page.getByRole('heading', { name: 'Of everybody, for operators' }).waitFor();
    const main = await page.getByRole('main').textContent();
    expect(main).toContain('of Bob Baumann');
    expect(main).toMatch(/of Alice Almeida[^]*removed/);
    await page.getByRole('button', { name: 'Remove Test key' }).click();
    await expect.poll(() => page.getByRole('button', { name: /Remove/ }).count()).toBe(0);
  });
});
