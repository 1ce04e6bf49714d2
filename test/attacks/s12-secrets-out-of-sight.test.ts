import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Callers } from '../e2e/faults/support/actions.js';
import { TestSystem, until } from '../helpers/processes.js';

// The attacker holds a copy of Temporal's database, or reads everything that Temporal answers. They have no key.
const secret = {
  parameter: 'Sarcastic-Walrus-7731',
  file: 'quiet-otter-4410.csv',
  reason: 'Purple-Giraffe-5582 asks for overdue invoices.',
  comment: 'Brave-Hedgehog-9034 looks fine to me.',
  refusedComment: 'Sleepy-Lobster-1187 wants it too.',
  rejection: 'Grumpy-Pelican-3346 should not have that.',
  column: 'nervous_badger_6625',
} as const;
const names = ['Alice Almeida', 'Bob Baumann', 'Dave Diallo', 'Invoice bot'];
const control = 'Clear-Kangaroo-2298';

let system: TestSystem;
let connection: Connection;
const ids: string[] = [];

/** Everything that Temporal has on the disk, byte by byte. */
async function rawDatabase(): Promise<Buffer> {
  const files = (await readdir(system.home)).filter((name) => name.startsWith('temporal.sqlite'));
  expect(files).toContain('temporal.sqlite');
  expect(files).toContain('temporal.sqlite-wal');
  return Buffer.concat(await Promise.all(files.map((name) => readFile(path.join(system.home, name)))));
}

/** The ways in which a text could lie there: as it is, without case, in UTF-16, and in base64 at each of its three offsets. */
function shapesOf(text: string): readonly Buffer[] {
  const base64 = [0, 1, 2].map((offset) => {
    const encoded = Buffer.concat([Buffer.alloc(offset), Buffer.from(text)]).toString('base64');
    return encoded.slice(Math.ceil((offset * 8) / 6), -4);
  });
  return [Buffer.from(text), Buffer.from(text.toLowerCase()), Buffer.from(text, 'utf16le'), ...base64.map((encoded) => Buffer.from(encoded))];
}

const found = (haystack: Buffer, texts: readonly string[]) => texts.filter((text) => shapesOf(text).some((shape) => haystack.includes(shape)));

beforeAll(async () => {
  system = await TestSystem.start();
  const callers = new Callers(system);
  const customers = (parameters: object) =>
    callers.submit({
      action: 'postgres.export',
      resource: { type: 'Table', id: 'crm/public.customers' },
      parameters: { limit: 20, format: 'csv', ...parameters },
      reason: secret.reason,
    });

  const executed = await customers({ columns: ['id', 'name'], filter: [{ column: 'name', op: '<>', value: secret.parameter }], destination: secret.file });
  expect((await callers.decide('dave', executed, 'approve', secret.refusedComment)).status).toBe(403);
  expect((await callers.decide('alice', executed, 'approve', secret.comment)).status).toBe(200);
  expect(await callers.ended(executed.id)).toMatchObject({ status: 'executed' });

  const rejected = await customers({ columns: ['id'] });
  expect((await callers.decide('bob', rejected, 'reject', secret.rejection)).status).toBe(200);
  expect(await callers.ended(rejected.id)).toMatchObject({ status: 'rejected' });

  const failed = await customers({ columns: ['id', secret.column] });
  await callers.approve(failed);
  expect((await callers.ended(failed.id)).outcome?.detail).toContain(secret.column);

  const pending = await customers({ columns: ['id', 'email'] });
  ids.push(executed.id, rejected.id, failed.id, pending.id);

  connection = await Connection.connect({ address: system.config.address });
  // Without encryption a payload lies there in clear; if this one were not found, the search would prove nothing.
  await new Client({ connection }).workflow.start('nobody', { workflowId: 'control', taskQueue: 'nobody', args: [{ control }] });
  await until(async () => found(await rawDatabase(), [control]).length === 1, 30_000, 'the control is on the disk');
});
afterAll(async () => {
  await connection?.close();
  await system?.stop();
});

describe('S12: secrets stay out of sight of who reads Temporal', () => {
  it('no value of a payload is in the raw database: no parameter, reason, comment, preview, error text or name', async () => {
    const database = await rawDatabase();
    expect(found(database, [control])).toEqual([control]);
    expect(found(database, [...Object.values(secret), ...names])).toEqual([]);
  });

  it('what is in clear is what the documents say: ids, and the six search attributes', async () => {
    const database = await rawDatabase();
    expect(found(database, [...ids, 'postgres.export', 'Table:crm/public.customers', 'invoice-bot', 'alice', 'rejected'])).toHaveLength(ids.length + 5);
    for (const id of ids) {
      const { raw } = await new Client({ connection }).workflow.getHandle(id).describe();
      const info = raw.workflowExecutionInfo;
      expect(Object.keys(info?.memo?.fields ?? {})).toEqual([]);
      const ours = Object.keys(info?.searchAttributes?.indexedFields ?? {}).filter((name) => name.startsWith('Countersign'));
      expect(ours.sort()).toEqual(['Action', 'Approver', 'Requester', 'Resource', 'Risk', 'Status'].map((name) => `Countersign${name}`));
      expect(clearPayloads(raw.executionConfig?.userMetadata)).toEqual([]);
    }
  });

  it('every payload of every history is encrypted, and every error text is in one', async () => {
    for (const id of ids) {
      const { events } = await new Client({ connection }).workflow.getHandle(id).fetchHistory();
      expect(events?.length).toBeGreaterThan(5);
      const clear = new Set((events ?? []).flatMap((event) => clearPayloads(event)));
      // What Temporal's own core notes of a local activity: its name, its number and times.
      expect([...clear].filter((where) => !/searchAttributes|markerRecordedEventAttributes\.details\.data/.test(where))).toEqual([]);
      const messages = (events ?? []).flatMap((event) => failureMessages(event));
      expect(messages.filter((message) => message !== 'Encoded failure')).toEqual([]);
    }
  });

  it('the story for operators is encrypted too', async () => {
    const handle = new Client({ connection }).workflow.getHandle(ids[3] as string);
    await expect(handle.query('__temporal_workflow_metadata')).rejects.toThrow(/Unknown encoding: binary\/encrypted/);
  });

  it('no secret is in any log', async () => {
    // The name of a column is shown to everybody who is asked.
    const { column: _shown, ...kept } = secret;
    const logs = await Promise.all((['api', 'worker', 'executor', 'temporal'] as const).map((name) => system.logFile(name)));
    expect(found(Buffer.from(logs.join('\n')), Object.values(kept))).toEqual([]);
  });
});

/** Where in a message of Temporal's there are payloads that are not encrypted. */
function clearPayloads(message: unknown, where = ''): readonly string[] {
  if (typeof message !== 'object' || message === null || ArrayBuffer.isView(message)) return [];
  const { metadata } = message as { readonly metadata?: Readonly<Record<string, Uint8Array>> | null };
  const encoding = metadata?.['encoding'];
  if (ArrayBuffer.isView(encoding)) {
    // What the server itself notes of an activity that was cancelled before anybody took it up.
    const serversOwn = Buffer.from((message as { readonly data?: Uint8Array }).data ?? []).toString() === '"ACTIVITY_ID_NOT_STARTED"';
    return serversOwn || Buffer.from(encoding).toString() === 'binary/encrypted' ? [] : [where];
  }
  return Object.entries(message).flatMap(([name, value]) => clearPayloads(value, `${where}.${name}`));
}

function failureMessages(message: unknown): readonly string[] {
  if (typeof message !== 'object' || message === null || ArrayBuffer.isView(message)) return [];
  return Object.entries(message).flatMap(([name, value]) =>
    name === 'failure' && typeof (value as { message?: unknown } | null)?.message === 'string'
      ? [(value as { message: string }).message, ...failureMessages(value)]
      : failureMessages(value),
  );
}
