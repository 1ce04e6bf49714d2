import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Connector } from '../../../activities/ports.js';
import type { ExecutionOutcome } from '../../../domain/connector.js';
import { postgresExport } from '../../../domain/connectors/index.js';
import { requestOf } from '../connectors/request.js';
import { executorOf, grantOf, keys } from './scene.js';

const at = '2026-04-01T00:00:10.000Z';
const done: ExecutionOutcome = { status: 'succeeded', facts: [], startedAt: at, finishedAt: at };
const connector: Connector = { definition: { ...postgresExport, idempotent: false }, check: () => undefined, execute: async () => done };
const request = requestOf(connector.definition, { type: 'Table', id: 'crm/public.customers' }, { columns: ['id'] });

describe('what an executor keeps of an action for those who verify it later', () => {
  afterEach(() => vi.restoreAllMocks());

  it('is the grant as it was presented, and the end with the receipt over it', async () => {
    const { execute, grants } = executorOf([connector]);
    const outcome = (await execute(request)) as ExecutionOutcome;
    expect(outcome.receipt).toEqual(expect.any(String));
    expect((await grants.find(request.id))?.outcome).toEqual(outcome);
    expect(await grants.presented(request.id)).toEqual(await grantOf(request));
  });

  it('is the end without a receipt while the key does not answer, and that end is not lost', async () => {
    const { execute, grants } = executorOf([connector]);
    vi.spyOn(keys.signing.executor, 'sign').mockRejectedValue(new Error('the key service is away'));
    await expect(execute(request)).rejects.toThrow('away');
    expect((await grants.find(request.id))?.outcome).toEqual(done);
    vi.restoreAllMocks();
    expect(await execute(request)).toMatchObject({ ...done, receipt: expect.any(String) });
  });
});
