import { ActivityCancellationDetails } from '@temporalio/common';
import { describe, expect, it, vi } from 'vitest';
import type { Connector } from '../../../activities/ports.js';
import type { ConnectorDefinition, ExecutionOutcome } from '../../../domain/connector.js';
import { httpRequest, postgresExport } from '../../../domain/connectors/index.js';
import { CountersignError } from '../../../domain/errors.js';
import type { JsonObject } from '../../../domain/json.js';
import { requestOf } from '../connectors/request.js';
import { executorOf, sealed } from './scene.js';

// The pauses between tries are real time, which proves nothing here.
vi.mock('node:timers/promises', () => ({ setTimeout: async () => undefined }));

const at = '2026-04-01T00:00:10.000Z';
const done: ExecutionOutcome = { status: 'succeeded', facts: [], startedAt: at, finishedAt: at };
const external: ConnectorDefinition = {
  ...httpRequest,
  name: 'release.rollout',
  resourceTypes: ['Service'],
  parameters: { type: 'object', additionalProperties: false, required: ['version'], properties: { version: { type: 'string', maxLength: 20 } } },
  external: { taskQueue: 'acme', activity: 'rollout' },
};

/** A connector that believes everything, and counts how often it was touched. */
function gullible(definition: ConnectorDefinition, tries: (() => ExecutionOutcome)[] = []): Connector & { touched: number } {
  return {
    definition,
    touched: 0,
    check() {
      this.touched += 1;
    },
    async preview() {
      this.touched += 1;
      return { facts: [], warnings: [] };
    },
    async execute() {
      this.touched += 1;
      return (tries.shift() ?? (() => done))();
    },
    whatToCheck: () => 'Ask the target.',
  };
}

describe('attack: parameters that the api never compared with the schema', () => {
  const columns = ['id'];
  it.each<[string, string, JsonObject]>([
    ['an unknown parameter', 'Table', { columns, superuser: true }],
    ['a destination outside its folder', 'Table', { columns, destination: '../../etc/cron.d/x' }],
    ['a limit that is a text', 'Table', { columns, limit: '1; drop table x' }],
    ['a column that is none', 'Table', { columns: ['id" from secrets --'] }],
    ['no parameters', 'Table', {}],
    ['a resource of another type', 'Service', { columns }],
  ])('%s: neither previewed nor run, and the grant is not consumed', async (_, type, parameters) => {
    const connector = gullible(postgresExport);
    const { execute, preview, grants } = executorOf([connector]);
    const request = requestOf(postgresExport, { type, id: 'crm/public.customers' }, parameters);
    await expect(execute(request)).rejects.toMatchObject({ type: 'parameters-invalid', nonRetryable: true });
    await expect(preview(request)).rejects.toMatchObject({ type: 'parameters-invalid' });
    expect([connector.touched, grants.begun]).toEqual([0, []]);
  });

  it('get no permit for a connector that runs elsewhere either', async () => {
    const { authorize, grants } = executorOf([], [external]);
    const ask = (type: string, parameters: JsonObject) => authorize(requestOf(external, { type, id: 'shop' }, parameters), 'acme');
    await expect(ask('Service', { version: '1.0.0', force: true })).rejects.toMatchObject({ type: 'parameters-invalid' });
    await expect(ask('Database', { version: '1.0.0' })).rejects.toMatchObject({ type: 'parameters-invalid' });
    expect(grants.begun).toEqual([]);
    expect(await ask('Service', { version: '1.0.0' })).toMatchObject({ ok: true });
  });
});

describe('attack: a preview of a request that the api never signed', () => {
  it('touches nothing', async () => {
    const connector = gullible(postgresExport);
    const { preview } = executorOf([connector]);
    const request = requestOf(postgresExport, { type: 'Table', id: 'crm/public.customers' }, { columns: ['id'] });
    const other = await sealed({ ...request, resource: { type: 'Table', id: 'crm/public.products' } });
    for (const signedRequest of [undefined, '', 'a.b.c', other])
      await expect(preview(request, { signedRequest })).rejects.toMatchObject({ type: 'request-unsigned' });
    expect(connector.touched).toBe(0);
    expect(await preview(request)).toEqual({ facts: [], warnings: [] });
  });
});

describe('attack: a target that takes effect and then hides it', () => {
  const unclear = (): never => {
    throw new CountersignError('execution-unclear', 'The request was sent, but it answered 503.');
  };
  const away = (): never => {
    throw new CountersignError('target-unavailable', 'Nobody listens; nothing was sent.');
  };
  const refused = (): ExecutionOutcome => ({ status: 'failed', code: 'target-refused', detail: 'refused with 409', finishedAt: at });
  const request = () => requestOf(httpRequest, { type: 'Endpoint', id: 'shop/refunds' }, { method: 'POST' });
  const unknown = { status: 'unknown', check: 'Ask the target. It is not run again.' };

  it.each<[string, (() => ExecutionOutcome)[], object]>([
    ['loses every answer', Array.from({ length: 6 }, () => unclear), unknown],
    ['loses one answer and is gone then', [unclear, away, away, away, away, away], unknown],
    ['loses one answer and refuses the repetition', [unclear, refused], unknown],
    ['loses one answer and accepts the repetition', [unclear, () => done], { status: 'succeeded' }],
    [
      'is never there',
      Array.from({ length: 6 }, () => away),
      { status: 'failed', code: 'target-unavailable', detail: expect.stringContaining('Tried 6 times') },
    ],
    ['is away and then refuses', [away, refused], { status: 'failed', code: 'target-refused' }],
  ])('one that %s', async (_, tries, expected) => {
    expect(await executorOf([gullible(httpRequest, tries)]).execute(request())).toMatchObject(expected);
  });

  it('one that loses an answer until somebody cancels is not said to have done nothing', async () => {
    const scene = executorOf([
      gullible(httpRequest, [
        () => {
          scene.environment.cancel('CANCELLED', new ActivityCancellationDetails({ cancelRequested: true }));
          return unclear();
        },
      ]),
    ]);
    expect(await scene.execute(request())).toMatchObject(unknown);
  });
});
