import type { DataConverter } from '@temporalio/common';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { Client } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { encryptingDataConverter } from '../../codec/data-converter.js';
import { encryptionKeys } from '../../codec/keys.js';
import type { ActionView } from '../../domain/view.js';
import { decideUpdate, type DecideReply } from '../../workflows/contract.js';
import { RecordingConnector } from '../helpers/fakes.js';
import { testKey, type testKeyText } from '../helpers/encryption.js';
import { policiesWith } from '../helpers/policies.js';
import { eventually, Rig } from '../helpers/rig.js';

type Name = keyof typeof testKeyText;
/** Reads with all, writes with the first of them. */
const keys = (write: Name, ...read: readonly Name[]): DataConverter =>
  encryptingDataConverter(encryptionKeys([write, ...read].map(testKey), write), { unreadable: 'mark' });
const policies = policiesWith('\n  one:\n    stages: [{ name: One, approvers: { groups: [g-data-owners] }, expires_in: 72h }]\n');

describe('rotating the encryption key while actions are pending', () => {
  let rig: Rig;
  beforeAll(async () => {
    const first = keys('first');
    const executor = keys('first', 'second');
    rig = await Rig.start({
      address: inject('temporalAddress'),
      policies,
      connectors: [new RecordingConnector()],
      converters: { client: keys('first', 'second'), worker: first, executor },
    });
  });
  afterAll(() => rig.stop());

  const submit = () => rig.submit(rig.request({ action: 'postgres.export', resource: { type: 'Table', id: 'crm/public.one' } }));
  const approve = async (view: ActionView, dataConverter: DataConverter): Promise<DecideReply> =>
    new Client({ connection: rig.client.connection, dataConverter }).workflow
      .getHandle(view.id)
      .executeUpdate(decideUpdate, { args: [{ decision: await rig.decision(view), by: 'alice' }] });
  const keyIdsOf = async (id: string): Promise<ReadonlySet<string>> => {
    const history = historyToJSON(await rig.handle(id).fetchHistory());
    const wireIds = [...history.matchAll(/"encryption-key-id":\s*"([^"]+)"/g)].map((match) => Buffer.from(match[1] ?? '', 'base64').toString());
    return new Set(wireIds.map((wireId) => wireId.split('.')[0] ?? ''));
  };

  it('loses nothing: the old key stays readable, the new one writes, whatever their order', async () => {
    const view = await submit();
    await rig.restartWorker(keys('first', 'second'));
    expect((await rig.view(view.id)).status).toBe('pending');
    await rig.restartWorker(keys('second', 'first'));
    expect(await approve(view, keys('second', 'first'))).toMatchObject({ accepted: true });
    expect(await rig.handle(view.id).result()).toMatchObject({ status: 'executed' });
    expect([...(await keyIdsOf(view.id))].sort()).toEqual(['first', 'second']);
  });

  it('waits for a worker that does not have the new key yet, and then goes on', async () => {
    await rig.restartWorker(keys('first'));
    const view = await submit();
    const answer = approve(view, keys('second', 'first'));
    const waiting = await eventually(async () => {
      const { raw } = await rig.handle(view.id).describe();
      return (raw.pendingWorkflowTask?.attempt ?? 0) > 1 ? raw.workflowExecutionInfo?.status : undefined;
    });
    expect(Number(waiting)).toBe(1);
    await rig.restartWorker(keys('first', 'second'));
    expect(await answer).toMatchObject({ accepted: true });
    expect(await rig.handle(view.id).result()).toMatchObject({ status: 'executed' });
  });

  it('says that a key is missing to whoever has the new one only', async () => {
    const view = await submit();
    const late = new Client({ connection: rig.client.connection, dataConverter: keys('second') });
    await expect(late.workflow.getHandle(view.id).query('view')).rejects.toMatchObject({ code: 'encryption-key-unknown' });
  });
});
