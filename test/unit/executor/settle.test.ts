import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import type { ConnectorDefinition, ExecutionOutcome } from '../../../domain/connector.js';
import { httpRequest } from '../../../domain/connectors/index.js';
import { boundOutcome } from '../../../domain/outcome.js';
import { verifyReceipt } from '../../../domain/receipt.js';
import { reportAudience, reportType, type ReportKey } from '../../../domain/report.js';
import { requestOf } from '../connectors/request.js';
import { executorOf, keys } from './scene.js';

const at = '2026-04-01T00:00:10.000Z';
const done: ExecutionOutcome = { status: 'succeeded', facts: [{ label: 'Instances', value: '2' }], startedAt: at, finishedAt: at };
const failed: ExecutionOutcome = { status: 'failed', code: 'target-refused', detail: 'no', finishedAt: at };
const { privateKey, publicKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
const stranger = await generateKeyPair('EdDSA', { crv: 'Ed25519' });
const { x = '' } = await exportJWK(publicKey);
const reportKey: ReportKey = { kty: 'OKP', crv: 'Ed25519', x };

const definitionOf = (external: NonNullable<ConnectorDefinition['external']>): ConnectorDefinition => ({
  ...httpRequest,
  name: 'release.rollout',
  resourceTypes: ['Service'],
  parameters: { type: 'object', additionalProperties: false, properties: {} },
  external,
});

/** An executor that has permitted an action to a connector which signs, or does not. */
async function permitted(external: Partial<NonNullable<ConnectorDefinition['external']>> = { reportKey }) {
  const definition = definitionOf({ taskQueue: 'acme', activity: 'rollout', ...external });
  const executor = executorOf([], [definition]);
  const request = requestOf(definition, { type: 'Service', id: 'acme/shop' }, {});
  expect(await executor.authorize(request, 'acme')).toMatchObject({ ok: true });
  const actionDigest = (await executor.grants.find(request.id))?.actionDigest;
  if (actionDigest === undefined) throw new Error('nothing was permitted');
  const report = (outcome: unknown, change: object = {}, typ = reportType, key = privateKey) =>
    new SignJWT({ iss: 'acme', aud: reportAudience, jti: `permit_${request.id}`, actionId: request.id, actionDigest, outcome: outcome as object, ...change })
      .setProtectedHeader({ alg: 'EdDSA', typ })
      .sign(key);
  const settle = (outcome: unknown): Promise<ExecutionOutcome> =>
    executor.environment.run(executor.activities.settle, { actionId: request.id, outcome: outcome as ExecutionOutcome });
  const replace = (definitions: readonly ConnectorDefinition[]) => executor.replace(definitions);
  return { settle, report, request, actionDigest, definition, executor, replace, noted: async () => (await executor.grants.find(request.id))?.outcome };
}

describe('what a connector outside reports', () => {
  it('counts by its signature, whatever stands beside it, and gets a receipt', async () => {
    const { settle, report, request, actionDigest, noted } = await permitted();
    const outcome = await settle({ ...failed, report: await report(done) });
    expect(outcome).toMatchObject(done);
    expect(await noted()).toEqual(outcome);
    expect(await verifyReceipt(outcome, { actionId: request.id, actionDigest, source: 'connector' }, keys.trusted)).toMatchObject({ state: 'verified' });
    // The first word stays.
    expect(await settle({ ...failed, report: await report(failed) })).toEqual(outcome);
  });

  const forged: Record<string, { readonly given: (scene: Awaited<ReturnType<typeof permitted>>) => unknown; readonly says: string }> = {
    'a success that nobody signed': { given: () => done, says: 'there is no signed report' },
    'a failure that nobody signed': { given: () => failed, says: 'there is no signed report' },
    'a report that is no text': { given: () => ({ ...done, report: { a: 1 } }), says: 'there is no signed report' },
    'a report by another key': {
      given: async ({ report }) => ({ report: await report(done, {}, reportType, stranger.privateKey) }),
      says: 'signature does not hold',
    },
    'something else that the connector signed': { given: async ({ report }) => ({ report: await report(done, {}, 'JWT') }), says: 'another purpose' },
    'the report of another connector': { given: async ({ report }) => ({ report: await report(done, { iss: 'other' }) }), says: 'somebody else' },
    'a report for another reader': { given: async ({ report }) => ({ report: await report(done, { aud: 'acme' }) }), says: 'somebody else' },
    'the report of another action': { given: async ({ report }) => ({ report: await report(done, { actionId: 'act_other' }) }), says: 'another action' },
    'the report of another digest': { given: async ({ report }) => ({ report: await report(done, { actionDigest: 'sha256:00' }) }), says: 'another action' },
    'the report of another permit': { given: async ({ report }) => ({ report: await report(done, { jti: 'permit_other' }) }), says: 'another action' },
    'a report of nothing': { given: async ({ report }) => ({ report: await report('done') }), says: 'says nothing' },
  };
  it.each(Object.entries(forged))('is not %s: the end is unknown, and the true report still counts after it', async (_name, { given, says }) => {
    const scene = await permitted();
    const outcome = await scene.settle(await given(scene));
    expect(outcome).toMatchObject({ status: 'unknown', detail: expect.stringContaining(says) as string });
    // The connector may still be at work: nobody gets the executor's signature for less than its word.
    expect(outcome).not.toHaveProperty('receipt');
    expect(await scene.noted()).toBeUndefined();
    expect(await scene.settle({ report: await scene.report(done) })).toMatchObject(done);
  });

  it('counts unsigned where its definition names no key', async () => {
    const { settle } = await permitted({});
    expect(await settle(done)).toMatchObject(done);
  });

  it.each(['done', 'x'.repeat(5_000), 7, null])('is noted with a receipt where no key is named, even if it is no outcome (%.20j)', async (given) => {
    const { settle, noted, request, actionDigest } = await permitted({});
    const outcome = await settle(given);
    expect(outcome).toMatchObject({ status: 'unknown' });
    expect(outcome).not.toMatchObject({ detail: expect.stringContaining("not the connector's word") as string });
    expect(await noted()).toEqual(outcome);
    expect(await verifyReceipt(boundOutcomeOf(outcome), { actionId: request.id, actionDigest, source: 'connector' }, keys.trusted)).toMatchObject({
      state: 'verified',
    });
  });

  it.each<readonly [string, Parameters<typeof permitted>[0], (definition: ConnectorDefinition) => readonly ConnectorDefinition[]]>([
    ['is gone', {}, () => []],
    ['is gone, among others', {}, (definition) => [{ ...definition, name: 'release.other' }]],
    ['was another', {}, (definition) => [{ ...definition, version: '99.0.0' }]],
    ['named a key that it names no more', { reportKey }, ({ external, ...rest }) => [{ ...rest, external: { taskQueue: 'acme', activity: 'rollout' } }]],
  ])('does not count unsigned where its definition %s', async (_name, external, later) => {
    const scene = await permitted(external);
    scene.replace(later(scene.definition));
    const outcome = await scene.settle(done);
    expect(outcome).toMatchObject({ status: 'unknown', detail: expect.stringContaining('not known any more') as string });
    expect(outcome).not.toHaveProperty('receipt');
    expect(await scene.noted()).toBeUndefined();
  });

  it('still counts after somebody asked for another permit, or had the executor run it', async () => {
    const scene = await permitted();
    for (const taskQueue of ['acme', 'another']) {
      const answer = await scene.executor.authorize(scene.request, taskQueue);
      expect(answer).toMatchObject({ ok: false, outcome: { status: 'unknown' } });
      expect(answer).not.toHaveProperty('outcome.receipt');
    }
    const ran = await scene.executor.execute(scene.request);
    expect(ran).toMatchObject({ status: 'unknown' });
    expect(ran).not.toHaveProperty('receipt');
    expect(await scene.settle({ report: await scene.report(done) })).toMatchObject({ ...done, receipt: expect.any(String) as string });
  });
});

/** As the workflow reads it from what the executor returns. */
function boundOutcomeOf(outcome: ExecutionOutcome): ExecutionOutcome {
  return { ...boundOutcome(outcome, at), ...(outcome.receipt === undefined ? {} : { receipt: outcome.receipt }) };
}
