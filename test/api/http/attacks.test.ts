import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAccessTokenVerifier } from '../../../api/identity/verify-access-token.js';
import { CountersignError } from '../../../domain/errors.js';
import type { ActionView } from '../../../domain/view.js';
import { TestApi } from './support/api.js';

let api: TestApi;
beforeEach(async () => {
  api = await TestApi.start();
});
afterEach(() => api.stop());

const at = '2026-11-21T09:00:00.000Z';
const previewed: Partial<ActionView> = {
  onBehalfOf: { id: 'bob', name: 'Bob Baumann' },
  preview: { facts: [{ label: 'Rows', value: 'TARGET-FACT' }], warnings: ['TARGET-FACT'] },
  previewError: 'TARGET-FACT',
  story: [
    { seq: 1, at, kind: 'submitted', text: 'Asked.' },
    { seq: 2, at, kind: 'previewed', text: 'TARGET-FACT' },
    { seq: 3, at, kind: 'notified', text: 'Told.' },
  ],
};

describe('reading a target by asking and cancelling', () => {
  it('the requester, the owner and the beneficiary never get what the target said before approval, whichever way they ask', async () => {
    const { id, digest } = api.actions.add(previewed);
    api.actions.next = previewed;
    api.actions.reply = (_command, view) => ({ accepted: false, code: 'approver-is-requester', detail: 'No.', view });
    const tokens = [await api.issuer.agent(), await api.issuer.person('dave'), await api.issuer.person('bob')];
    const texts = [(await api.submit()).text, (await api.submit({}, { prefer: 'wait=1', 'idempotency-key': 'other' })).text];
    for (const token of tokens) {
      texts.push((await api.call('GET', `/v1/actions/${id}`, { token })).text, (await api.call('GET', `/v1/actions/${id}?wait=1`, { token })).text);
      texts.push((await api.call('POST', `/v1/actions/${id}/cancel`, { token })).text);
      texts.push((await api.call('POST', `/v1/actions/${id}/decisions`, { token, body: { verdict: 'approve', digest } })).text);
    }
    api.actions.change(id, { status: 'cancelled' });
    for (const token of tokens) texts.push((await api.call('GET', `/v1/actions/${id}/events`, { token })).text);
    for (const text of texts) {
      expect(text).not.toContain('TARGET-FACT');
      expect(text).not.toContain('preview');
    }
    // No gap in the story either, which would tell that the target had an answer.
    expect(texts.at(-1)).toMatch(/id: 2\nevent: story\ndata: .*Told/);
  });
  it('those who decide and operators get it', async () => {
    const { id } = api.actions.add(previewed);
    for (const person of ['alice', 'carol']) {
      const { body } = await api.call('GET', `/v1/actions/${id}`, { token: await api.issuer.person(person) });
      expect(body).toMatchObject({ preview: { warnings: ['TARGET-FACT'] }, story: [{}, { kind: 'previewed' }, {}] });
    }
  });
});

describe('an oracle for actions of others', () => {
  it('answers the same for an action that is there, final, failing or not there at all', async () => {
    const { id, digest } = api.actions.add();
    const token = await api.issuer.person('bob');
    const decide = async (action: string) => {
      const { status, body } = await api.call('POST', `/v1/actions/${action}/decisions`, { token, body: { verdict: 'approve', digest } });
      return { status, ...body, instance: '' };
    };
    const absent = await decide(`act_${'a'.repeat(32)}`);
    expect(absent.status).toBe(404);
    for (const code of ['approver-not-eligible', 'decision-on-final', 'decision-digest-mismatch'] as const) {
      api.actions.reply = (_command, view) => ({ accepted: false, code, detail: 'It is there.', view });
      expect(await decide(id)).toEqual(absent);
    }
    api.actions.reply = () => {
      throw new CountersignError('decision-invalid', 'It is there.');
    };
    expect(await decide(id)).toEqual(absent);
    // The workflow got every one of them, to be recorded.
    expect(api.actions.decided).toHaveLength(4);
  });
});

describe('deciding with a token that some other program holds for a person', () => {
  it.each([
    ['of another client', { client_id: 'chat-assistant' }],
    ['of no client', { client_id: undefined }],
    ['whose client only begins alike', { client_id: 'countersign-cli-2' }],
  ])('one %s reads but does not decide, and learns how decisions are made', async (_name, claims) => {
    const { id, digest } = api.actions.add();
    const token = await api.issuer.person('alice', claims);
    expect((await api.call('GET', `/v1/actions/${id}`, { token })).status).toBe(200);
    for (const action of [id, `act_${'a'.repeat(32)}`]) {
      const reply = await api.call('POST', `/v1/actions/${action}/decisions`, { token, body: { verdict: 'approve', digest } });
      expect([reply.status, reply.body.code]).toEqual([403, 'not-permitted']);
      expect(reply.body.detail).toContain('identity.issuers[].decide');
    }
    expect(api.actions.decided).toEqual([]);
  });
  it('without the setting no token decides; with one for scopes, those that hold the scope', async () => {
    const { decide: _decide, ...none } = api.issuer.config();
    const scoped = api.issuer.config({ decide: { claim: 'scope', values: ['countersign:decide'] } });
    const may = async (config: typeof none, claims: Record<string, unknown>) =>
      (await createAccessTokenVerifier([config], { allowLoopbackHttp: true })(await api.issuer.person('alice', claims))).mayDecide;
    expect(await may(none, {})).toBe(false);
    expect(await may(scoped, { scope: 'openid countersign:decide' })).toBe(true);
    expect(await may(scoped, { scope: ['countersign:decide'] })).toBe(true);
    expect(await may(scoped, { scope: 'openid countersign:decided' })).toBe(false);
  });
});

describe('using up the event streams', () => {
  it('connections that are dropped while the action is read give their places back', async () => {
    const { id } = api.actions.add();
    const token = await api.issuer.agent();
    const read = api.actions.view.bind(api.actions);
    let asked = 0;
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    api.actions.view = async (...args) => {
      asked += 1;
      await gate;
      return read(...args);
    };
    const controllers = Array.from({ length: 10 }, () => new AbortController());
    const open = (signal?: AbortSignal) =>
      fetch(`${api.url}/v1/actions/${id}/events`, { headers: { authorization: `Bearer ${token}` }, ...(signal === undefined ? {} : { signal }) });
    const dropped = controllers.map(({ signal }) => open(signal).catch(() => undefined));
    await until(() => asked === 10);
    for (const controller of controllers) controller.abort();
    await Promise.all(dropped);
    const sockets = () => new Promise<number>((resolve) => api.app.server.getConnections((_error, count) => resolve(count)));
    await until(async () => (await sockets()) === 0);
    release();
    api.actions.view = read;
    const after = await Promise.all(Array.from({ length: 10 }, () => open()));
    expect(after.map(({ status }) => status)).toEqual(Array(10).fill(200));
    for (const { body } of after) await body?.cancel();
  });
});

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 5_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error('it did not come true in time');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
