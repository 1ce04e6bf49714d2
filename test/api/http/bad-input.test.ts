import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorCodes } from '../../../domain/errors.js';
import { exportBody, TestApi, type Reply } from './support/api.js';

let api: TestApi;
let token: string;
beforeAll(async () => {
  api = await TestApi.start({ limits: { bodyBytes: 8_192, bodyDepth: 8, stringLength: 1_024, requestsPerMinute: 10_000 } });
  token = await api.issuer.agent();
});
afterAll(() => api.stop());

const key = { 'idempotency-key': 'bad-1' };
const post = (options: Parameters<TestApi['call']>[2] = {}) => api.call('POST', '/v1/actions', { token, headers: key, ...options });

/** A refusal as RFC 9457 has it, with its code, after which nothing was submitted. */
function expectRefused(reply: Reply, code: keyof typeof errorCodes): void {
  expect(reply.body.code).toBe(code);
  expect(reply.status).toBe(errorCodes[code].status);
  expect(reply.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect(reply.body).toMatchObject({
    title: errorCodes[code].title,
    status: reply.status,
    remedy: errorCodes[code].remedy,
    type: `http://127.0.0.1:9/errors/${code}`,
  });
  expect(reply.body['instance']).toMatch(/^urn:uuid:[0-9a-f-]{36}$/);
  expect(api.actions.submitted).toEqual([]);
}

describe('bodies that are refused before anything is done', () => {
  const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
  const withParameters = (json: string) => JSON.stringify({ ...exportBody, parameters: 0 }).replace('"parameters":0', `"parameters":${json}`);
  const cases: Record<string, [Parameters<TestApi['call']>[2], keyof typeof errorCodes]> = {
    'too many bytes': [{ raw: JSON.stringify({ ...exportBody, reason: 'x'.repeat(9_000) }) }, 'request-too-large'],
    'a string that is too long': [{ body: { ...exportBody, reason: 'x'.repeat(1_025) } }, 'request-too-large'],
    'nested too deeply': [{ raw: withParameters(`{"a":${nested(8)}}`) }, 'request-too-deep'],
    'nested so deeply that a recursive parser would fall': [{ raw: nested(4_000) }, 'request-too-deep'],
    'too many members': [{ raw: withParameters(`{"a":[${Array(2_100).fill('0').join()}]}`) }, 'request-too-deep'],
    'the same member twice': [{ raw: '{"action":"a","action":"b"}' }, 'request-malformed'],
    'the same member twice, once escaped': [{ raw: '{"action":"a","\\u0061ction":"b"}' }, 'request-malformed'],
    __proto__: [{ raw: withParameters('{"__proto__":{"a":1}}') }, 'request-malformed'],
    '__proto__, escaped': [{ raw: withParameters('{"\\u005f_proto__":{"a":1}}') }, 'request-malformed'],
    'half a surrogate pair': [{ raw: withParameters('{"a":"\\ud800"}') }, 'request-malformed'],
    'a number that no double holds': [{ raw: withParameters('{"limit":9007199254740993}') }, 'request-malformed'],
    'a number beyond all doubles': [{ raw: withParameters('{"limit":1e999}') }, 'request-malformed'],
    'not JSON': [{ raw: '{"action":' }, 'request-malformed'],
    'text after the JSON': [{ raw: '{} {}' }, 'request-malformed'],
    'not UTF-8': [{ raw: new Uint8Array([0x22, 0xff, 0x22]) }, 'request-malformed'],
    'no body': [{}, 'request-malformed'],
    'an empty body': [{ raw: '', headers: { ...key, 'content-type': 'application/json' } }, 'request-malformed'],
    'not an object': [{ raw: '[]' }, 'request-malformed'],
    'an unknown field': [{ body: { ...exportBody, approver: 'alice' } }, 'request-malformed'],
    'a missing field': [{ body: { ...exportBody, reason: undefined } }, 'request-malformed'],
    'a number where text is due': [{ body: { ...exportBody, action: 1 } }, 'request-malformed'],
    'a line break in the resource': [{ body: { ...exportBody, resource: { type: 'Table', id: 'a\nb' } } }, 'request-malformed'],
    'a duration that is none': [{ body: { ...exportBody, duration: 'P' } }, 'request-malformed'],
    'a form': [{ raw: 'action=x', headers: { ...key, 'content-type': 'application/x-www-form-urlencoded' } }, 'media-type-unsupported'],
    'plain text': [{ raw: '{}', headers: { ...key, 'content-type': 'text/plain' } }, 'media-type-unsupported'],
    'another charset': [{ raw: '{}', headers: { ...key, 'content-type': 'application/json; charset=utf-16' } }, 'media-type-unsupported'],
    compressed: [{ raw: '{}', headers: { ...key, 'content-type': 'application/json', 'content-encoding': 'gzip' } }, 'media-type-unsupported'],
    'no Idempotency-Key': [{ body: exportBody, headers: {} }, 'idempotency-key-missing'],
    'an Idempotency-Key with a space': [{ body: exportBody, headers: { 'idempotency-key': 'a b' } }, 'idempotency-key-missing'],
    'an Idempotency-Key that is too long': [{ body: exportBody, headers: { 'idempotency-key': 'k'.repeat(129) } }, 'idempotency-key-missing'],
  };
  it.each(Object.entries(cases))('%s', async (_name, [options, code]) => expectRefused(await post(options), code));

  it('unknown query parameters, wherever they stand', async () => {
    expectRefused(await api.call('POST', '/v1/actions?x=1', { token, body: exportBody, headers: key }), 'request-malformed');
    expectRefused(await api.call('GET', '/v1/actions?statsu=pending', { token }), 'request-malformed');
    expectRefused(await api.call('GET', `/v1/actions/act_${'a'.repeat(32)}?wait=61`, { token }), 'request-malformed');
  });
  it('a detail names the place and the rule, never the value', async () => {
    const reply = await post({ body: { ...exportBody, resource: { type: 'SECRET VALUE!', id: 'x' } } });
    expect(reply.body.detail).toContain('body/resource/type');
    expect(reply.text).not.toContain('SECRET VALUE');
  });
  it('a value that is none of those allowed is answered with those that are', async () => {
    const reply = await api.call('GET', '/v1/actions?status=wrong', { token });
    expectRefused(reply, 'request-malformed');
    expect(reply.body.detail).toMatch(/^querystring\/status\/0 must be equal to one of the allowed values: evaluating, pending, executing, /);
    expect(reply.text).not.toContain('wrong');
  });
  it('the bare address: browsers are sent to the inbox, others are told that nothing is there', async () => {
    const browser = await fetch(`${api.url}/`, { headers: { accept: 'text/html,application/xhtml+xml;q=0.9' }, redirect: 'manual' });
    expect([browser.status, browser.headers.get('location')]).toEqual([303, '/inbox']);
    for (const accept of ['*/*', 'application/json']) expectRefused(await api.call('GET', '/', { headers: { accept } }), 'not-found');
  });
  it('paths that do not exist, and ids that cannot', async () => {
    expectRefused(await api.call('GET', '/v1/nothing', { token }), 'not-found');
    expectRefused(await api.call('GET', '/v1/actions/act_..%2f..', { token }), 'not-found');
    expectRefused(await api.call('DELETE', '/v1/actions', { token }), 'not-found');
    const unreadable = await api.call('GET', '/%zz');
    expectRefused(unreadable, 'request-malformed');
    expect(unreadable.headers.get('x-content-type-options')).toBe('nosniff');
    expect(unreadable.headers.get('content-security-policy')).toContain("default-src 'none'");
  });
});

describe('callers that are refused', () => {
  const get = (headers: Record<string, string>) => api.call('GET', '/v1/connectors', { headers });
  it.each([
    ['no token', {}, 'token-missing'],
    ['another scheme', { authorization: 'Basic YTpi' }, 'token-missing'],
    ['a scheme without token', { authorization: 'Bearer' }, 'token-invalid'],
    ['two tokens', { authorization: 'Bearer a b' }, 'token-invalid'],
    ['nonsense', { authorization: 'Bearer a.b.c' }, 'token-invalid'],
    ['an oversized token', { authorization: `Bearer ${'a'.repeat(13_000)}` }, 'token-invalid'],
  ] as const)('%s', async (_name, headers, code) => {
    const reply = await get(headers);
    expectRefused(reply, code);
    expect(reply.headers.get('www-authenticate')).toMatch(/^Bearer/);
  });
  it('the scheme is read in any case', async () => expect((await get({ authorization: `bEaReR ${token}` })).status).toBe(200));
  it('a foreign audience, an expired token, and the log alone knows why', async () => {
    expectRefused(await get({ authorization: `Bearer ${await api.issuer.token({ aud: 'payroll' })}` }), 'token-invalid');
    expectRefused(await get({ authorization: `Bearer ${await api.issuer.token({ exp: 1_000 })}` }), 'token-expired');
    expect(api.logLines.some((line) => line['reason'] === 'claim aud: check_failed')).toBe(true);
  });
  it('a subject that the directory does not know, and an agent account that claims to be a person', async () => {
    expectRefused(await get({ authorization: `Bearer ${await api.issuer.agent('stranger')}` }), 'principal-unknown');
    expectRefused(await get({ authorization: `Bearer ${await api.issuer.person('invoice-bot')}` }), 'principal-unknown');
    expectRefused(await get({ authorization: `Bearer ${await api.issuer.agent('alice')}` }), 'principal-unknown');
  });
  it('two Authorization headers, of which one is good', async () => {
    const answer = await raw(
      api.url,
      `GET /v1/connectors HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nAuthorization: Bearer ${token}\r\nConnection: close\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1.1 401 /);
    expect(answer).toContain('"code":"token-invalid"');
  });
  it('a body is not even read without a token', async () =>
    expectRefused(await api.call('POST', '/v1/actions', { raw: 'x'.repeat(100_000), headers: key }), 'token-missing'));
});

describe('what the log holds', () => {
  it('no token, no body, no query', async () => {
    await post({ body: { ...exportBody, reason: 'SECRET-IN-BODY', approver: 'x' } });
    await api.call('GET', '/v1/actions?resource=SECRET-IN-QUERY', { token });
    const text = JSON.stringify(api.logLines);
    expect(text).not.toMatch(/SECRET-IN/);
    expect(text).not.toContain(token.slice(0, 40));
    expect(text).toContain('agent:invoice-bot');
  });
});

function raw(url: string, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1', () => socket.write(request));
    let text = '';
    socket.on('data', (chunk) => (text += chunk.toString('utf8')));
    socket.on('end', () => resolve(text));
    socket.on('error', reject);
  });
}
