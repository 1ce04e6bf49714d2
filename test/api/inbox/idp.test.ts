import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadIdpKeys, signingKeyFile } from '../../../dev/idp-keys.js';
import { startIdp, type RunningIdp } from '../../../dev/idp-server.js';
import { calculatePKCECodeChallenge, randomPKCECodeVerifier } from 'openid-client';
import { Visitor } from './browserless.js';
import { idpConfig, people } from './rig.js';

const publicUrl = 'http://127.0.0.1:9';
const audience = 'https://countersign.example/api';
let folder: string;
let idp: RunningIdp;
const quiet = { onError: () => undefined };

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'countersign-idp-'));
  await writeFile(path.join(folder, 'directory.yaml'), people);
  const port = Number(new URL((await startAndStop()).issuer).port);
  const issuer = `http://127.0.0.1:${port}`;
  const identity = {
    issuers: [{ issuer, audience, algorithms: ['ES256'], principal: { claim: 'countersign_kind', agent: ['agent'], person: ['person'] } }],
    login: { issuer, clientId: 'countersign-inbox' },
    operators: [],
  };
  idp = await startIdp(idpConfig(folder, publicUrl, { identity, dev: { idpPort: port, databasePort: 0 } } as never), quiet);
});
afterAll(async () => {
  await idp.close();
  await rm(folder, { recursive: true, force: true });
});

async function startAndStop(): Promise<RunningIdp> {
  const running = await startIdp(idpConfig(folder, publicUrl), quiet);
  await running.close();
  return running;
}

describe('the development provider', () => {
  it('refuses production, other hosts, and an issuer that is not its own', async () => {
    await expect(startIdp(idpConfig(folder, publicUrl, { environment: 'production' }), quiet)).rejects.toThrow('config-invalid');
    await expect(startIdp(idpConfig(folder, publicUrl), { ...quiet, host: '0.0.0.0' })).rejects.toThrow('127.0.0.1 only');
    const { dev: _dev, ...without } = idpConfig(folder, publicUrl);
    await expect(startIdp(without as never, quiet)).rejects.toThrow('config-invalid');
  });

  it('keeps one signing key, readable by its owner only, whoever asks first', async () => {
    const fresh = path.join(folder, 'race');
    const keys = await Promise.all(Array.from({ length: 8 }, () => loadIdpKeys(fresh)));
    expect(new Set(keys.map((one) => one.signing.kid)).size).toBe(1);
    expect((await stat(path.join(fresh, signingKeyFile))).mode & 0o777).toBe(0o600);
    const stored = JSON.parse(await readFile(path.join(fresh, signingKeyFile), 'utf8')) as { kid: string; alg: string };
    expect(stored).toMatchObject({ kid: keys[0]?.signing.kid, alg: 'ES256' });
  });

  it('answers to its own name only', async () => {
    const status = await new Promise<number | undefined>((resolve, reject) => {
      void import('node:http').then(({ get }) =>
        get(`${idp.issuer}/.well-known/openid-configuration`, { headers: { host: 'evil.example' } }, (response) => resolve(response.resume().statusCode)).on(
          'error',
          reject,
        ),
      );
    });
    expect(status).toBe(421);
  });

  it('lists the people of the directory file and nobody else', async () => {
    const visitor = new Visitor(idp.issuer);
    const start = new URLSearchParams({
      client_id: 'countersign-inbox',
      response_type: 'code',
      scope: 'openid',
      redirect_uri: `${publicUrl}/inbox/callback`,
      code_challenge: await calculatePKCECodeChallenge('v'.repeat(43)),
      code_challenge_method: 'S256',
    });
    const { response, url } = await visitor.follow(`/auth?${start.toString()}`);
    const page = await response.text();
    expect(page).toContain('Development only');
    expect(page).toContain('Alice Almeida');
    expect(page).toContain('inactive');
    expect(page).not.toContain('Churn analyst');
    expect((await visitor.ask(url.href, { form: { person: 'churn-analyst' } })).status).toBe(400);
    expect((await visitor.ask(url.href, { form: { person: 'bob' }, headers: { 'sec-fetch-site': 'cross-site' } })).status).toBe(403);
  });

  it('issues an access token for the configured audience that says it is a person’s', async () => {
    const visitor = new Visitor(idp.issuer);
    const verifier = randomPKCECodeVerifier();
    const start = new URLSearchParams({
      client_id: 'countersign-inbox',
      response_type: 'code',
      scope: 'openid profile email',
      resource: audience,
      redirect_uri: `${publicUrl}/inbox/callback`,
      code_challenge: await calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    });
    const provider = await visitor.follow(`/auth?${start.toString()}`);
    const resume = await visitor.ask(provider.url.href, { form: { person: 'alice-at-idp' } });
    const back = await visitor.ask(resume.headers.get('location') ?? '');
    const code = new URL(back.headers.get('location') ?? '').searchParams.get('code') ?? '';
    const form = {
      grant_type: 'authorization_code',
      client_id: 'countersign-inbox',
      code,
      redirect_uri: `${publicUrl}/inbox/callback`,
      code_verifier: verifier,
      resource: audience,
    };
    const tokens = (await (await visitor.ask('/token', { form })).json()) as { access_token: string; id_token: string };
    const keys = createLocalJWKSet((await (await fetch(`${idp.issuer}/jwks`)).json()) as JSONWebKeySet);
    const access = await jwtVerify(tokens.access_token, keys, { issuer: idp.issuer, audience, algorithms: ['ES256'] });
    expect(access.payload).toMatchObject({ sub: 'alice-at-idp', countersign_kind: 'person' });
    const id = await jwtVerify(tokens.id_token, keys, { issuer: idp.issuer, audience: 'countersign-inbox' });
    expect(id.payload).toMatchObject({ sub: 'alice-at-idp', name: 'Alice Almeida', email: 'alice@example.com', countersign_kind: 'person', acr: 'login' });
    expect(typeof id.payload['auth_time']).toBe('number');
  });
});
