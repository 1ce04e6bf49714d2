import { createHash } from 'node:crypto';
import { defaultPayloadConverter } from '@temporalio/common';
import { CountersignError } from '../../domain/errors.js';
import { actionStatuses, isFinal, type ActionStatus } from '../../domain/view.js';
import { actionWorkflowType, searchAttributes } from '../../workflows/contract.js';
import type { ActionRow, ListFilter, Viewer } from '../actions.js';
import { callTemporal, deadlinesMs, type TemporalAccess } from './access.js';

/**
 * A value as a string literal of the list filter language. Throws `request-malformed` for what that language cannot
 * hold: measured against a real server, no way of escaping a double quote or a backslash finds it again.
 */
export function quote(value: string): string {
  if (/[\p{Cc}"\\]/u.test(value)) throw new CountersignError('request-malformed', 'A filter cannot hold double quotes, backslashes or control characters.');
  return `'${value.replaceAll("'", "\\'")}'`;
}

const equals = (key: { readonly name: string }, value: string) => `${key.name} = ${quote(value)}`;

function statusClause(status: ActionStatus): string {
  const clause = equals(searchAttributes.status, status);
  // A workflow that was stopped from outside keeps its last status for ever; it is not pending.
  return isFinal(status) ? clause : `(${clause} AND ExecutionStatus = 'Running')`;
}

/** The list filter for what is asked for and what this viewer may see: a person also what their agents asked for. */
export function listQuery(filter: ListFilter, { principal, operator }: Viewer, ownedAgents: readonly string[] = []): string {
  const own = equals(searchAttributes.requester, principal.id);
  const owned = ownedAgents.map((id) => ` OR ${equals(searchAttributes.requester, id)}`).join('');
  const clauses = [`WorkflowType = ${quote(actionWorkflowType)}`];
  if (principal.kind === 'agent') clauses.push(own);
  else if (!operator) clauses.push(`(${own}${owned} OR ${equals(searchAttributes.approver, principal.id)})`);
  if (filter.status !== undefined && filter.status.length > 0) clauses.push(`(${filter.status.map(statusClause).join(' OR ')})`);
  for (const name of ['action', 'resource', 'requester', 'approver'] as const) {
    const value = filter[name];
    if (value !== undefined) clauses.push(equals(searchAttributes[name], value));
  }
  if (filter.since !== undefined) clauses.push(`StartTime >= ${quote(time(filter.since))}`);
  if (filter.until !== undefined) clauses.push(`StartTime < ${quote(time(filter.until))}`);
  return clauses.join(' AND ');
}

function time(text: string): string {
  const ms = Date.parse(text);
  if (!Number.isFinite(ms)) throw new CountersignError('request-malformed', 'A time of the filter cannot be read.');
  return new Date(ms).toISOString();
}

/** How many actions of this requester wait for people. */
export async function countPending(access: TemporalAccess, requesterId: string): Promise<number> {
  const query = `WorkflowType = ${quote(actionWorkflowType)} AND ${equals(searchAttributes.requester, requesterId)} AND ${statusClause('pending')}`;
  const { connection, namespace } = access;
  const { count } = await callTemporal(connection, deadlinesMs.visibility, () => connection.workflowService.countWorkflowExecutions({ namespace, query }));
  return Number(count ?? 0);
}

/** One page of rows. Throws `request-malformed` for a cursor of another list. */
export async function listActions(
  access: TemporalAccess,
  filter: ListFilter,
  viewer: Viewer,
  ownedAgents: readonly string[],
): Promise<{ readonly rows: readonly ActionRow[]; readonly nextCursor?: string }> {
  const query = listQuery(filter, viewer, ownedAgents);
  const { connection, namespace } = access;
  const token = filter.cursor === undefined ? undefined : openCursor(filter.cursor, query);
  const response = await callTemporal(connection, deadlinesMs.visibility, () =>
    connection.workflowService.listWorkflowExecutions({ namespace, query, pageSize: filter.limit, ...(token === undefined ? {} : { nextPageToken: token }) }),
  );
  const rows = (response.executions ?? []).map(toRow);
  const next = response.nextPageToken;
  return { rows, ...(next === undefined || next === null || next.length === 0 ? {} : { nextCursor: sealCursor(next, query) }) };
}

type Execution = NonNullable<Awaited<ReturnType<TemporalAccess['connection']['workflowService']['listWorkflowExecutions']>>['executions']>[number];
// Completed runs end with a final status of ours; Failed, Canceled, Terminated and TimedOut ones may not.
const stopped = new Set([3, 4, 5, 7]);

function toRow(execution: Execution): ActionRow {
  const fields = execution.searchAttributes?.indexedFields ?? {};
  const read = (key: { readonly name: string }): unknown => {
    const payload = fields[key.name];
    return payload === undefined ? undefined : defaultPayloadConverter.fromPayload(payload);
  };
  const text = (key: { readonly name: string }): string => {
    const value = read(key);
    return typeof value === 'string' ? value : '';
  };
  const told = actionStatuses.find((status) => status === read(searchAttributes.status)) ?? 'evaluating';
  const approvers = read(searchAttributes.approver);
  const { seconds, nanos } = execution.startTime ?? {};
  return {
    id: execution.execution?.workflowId ?? '',
    status: !isFinal(told) && stopped.has(Number(execution.status)) ? 'error' : told,
    action: text(searchAttributes.action),
    resource: text(searchAttributes.resource),
    requester: text(searchAttributes.requester),
    approvers: Array.isArray(approvers) ? approvers.map(String) : [],
    risk: Number(read(searchAttributes.risk) ?? 0),
    requested_at: new Date(Number(seconds ?? 0) * 1_000 + Math.floor((nanos ?? 0) / 1_000_000)).toISOString(),
  };
}

// A cursor is bound to its query: under another one its position would mean nothing. It opens no door, since
// every page carries the whole authorisation in its query.
function sealCursor(token: Uint8Array, query: string): string {
  return Buffer.concat([fingerprint(query), token]).toString('base64url');
}

function openCursor(cursor: string, query: string): Uint8Array {
  const bytes = Buffer.from(cursor, 'base64url');
  if (bytes.length <= 8 || bytes.length > 3_072 || !bytes.subarray(0, 8).equals(fingerprint(query)))
    throw new CountersignError('request-malformed', 'The cursor belongs to another list; start again without it.');
  return bytes.subarray(8);
}

const fingerprint = (query: string) => createHash('sha256').update(query).digest().subarray(0, 8);
