import type { Payload } from '@temporalio/common';
import { fastify } from 'fastify';
import { expect, it } from 'vitest';
import { codecPlugin, type CodecServerOptions } from '../../../api/codec/plugin.js';
import { redact } from '../../../api/codec/redact.js';
import { encryptionKeys } from '../../../codec/keys.js';
import { createPayloadCodec } from '../../../codec/payload-codec.js';
import { testKey } from '../../helpers/encryption.js';

const payload = (value: unknown, encoding = 'json/plain'): Payload => ({
  metadata: { encoding: Buffer.from(encoding) },
  data: Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)),
});
const textOf = ({ data }: Payload) => Buffer.from(data ?? []).toString();

it('tokens, proofs and permits are left out wherever they stand, and the rest stays as it is', () => {
  const clear = {
    grant: { approvals: [{ stage: 0, decision: 'kept', proof: { kind: 'id-token', token: 'SECRET' } }], permit: 'SECRET' },
    registration: [[{ idToken: 'SECRET', id_token: 'SECRET', Token: ['SECRET'] }]],
    reason: 'Rows of the permit office.',
    limit: 5,
    none: null,
  };
  const shown = textOf(redact(payload(clear)));
  expect(shown).not.toContain('SECRET');
  expect(JSON.parse(shown)).toMatchObject({
    grant: { approvals: [{ stage: 0, decision: 'kept', proof: expect.stringContaining('left out') }] },
    reason: 'Rows of the permit office.',
    limit: 5,
    none: null,
  });
});

it.each([
  ['binary', payload('{"token":"SECRET"}', 'binary/plain')],
  ['said to be JSON and none', payload('{"token":"SECRET"', 'json/plain')],
  ['of no encoding', { data: Buffer.from('{"token":"SECRET"}') }],
  ['too deep', payload(`${'['.repeat(100)}{"token":"SECRET"}${']'.repeat(100)}`)],
])('what is %s is not shown', (_name, given) => {
  const shown = textOf(redact(given));
  expect(shown).not.toContain('SECRET');
  expect(shown).toContain('left out');
});

it('the codec server answers an operator without them', async () => {
  const codec = createPayloadCodec(encryptionKeys([testKey('first')], 'first'), { unreadable: 'refuse' });
  const [sealed] = await codec.encode([payload({ reason: 'kept', proof: { token: 'SECRET' } })], {
    type: 'workflow',
    namespace: 'default',
    workflowId: 'act_1',
  });
  const wire = {
    metadata: Object.fromEntries(Object.entries(sealed?.metadata ?? {}).map(([name, value]) => [name, Buffer.from(value).toString('base64')])),
    data: Buffer.from(sealed?.data ?? []).toString('base64'),
  };
  const people = { need: async () => ({ viewer: { principal: { kind: 'person', id: 'carol' }, operator: true } }) };
  const app = fastify({ logger: false });
  const uiUrl = 'http://127.0.0.1:8233';
  codecPlugin(app, { codec, uiUrl, publicUrl: 'http://127.0.0.1:7780', people, operators: [], requestsPerMinute: 10 } as unknown as CodecServerOptions);
  const reply = await app.inject({ method: 'POST', url: '/codec/decode', headers: { origin: uiUrl }, payload: { payloads: [wire] } });
  await app.close();
  expect(reply.statusCode).toBe(200);
  const shown = Buffer.from(reply.json<{ payloads: { data: string }[] }>().payloads[0]?.data ?? '', 'base64').toString();
  expect(shown).toContain('kept');
  expect(shown).not.toContain('SECRET');
});
