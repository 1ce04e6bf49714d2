import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isActionId } from '../../../domain/ids.js';
import type { ActionView } from '../../../domain/view.js';
import { TestApi } from './support/api.js';

let api: TestApi;
beforeEach(async () => {
  api = await TestApi.start();
});
afterEach(() => api.stop());

describe('POST /v1/actions', () => {
  it('answers 202 with the whole action while people are asked', async () => {
    const reply = await api.submit();
    expect(reply.status).toBe(202);
    const id = reply.body.id ?? '';
    expect(isActionId(id)).toBe(true);
    expect(reply.headers.get('location')).toBe(`http://127.0.0.1:9/v1/actions/${id}`);
    expect(reply.body).toMatchObject({
      status: 'pending',
      plan: { policies: ['export-review'], stage: { quorum: 1, escalation_level: 0, approvers: [{ id: 'alice' }] } },
      links: { inbox: `http://127.0.0.1:9/inbox/actions/${id}`, events: `http://127.0.0.1:9/v1/actions/${id}/events` },
    });
    expect(api.actions.submitted[0]).toMatchObject({ principal: { kind: 'agent', id: 'invoice-bot', owner: 'dave' }, key: 'key-1' });
  });
  it.each([
    ['executing', 201],
    ['executed', 201],
    ['evaluating', 202],
  ] as const)('an action that is %s answers %i', async (status, expected) => {
    api.actions.next = { status };
    expect((await api.submit()).status).toBe(expected);
  });
  it.each([
    [{ status: 'denied', denial: { code: 'policy-no-match', detail: 'No rule permits it.' } }, 403, 'policy-no-match'],
    [{ status: 'rejected' }, 403, 'action-rejected'],
    [{ status: 'expired' }, 403, 'action-expired'],
    [{ status: 'cancelled' }, 403, 'action-cancelled'],
    [{ status: 'unknown' }, 500, 'execution-unclear'],
    [{ status: 'failed', outcome: { status: 'failed', code: 'target-refused', detail: 'no', finishedAt: new Date().toISOString() } }, 422, 'target-refused'],
  ] as [Partial<ActionView>, number, string][])('an action that will not run is a problem that carries it: %o', async (next, status, code) => {
    api.actions.next = next;
    const reply = await api.submit();
    expect(reply.status).toBe(status);
    expect(reply.body).toMatchObject({ code, action: { status: next.status } });
  });
  it('the same key and body give the same action, another body 409', async () => {
    const [first, second] = [await api.submit(), await api.submit()];
    expect(second.body.id).toBe(first.body.id);
    expect(second.headers.get('idempotency-replayed')).toBe('true');
    const other = await api.submit({ reason: 'Another.' });
    expect([other.status, other.body.code]).toEqual([409, 'idempotency-conflict']);
  });
  it('Prefer: wait waits for the final state, and says what was granted', async () => {
    const waiting = api.submit({}, { prefer: 'respond-async, wait=600' });
    const id = await until(() => [...api.actions.views.keys()][0]);
    api.actions.change(id, { status: 'executed' });
    const reply = await waiting;
    expect([reply.status, reply.headers.get('preference-applied')]).toEqual([201, 'wait=60']);
  });
});

describe('GET /v1/actions/{id}', () => {
  it('waits while asked to', async () => {
    const { id } = api.actions.add();
    const waiting = api.call('GET', `/v1/actions/${id}?wait=20`, { token: await api.issuer.agent() });
    setTimeout(() => api.actions.change(id, { status: 'rejected' }), 50);
    expect((await waiting).body['status']).toBe('rejected');
  });
  it('does not exist for those whom it does not concern', async () => {
    const { id } = api.actions.add();
    const status = async (token: Promise<string>) => (await api.call('GET', `/v1/actions/${id}`, { token: await token })).status;
    expect(await status(api.issuer.agent('release-bot'))).toBe(404);
    expect(await status(api.issuer.person('bob'))).toBe(404);
    expect(await status(api.issuer.person('alice'))).toBe(200);
    expect(await status(api.issuer.person('dave'))).toBe(200);
    expect(await status(api.issuer.person('carol'))).toBe(200);
  });
  it('never shows the groups of a decider', async () => {
    const { id, digest } = api.actions.add();
    const person = { id: 'alice', name: 'Alice', groups: ['g-hidden'] };
    api.actions.change(id, {
      decisions: [
        {
          decisionId: 'd1',
          at: new Date().toISOString(),
          accepted: true,
          round: 1,
          decision: {
            decisionId: 'd1',
            actionId: id,
            actionDigest: digest,
            planDigest: digest,
            verdict: 'approve',
            person,
            channel: 'api',
            assurance: 'chat',
            decidedAt: new Date().toISOString(),
          },
        },
      ],
    });
    const reply = await api.call('GET', `/v1/actions/${id}`, { token: await api.issuer.agent() });
    expect(reply.text).not.toContain('g-hidden');
    expect(reply.body['decisions']).toMatchObject([{ decision_id: 'd1', verdict: 'approve', person: { id: 'alice' } }]);
  });
});

describe('POST /v1/actions/{id}/decisions', () => {
  const decide = async (id: string, token: string, body: unknown) => api.call('POST', `/v1/actions/${id}/decisions`, { token, body });
  it('passes on the person of the token, as the directory knows them, with the digest they were shown', async () => {
    const { id, digest } = api.actions.add();
    const reply = await decide(id, await api.issuer.person('alice'), { verdict: 'approve', digest, comment: 'fine' });
    expect(reply.status).toBe(200);
    expect(api.actions.decided).toMatchObject([
      {
        actionId: id,
        person: { id: 'alice', groups: ['g-data-owners', 'g-security'] },
        channel: 'api',
        assurance: 'chat',
        verdict: 'approve',
        digest,
        comment: 'fine',
      },
    ]);
  });
  it('never takes a decision from an agent', async () => {
    const { id, digest } = api.actions.add();
    const reply = await decide(id, await api.issuer.agent(), { verdict: 'approve', digest });
    expect([reply.status, reply.body.code]).toEqual([403, 'approver-not-human']);
    expect(api.actions.decided).toEqual([]);
  });
  it('never takes the approver from the body', async () => {
    const { id, digest } = api.actions.add();
    const reply = await decide(id, await api.issuer.person('bob'), { verdict: 'approve', digest, person: { id: 'alice' } });
    expect(reply.body.code).toBe('request-malformed');
    expect(api.actions.decided).toEqual([]);
  });
  it.each(['decision-on-final', 'decision-digest-mismatch', 'approver-is-requester', 'decision-expired', 'decided-already'] as const)(
    'a refusal keeps its code: %s',
    async (code) => {
      const { id, digest } = api.actions.add();
      api.actions.reply = (_command, view) => ({ accepted: false, code, detail: 'No.', view });
      const reply = await decide(id, await api.issuer.person('alice'), { verdict: 'approve', digest });
      expect(reply.body).toMatchObject({ code, detail: 'No.', action: { id } });
    },
  );
  it('tells somebody without any part in it not even that it is there', async () => {
    const { id, digest } = api.actions.add();
    api.actions.reply = (_command, view) => ({ accepted: false, code: 'approver-not-eligible', detail: 'No.', view });
    const reply = await decide(id, await api.issuer.person('bob'), { verdict: 'approve', digest });
    expect([reply.status, reply.body.code]).toEqual([404, 'not-found']);
    expect(reply.body['action']).toBeUndefined();
  });
});

describe('the other routes', () => {
  it('cancels with and without a body', async () => {
    const { id } = api.actions.add();
    const token = await api.issuer.agent();
    expect((await api.call('POST', `/v1/actions/${id}/cancel`, { token })).body['status']).toBe('cancelled');
    expect((await api.call('POST', `/v1/actions/${id}/cancel`, { token, body: { reason: 'not needed' } })).status).toBe(200);
    expect(api.actions.cancelled).toEqual([id, id]);
  });
  it('lists with filters, and hands the viewer on', async () => {
    const reply = await api.call('GET', '/v1/actions?status=pending&status=executing&limit=5&approver=alice&since=2026-01-01T00:00:00Z', {
      token: await api.issuer.person('carol'),
    });
    expect(reply.body).toEqual({ items: [], next_cursor: 'bmV4dA' });
    expect(api.actions.listed).toMatchObject([
      { filter: { status: ['pending', 'executing'], limit: 5, approver: 'alice' }, viewer: { operator: true, principal: { id: 'carol' } } },
    ]);
  });
  it('describes connectors without their task queues', async () => {
    const reply = await api.call('GET', '/v1/connectors', { token: await api.issuer.agent() });
    const items = reply.body['items'] as { name: string; parameters: { type: string } }[];
    expect(items.map(({ name }) => name)).toContain('postgres.export');
    expect(items[0]?.parameters.type).toBe('object');
  });
  it('shows health, the document, the docs page and each error to anybody', async () => {
    expect((await api.call('GET', '/healthz')).body).toEqual({ status: 'ok' });
    expect((await api.call('GET', '/openapi.json')).body['openapi']).toBe('3.1.0');
    expect((await api.call('GET', '/docs')).text).toContain('swagger');
    expect((await api.call('GET', '/errors/token-missing')).text).toContain('token-missing (HTTP 401)');
  });
  it('an unexpected error is internal-error with an id, and its text stays in the log', async () => {
    api.actions.failure = new Error('SECRET-CAUSE');
    const reply = await api.submit();
    expect([reply.status, reply.body.code]).toEqual([500, 'internal-error']);
    expect(reply.text).not.toContain('SECRET-CAUSE');
    expect(api.logLines.some((line) => JSON.stringify(line).includes('SECRET-CAUSE') && reply.body['instance'] === `urn:uuid:${String(line['reqId'])}`)).toBe(
      true,
    );
  });
  it('every answer carries the headers that make it harmless', async () => {
    const { headers } = await api.call('GET', '/healthz');
    expect(Object.fromEntries(headers)).toMatchObject({
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
    });
    expect(headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(headers.get('x-powered-by')).toBeNull();
  });
});

async function until<T>(check: () => T | undefined): Promise<T> {
  const deadline = Date.now() + 5_000;
  for (;;) {
    const value = check();
    if (value !== undefined) return value;
    if (Date.now() > deadline) throw new Error('it did not happen in time');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
