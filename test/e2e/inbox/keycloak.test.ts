import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { createRemoteJWKSet, decodeJwt } from 'jose';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { Sqlite } from '../../../config/sqlite.js';
import type { Decision } from '../../../domain/decision.js';
import { verifyProof, type ProofProvider } from '../../../domain/verify-proof.js';
import { Client, root, scenarios, startWholeSystem, type WholeSystem } from '../../../scripts/lib/testing.mjs';
import { startBrowser, type TestBrowser } from '../../helpers/browser.js';
import { findKeycloak, startKeycloak, totp, type Keycloak, type KeycloakUser } from '../../helpers/keycloak.js';

const found = await findKeycloak();
const home = 'home' in found ? found.home : undefined;
if ('missing' in found) process.stderr.write(`NOT RUN: the step-up of a real Keycloak. ${found.missing}\n`);

const user = (username: string): KeycloakUser => ({ id: randomUUID(), username, password: randomUUID(), totpSecret: `secret of ${username} ${randomUUID()}` });
const [alice, bob] = [user('alice'), user('bob')];
const service = { clientId: 'deploy-service', secret: randomUUID() };

describe.skipIf(home === undefined)('the step-up of a real Keycloak', () => {
  let keycloak: Keycloak;
  let system: WholeSystem;
  let browser: TestBrowser;
  let page: Page;
  let agent: Client;
  const folder = mkdtempSync(path.join(tmpdir(), 'countersign-directory-'));

  beforeAll(async () => {
    keycloak = await startKeycloak(home ?? '', { users: [alice, bob], service });
    const directory = path.join(folder, 'directory.yaml');
    writeFileSync(directory, withAccounts(readFileSync(path.join(root, 'policies', 'directory.yaml'), 'utf8'), keycloak.issuer));
    system = await startWholeSystem({ edit: (text) => withKeycloak(text, keycloak, directory) });
    await keycloak.addInbox('countersign-inbox', `${system.config.publicUrl}/inbox/callback`);
    browser = await startBrowser();
    page = await browser.context.newPage();
    agent = new Client({ home: system.home, publicUrl: system.config.publicUrl, subject: 'invoice-bot' });
  }, 560_000);
  afterAll(async () => {
    await browser?.close();
    await system?.stop();
    await keycloak?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('asks for the password to open the inbox, for a code to approve, and its ID token carries the approval to the executor', async () => {
    const id = String((await agent.submit(scenarios['step-up'].body))['id']);
    await page.goto(`${system.config.publicUrl}/inbox/actions/${id}`);
    await page.locator('[name=username]').fill(alice.username);
    await page.locator('[name=password]').fill(alice.password);
    await page.locator('[name=login]').click();
    await page.getByRole('button', { name: 'Review and sign in to approve' }).click();
    await page.getByRole('button', { name: 'Sign in and approve' }).click();

    // No password this time: Keycloak asks for what is missing. A wrong code gets nowhere.
    const code = page.locator('[name=otp]');
    await code.fill(totp(alice.totpSecret, Date.now() - 3_600_000));
    await page.locator('[name=login]').click();
    await page.getByText('Invalid authenticator code').waitFor();
    expect((await agent.request('GET', `/v1/actions/${id}`)).body).toMatchObject({ status: 'pending', decisions: [] });
    await code.fill(totp(alice.totpSecret));
    await page.locator('[name=login]').click();
    await page.getByRole('heading', { name: /^You approved this action|did not count/ }).waitFor({ timeout: 60_000 });
    expect(await page.locator('#result').textContent()).toContain('You approved this action');

    const ended = await agent.request('GET', `/v1/actions/${id}?wait=30`);
    expect(ended.body).toMatchObject({ status: 'executed', decisions: [{ accepted: true, assurance: 'mfa', channel: 'inbox' }] });
    // The executor has read Keycloak's keys, which it does for a token of Keycloak's in a grant.
    const grants = new Sqlite(path.join(system.home, 'grants.sqlite'), { readonly: true });
    expect(grants.prepare('SELECT issuer FROM provider_keys').pluck().all()).toContain(keycloak.issuer);
    grants.close();
  });

  it('never takes the token of a program for a person, whatever acr it carries', async () => {
    const form = new URLSearchParams({ grant_type: 'client_credentials', client_id: service.clientId, client_secret: service.secret, scope: 'openid' });
    const answer = (await (await fetch(keycloak.tokenEndpoint, { method: 'POST', body: form })).json()) as Record<'access_token' | 'id_token', string>;
    const keys = createRemoteJWKSet(new URL(keycloak.jwksUri));
    await keys.reload();
    for (const token of [answer.access_token, answer.id_token]) {
      const claims = decodeJwt(token);
      expect(claims['acr']).toEqual(expect.any(String));
      // As lenient as an executor could be set up: this very client, and this acr for a second factor.
      const provider: ProofProvider = {
        issuer: keycloak.issuer,
        audience: [claims.aud].flat()[0] ?? service.clientId,
        algorithms: ['RS256'],
        mfaAcr: [String(claims['acr'])],
        maxAgeSeconds: 3_600,
        keyFor: async (kid) => keys.jwks()?.keys.find((key) => key.kid === kid),
        personOf: async () => 'alice',
      };
      for (const assurance of ['login', 'mfa'] as const)
        expect(await verifyProof(decisionOf(assurance), { kind: 'id-token', token }, { providers: [provider] })).toMatch(
          /not an ID token|another client|does not come from a person/,
        );
    }
  });
});

function decisionOf(assurance: 'login' | 'mfa'): Decision {
  const person = { id: 'alice', name: 'Alice', groups: [] };
  const base = { decisionId: 'dec_1', actionId: 'act_1', actionDigest: 'sha256:01', planDigest: 'sha256:02', verdict: 'approve', channel: 'inbox' } as const;
  return { ...base, person, assurance, decidedAt: new Date().toISOString() };
}

type Account = { readonly issuer: string; readonly subject: string };

/** The sample directory, whose people have accounts at Keycloak besides. */
function withAccounts(text: string, issuer: string): string {
  const directory = parse(text) as { readonly people: { readonly id: string; readonly accounts: Account[] }[] };
  for (const one of [alice, bob]) directory.people.find(({ id }) => id === one.username)?.accounts.push({ issuer, subject: one.id });
  return stringify(directory);
}

type Sections = {
  readonly identity: { readonly login: Record<string, unknown> };
  readonly executor: { readonly providers: Record<string, unknown>[] };
  readonly directory: { file: string };
};

/** The sample configuration, whose people sign in at Keycloak; agents keep the tokens of the development provider. */
function withKeycloak(text: string, { issuer, jwksUri }: Keycloak, directory: string): string {
  const config = parse(text) as Sections;
  config.directory.file = directory;
  config.identity.login['issuer'] = issuer;
  config.executor.providers[0] = { issuer, audience: 'countersign-inbox', algorithms: ['RS256'], jwksUri, mfaAcr: ['mfa'], maxAgeSeconds: 300 };
  return stringify(config);
}
