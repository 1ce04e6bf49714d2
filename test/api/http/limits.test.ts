import { expect, it } from 'vitest';
import { TestApi } from './support/api.js';

const connectors = '/v1/connectors';

it('limits the rate of one subject and leaves the others alone', async () => {
  const api = await TestApi.start({ limits: { requestsPerMinute: 5 } });
  const [mine, theirs] = [await api.issuer.agent(), await api.issuer.agent('release-bot')];
  for (let count = 0; count < 5; count += 1) expect((await api.call('GET', connectors, { token: mine })).status).toBe(200);
  const refused = await api.call('GET', connectors, { token: mine });
  expect([refused.status, refused.body.code]).toEqual([429, 'rate-limited']);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect((await api.call('GET', connectors, { token: theirs })).status).toBe(200);
  await api.stop();
});

it('limits the rate of one address before anybody is authenticated, and a forged X-Forwarded-For is no other address', async () => {
  const api = await TestApi.start({ limits: { requestsPerMinute: 2 } });
  const statuses: number[] = [];
  for (let count = 0; count < 11; count += 1)
    statuses.push((await api.call('GET', connectors, { headers: { 'x-forwarded-for': `203.0.113.${count}` } })).status);
  expect(statuses).toEqual([...Array<number>(10).fill(401), 429]);
  await api.stop();
});

it('believes as many proxies as are configured', async () => {
  const api = await TestApi.start({ limits: { requestsPerMinute: 1 }, trustedProxies: 1 });
  const from = async (forwarded: string) => (await api.call('GET', '/healthz', { headers: { 'x-forwarded-for': forwarded } })).status;
  for (let count = 0; count < 5; count += 1) expect(await from(`198.51.100.${count}, 203.0.113.7`)).toBe(200);
  expect(await from('198.51.100.9, 203.0.113.7')).toBe(429);
  expect(await from('203.0.113.8')).toBe(200);
  await api.stop();
});

it('is ready only when what it needs can be reached', async () => {
  let up = false;
  const check = async () => {
    if (!up) throw new Error('away');
  };
  const api = await TestApi.start({ deps: { readiness: [{ name: 'temporal', check }] } });
  const first = await api.call('GET', '/readyz');
  expect([first.status, first.body]).toEqual([503, { status: 'not-ready', checks: { temporal: 'unreachable' } }]);
  up = true;
  const deadline = Date.now() + 5_000;
  let status = 503;
  while (status === 503 && Date.now() < deadline) status = (await api.call('GET', '/readyz')).status;
  expect(status).toBe(200);
  await api.stop();
});

it('publishes public parts of keys and nothing else, even of a set that holds private ones', async () => {
  const keys = [{ kty: 'OKP', crv: 'Ed25519', x: 'public', d: 'PRIVATE', kid: 'k1', alg: 'EdDSA', use: 'sig', countersign_role: 'decision' }];
  const api = await TestApi.start({ deps: { publicKeys: () => keys } });
  const reply = await api.call('GET', '/.well-known/jwks.json');
  expect(reply.body).toEqual({ keys: [{ kty: 'OKP', crv: 'Ed25519', x: 'public', kid: 'k1', alg: 'EdDSA', use: 'sig', countersign_role: 'decision' }] });
  await api.stop();
});
