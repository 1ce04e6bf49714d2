import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { Connection } from '@temporalio/client';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import type { LoadedConfig } from '../../config/load.js';
import { temporalConnection } from '../../config/temporal.js';
import { explainTemporal } from '../../config/temporal-trouble.js';
import { startFront, TestAuthority, type FrontOptions } from '../helpers/temporal-front.js';
import { connectTemporal } from '../../worker/connect.js';

const serverName = 'temporal.example';
const apiKey = 'key-of-this-namespace';
let ours: TestAuthority;
let others: TestAuthority;
let server: FrontOptions['server'];
let client: FrontOptions['server'];
let strange: FrontOptions['server'];
const fronts: { stop(): Promise<void> }[] = [];

beforeAll(() => {
  [ours, others] = [new TestAuthority(), new TestAuthority()];
  [server, client, strange] = [ours.issue(serverName), ours.issue('worker.example'), others.issue('worker.example')];
});
afterEach(async () => {
  await Promise.all(fronts.splice(0).map((front) => front.stop()));
  vi.unstubAllEnvs();
});
afterAll(() => [ours, others].forEach((authority) => authority.remove()));

type Temporal = Omit<LoadedConfig['temporal'], 'address' | 'namespace'>;

/** A configuration that reaches a real Temporal through a front that demands this. */
async function behind(demands: Omit<FrontOptions, 'server'>, temporal: Temporal, change: Partial<FrontOptions> = {}): Promise<LoadedConfig> {
  const front = await startFront(inject('temporalAddress'), { server, ...demands, ...change });
  fronts.push(front);
  return configOf(front.address, temporal);
}
const configOf = (address: string, temporal: Temporal): LoadedConfig =>
  ({ temporal: { address, namespace: 'default', ...temporal }, file: 'countersign.yaml', resolve: (name: string) => path.resolve(name) }) as LoadedConfig;

/** Connects as worker and executor do, and as the api does, and returns what both were told. */
async function attempt(config: LoadedConfig): Promise<{ readonly worker: string; readonly api: string }> {
  const worker = await connectTemporal(config).then(
    async (connection) => {
      const answer = await connection.workflowService.describeNamespace({ namespace: 'default' });
      await connection.close();
      return answer.namespaceInfo?.name ?? '';
    },
    (error: Error) => error.message,
  );
  const api = await Connection.connect({ ...temporalConnection(config), connectTimeout: '5s' }).then(
    async (connection) => {
      const answer = await connection.workflowService.describeNamespace({ namespace: 'default' });
      await connection.close();
      return answer.namespaceInfo?.name ?? '';
    },
    async (error: unknown) => (await explainTemporal(config, error)).message,
  );
  return { worker, api };
}

async function expectRefused(config: LoadedConfig, remedy: RegExp): Promise<void> {
  const { worker, api } = await attempt(config);
  expect(worker).toMatch(remedy);
  expect(worker).toMatch(/^temporal-unavailable: Temporal at 127\.0\.0\.1:\d+ cannot be used: [^\n]*$/);
  expect(worker).not.toContain(apiKey);
  expect(api).toBe(worker);
}

const good = () => ({ serverName, caFile: ours.ca });
const mutual = () => ({ ...good(), certFile: client.cert, keyFile: client.key });
const reached = { worker: 'default', api: 'default' };

describe('TLS to Temporal', { timeout: 60_000 }, () => {
  it('is used as configured: authority and name of the server', async () => {
    expect(await attempt(await behind({}, { tls: good() }))).toEqual(reached);
  });
  it('stops at an authority that is not the one named', async () =>
    expectRefused(
      await behind({}, { tls: { serverName, caFile: others.ca } }),
      /an authority that is not trusted here; name that authority in temporal\.tls\.caFile/,
    ));
  it('stops at a private authority that nobody named', async () =>
    expectRefused(await behind({}, { tls: { serverName } }), /name that authority in temporal\.tls\.caFile/));
  it('stops at a certificate for another name', async () =>
    expectRefused(await behind({}, { tls: { caFile: ours.ca, serverName: 'other.example' } }), /another name; set temporal\.tls\.serverName/));
  it('says so where the server wants it and it is not configured', async () => expectRefused(await behind({}, {}), /it speaks TLS; add temporal\.tls/));
  it('says so where it is configured and the server has none', async () =>
    expectRefused(configOf(inject('temporalAddress'), { tls: good() }), /it speaks no TLS; remove temporal\.tls/));
  it('says so where nobody listens', async () =>
    expectRefused(configOf('127.0.0.1:1', { tls: good() }), /nothing can be reached there \(ECONNREFUSED\); check temporal\.address/));
});

describe('mutual TLS to Temporal', { timeout: 60_000 }, () => {
  const demands = () => ({ clientCa: ours.ca });
  it('presents the certificate that is configured', async () => {
    expect(await attempt(await behind(demands(), { tls: mutual() }))).toEqual(reached);
  });
  it('says that one is wanted where none is configured', async () =>
    expectRefused(await behind(demands(), { tls: good() }), /wants a client certificate; name it in temporal\.tls\.certFile/));
  it('says that it was refused where the server does not trust its authority', async () =>
    expectRefused(await behind(demands(), { tls: { ...good(), certFile: strange.cert, keyFile: strange.key } }), /refused our client certificate/));
  it.each([
    ['half a pair', () => ({ ...good(), certFile: client.cert }), /certFile and temporal\.tls\.keyFile belong together/],
    [
      'a certificate in the place of the key',
      () => ({ ...good(), certFile: client.cert, keyFile: client.cert }),
      /temporal\.tls\.keyFile names .* cannot be read as PEM/,
    ],
    ['an authority that is no certificate', () => ({ serverName, caFile: notPem() }), /temporal\.tls\.caFile names .* cannot be read as PEM/],
    ['a file that is not there', () => ({ serverName, caFile: '/nowhere/ca.pem' }), /temporal\.tls\.caFile names \/nowhere\/ca\.pem/],
  ])('refuses %s before anything is sent', (_name, tls, says) => {
    expect(() => temporalConnection(configOf('127.0.0.1:1', { tls: tls() }))).toThrow(
      expect.objectContaining({ code: 'config-invalid', detail: expect.stringMatching(says) }),
    );
  });
});

describe('an API key for Temporal', { timeout: 60_000 }, () => {
  const temporal = () => ({ tls: good(), apiKeyEnv: 'TEMPORAL_KEY' });
  it('is sent with every call', async () => {
    vi.stubEnv('TEMPORAL_KEY', apiKey);
    expect(await attempt(await behind({ apiKey }, temporal()))).toEqual(reached);
  });
  it('is named as what is missing', async () =>
    expectRefused(await behind({ apiKey }, { tls: good() }), /name the variable with an API key in temporal\.apiKeyEnv/));
  it('is named as what is wrong, and not shown', async () => {
    vi.stubEnv('TEMPORAL_KEY', `${apiKey}-of-yesterday`);
    await expectRefused(await behind({ apiKey }, temporal()), /it refused the API key; check the variable TEMPORAL_KEY/);
  });
  it('never travels in clear: without a word of TLS it is used all the same', () => {
    vi.stubEnv('TEMPORAL_KEY', apiKey);
    expect(temporalConnection(configOf('namespace.acct.tmprl.cloud:7233', { apiKeyEnv: 'TEMPORAL_KEY' }))).toMatchObject({ tls: {}, apiKey });
  });
});

function notPem(): string {
  const file = path.join(ours.folder, 'not.pem');
  writeFileSync(file, 'no certificate');
  return file;
}
