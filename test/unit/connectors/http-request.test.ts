import { describe, expect, it } from 'vitest';
import { createHttpRequest } from '../../../activities/adapters/connectors/http-request.js';
import { signMessage } from '../../../activities/adapters/connectors/http-request-signature.js';
import { readBaseUrl, type HttpTarget } from '../../../activities/adapters/connectors/http-request-target.js';
import { httpRequest } from '../../../domain/connectors/index.js';
import { requestOf } from './request.js';

const target: HttpTarget = { name: 'shop', base: new URL('https://shop.example/api'), methods: ['GET', 'POST'], idempotent: false, timeoutMs: 1000 };
const connector = createHttpRequest(new Map([['shop', target]]));
const check =
  (id: string, parameters: Record<string, never> | object = { method: 'GET' }) =>
  () =>
    connector.check(requestOf(httpRequest, { type: 'Endpoint', id }, parameters as never));

describe('the endpoint of http.request', () => {
  it.each(['shop/', 'shop/orders', 'shop/a/b.json', 'shop/caf%C3%A9', 'shop/a%20b', 'shop/users/me@example.com:1'])('accepts %s', (id) => {
    expect(check(id)).not.toThrow();
  });

  it.each([
    'shop/../admin',
    'shop/a/../../admin',
    'shop/..',
    'shop/./a',
    'shop/a/.',
    'shop/..a/x',
    'shop//evil.example/a',
    'shop/a//b',
    'shop/orders/',
    'shop//',
    'shop/\\evil.example',
    'shop/a\\..\\b',
    'shop/%2e%2e/admin',
    'shop/%2E%2E/admin',
    'shop/a%2Fb',
    'shop/a%2fb',
    'shop/a%5Cb',
    'shop/a%00',
    'shop/a%0d%0aHost:x',
    'shop/%252e',
    'shop/%61dmin',
    'shop/%',
    'shop/%4',
    'shop/a?b=c',
    'shop/a#b',
    'shop/a\r\nHost: x',
    'shop/a b',
    'shop/é',
    'shop/a;b',
    'shop/..;/admin',
    'shop/a\u0000',
    'shop',
    'https://evil.example/',
    `shop/${'a'.repeat(1025)}`,
  ])('refuses %j', (id) => {
    expect(check(id)).toThrow(expect.objectContaining({ code: 'parameters-invalid' }));
  });

  it('keeps what looks like another host inside the target', async () => {
    const preview = await connector.preview!(requestOf(httpRequest, { type: 'Endpoint', id: 'shop/@evil.example/x' }, { method: 'GET' }), undefined as never);
    expect(preview.facts[0]?.value).toBe('GET https://shop.example/api/@evil.example/x');
  });

  it.each([
    ['a target nobody configured', 'other/a', { method: 'GET' }, 'target-unknown'],
    ['a method the target does not allow', 'shop/a', { method: 'DELETE' }, 'parameters-invalid'],
    ['a body where none belongs', 'shop/a', { method: 'GET', body: {} }, 'parameters-invalid'],
    ['a giant body', 'shop/a', { method: 'POST', body: 'x'.repeat(262_144) }, 'parameters-invalid'],
    ['a header that would end the line', 'shop/a', { method: 'GET', headers: { accept: 'a\r\nx: y' } }, 'parameters-invalid'],
  ])('refuses %s', (_, id, parameters, code) => {
    expect(check(id, parameters)).toThrow(expect.objectContaining({ code }));
  });

  it.each(['ftp://a.example', 'https://user:pw@a.example', 'https://a.example/?x', 'https://a.example/#x', 'a.example'])('refuses the base URL %s', (url) => {
    expect(() => readBaseUrl('shop', url)).toThrow(expect.objectContaining({ code: 'config-invalid' }));
  });
});

describe('HTTP message signatures', () => {
  it('agree with the HMAC example of RFC 9421, B.2.5', () => {
    const secret = Buffer.from('uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==', 'base64');
    const headers = signMessage(
      [
        { name: 'date', value: 'Tue, 20 Apr 2021 02:07:55 GMT' },
        { name: '@authority', value: 'example.com' },
        { name: 'content-type', value: 'application/json' },
      ],
      {
        label: 'sig-b25',
        secret,
        parameters: [
          ['created', 1618884473],
          ['keyid', 'test-shared-secret'],
        ],
      },
    );
    expect(headers).toEqual({
      'signature-input': 'sig-b25=("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"',
      signature: 'sig-b25=:pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:',
    });
  });
});
