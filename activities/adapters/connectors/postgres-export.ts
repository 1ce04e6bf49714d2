import path from 'node:path';
import type { ExecutionOutcome } from '../../../domain/connector.js';
import type { ConnectorPreview } from '../../../domain/preview-mask.js';
import { postgresExport } from '../../../domain/connectors/postgres-export.js';
import { CountersignError } from '../../../domain/errors.js';
import type { ActionRequest } from '../../../domain/request.js';
import type { Connector, ConnectorContext } from '../../ports.js';
import { readOnly, type ReadTransaction } from './postgres-export-client.js';
import { checkColumns } from './postgres-export-columns.js';
import { csvFormat, exportPath, jsonlFormat, openExportFile, type ExportFile } from './postgres-export-file.js';
import { previewSelect, previewTable } from './postgres-export-preview.js';
import { exportStatement, readOrder, type ExportOrder } from './postgres-export-sql.js';

/** A database the executor may read. */
export type PostgresTarget = { readonly url: string; readonly statementTimeoutMs: number; readonly maxRows: number };

const batchRows = 1_000;
const heartbeatMs = 2_000;
const previewTimeoutMs = 5_000;

/** The connector `postgres.export` over the given targets, which writes to the folder `exports`. */
export function createPostgresExport(targets: ReadonlyMap<string, PostgresTarget>, exports: string): Connector {
  const order = (request: ActionRequest): { readonly order: ExportOrder; readonly target: PostgresTarget } => {
    const read = readOrder(request);
    const target = targets.get(read.target);
    if (target === undefined) throw new CountersignError('target-unknown', `The executor has no database called "${read.target}".`);
    const { limit } = read.parameters;
    exportPath(request.id, read.parameters.destination, read.format);
    if (limit !== undefined && limit > target.maxRows) throw new CountersignError('parameters-invalid', `The target allows at most ${target.maxRows} rows.`);
    return { order: read, target };
  };
  return {
    definition: postgresExport,
    check: (request) => void order(request),
    preview: async (request, { signal }) => {
      const { order: what, target } = order(request);
      const where = { file: exportPath(request.id, what.parameters.destination, what.format), maxRows: target.maxRows };
      // Not even a connection: whatever the database does with a requester's query comes after its approval.
      if (what.source.kind === 'select') return previewSelect(what, where);
      return readOnly<ConnectorPreview>(target.url, { applicationName: 'countersign preview', statementTimeoutMs: previewTimeoutMs, signal }, (transaction) =>
        previewTable(transaction, what, where),
      );
    },
    execute: (request, context) => runExport(request, context, order(request), exports),
    whatToCheck: (request) => {
      const { parameters, format } = order(request).order;
      return `Look whether the executor has the file ${path.join(exports, exportPath(request.id, parameters.destination, format))}, and whether it is whole.`;
    },
  };
}

async function runExport(
  request: ActionRequest,
  context: ConnectorContext,
  { order, target }: { readonly order: ExportOrder; readonly target: PostgresTarget },
  exports: string,
): Promise<ExecutionOutcome> {
  const startedAt = context.now().toISOString();
  const finishedAt = (): string => context.now().toISOString();
  const file = path.join(exports, exportPath(request.id, order.parameters.destination, order.format));
  const progress = { rows: 0 };
  // A sort or a slow disk may hold back the first row for long; the beat must go on meanwhile.
  const beat = setInterval(() => context.heartbeat({ rows: progress.rows }), heartbeatMs);
  let draft: ExportFile | undefined;
  try {
    draft = await openExportFile(file, request.id);
    const { columns } = await readOnly(
      target.url,
      { applicationName: `countersign ${request.id}`, statementTimeoutMs: target.statementTimeoutMs, signal: context.signal },
      (transaction) =>
        copyRows(transaction, order, target, draft as ExportFile, (rows) => {
          progress.rows += rows;
          context.heartbeat({ rows: progress.rows });
        }),
    );
    context.signal.throwIfAborted();
    const { bytes, digest } = await draft.commit();
    return {
      status: 'succeeded',
      startedAt,
      finishedAt: finishedAt(),
      resultDigest: digest,
      facts: [
        { label: 'Rows', value: String(progress.rows) },
        { label: 'Columns', value: columns.join(', ') },
        { label: 'Bytes', value: String(bytes) },
        { label: 'File', value: file },
      ],
    };
  } catch (error) {
    // Thrown while the file takes its place; a stop that came meanwhile does not make that clear.
    if (error instanceof CountersignError && error.code === 'execution-unclear') throw error;
    if (context.signal.aborted)
      return { status: 'cancelled', detail: `Stopped at the database after ${progress.rows} rows; no file was kept.`, finishedAt: finishedAt() };
    if (error instanceof CountersignError && error.code !== 'target-unavailable')
      return { status: 'failed', code: error.code, detail: error.detail, finishedAt: finishedAt() };
    throw error;
  } finally {
    clearInterval(beat);
    await draft?.discard();
  }
}

async function copyRows(
  transaction: ReadTransaction,
  order: ExportOrder,
  target: PostgresTarget,
  file: ExportFile,
  counted: (rows: number) => void,
): Promise<{ readonly columns: readonly string[] }> {
  await checkColumns(transaction, order);
  const columns = await transaction.describe(exportStatement(order, 0));
  const names = columns.map(({ name }) => name);
  if (new Set(names).size !== names.length)
    throw new CountersignError('target-refused', 'Two columns of the result have the same name; give them different ones.');

  const format = order.format === 'csv' ? csvFormat(columns) : jsonlFormat(columns);
  const wanted = order.parameters.limit;
  // One row more than allowed tells a full result from one that would be cut off.
  const cursor = transaction.open(exportStatement(order, wanted ?? target.maxRows + 1));
  await file.write(format.header);
  let total = 0;
  for (;;) {
    const rows = await cursor.read(batchRows);
    if (rows.length === 0) break;
    total += rows.length;
    if (total > (wanted ?? target.maxRows))
      throw new CountersignError('target-refused', `There are more than ${target.maxRows} rows, which is the most the target allows; ask for fewer.`);
    await file.write(format.rows(rows));
    counted(rows.length);
  }
  return { columns: names };
}
