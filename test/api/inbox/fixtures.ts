import { digestText } from '../../../domain/digest.js';
import type { DecisionRecord } from '../../../domain/decision.js';
import type { ActionView } from '../../../domain/view.js';

const digest = (name: string) => digestText(name);

/** When the sample actions were asked for. */
export const asked = '2026-11-21T09:00:00.000Z';

/** A pending export that waits for Alice and Bob. Its owner is Dave. */
export function pendingExport(change: Partial<ActionView> = {}): ActionView {
  return {
    id: 'act_exportpending',
    status: 'pending',
    action: 'postgres.export',
    title: 'Export rows from PostgreSQL',
    connector: { name: 'postgres.export', version: '1', digest: digest('connector') },
    resource: { type: 'Table', id: 'crm/public.customers' },
    requester: { kind: 'agent', id: 'churn-analyst', name: 'Churn analyst' },
    owner: { id: 'dave', name: 'Dave Diallo' },
    onBehalfOf: { id: 'erin', name: 'Erin Eklund' },
    reason: 'The retention team needs the customers of the last quarter to compute churn.\nThe file is deleted after the run.',
    fields: [
      { path: 'columns', label: 'Columns', value: 'id, name, email, phone, plan, signed_up_at', masked: false, truncated: false },
      { path: 'limit', label: 'Row limit', value: '5000', masked: false, truncated: false },
      { path: 'format', label: 'Format', value: 'csv', masked: false, truncated: false },
      { path: 'filter[0].column', group: 'Filter', label: 'Column', value: 'signed_up_at', masked: false, truncated: false },
      { path: 'filter[0].op', group: 'Filter', label: 'Operator', value: '>=', masked: false, truncated: false },
      { path: 'filter[0].value', group: 'Filter', label: 'Value', value: 'text of 10 characters', masked: true, truncated: false },
    ],
    preview: {
      facts: [
        { label: 'Source', value: 'public.customers of crm' },
        { label: 'Rows', value: 'about 3,100 match the filter, of about 12,400; at most 5,000 are exported' },
        { label: 'Filter', value: 'signed_up_at >= (hidden value)' },
        { label: 'File', value: 'act_exportpending.csv' },
      ],
      warnings: ['Personal data, judging by the column names: name, email, phone.'],
    },
    risk: {
      score: 55,
      signals: [
        { name: 'personal-data', points: 35, detail: 'The table is classified as personal data.' },
        { name: 'first-time', points: 20, detail: 'This agent has not exported this table before.' },
      ],
    },
    policies: ['export-personal-data', 'agents-need-review'],
    digest: digest('action'),
    planDigest: digest('plan'),
    policyDigest: digest('policy'),
    bodyDigest: digest('body'),
    asked: [],
    round: 1,
    stage: {
      index: 0,
      count: 2,
      name: 'Data owners',
      quorum: 2,
      assurance: 'chat',
      approvals: [{ id: 'carol', name: 'Carol Chen' }],
      approvers: [
        { id: 'alice', name: 'Alice Almeida' },
        { id: 'bob', name: 'Bob Baumann' },
      ],
      escalationLevel: 0,
    },
    requestedAt: asked,
    expiresAt: '2026-11-22T09:00:00.000Z',
    deadlineAt: '2026-11-21T10:00:00.000Z',
    decisions: [approval('carol', 'Carol Chen', 'Row count and columns are what the team asked for.')],
    refusedCount: 0,
    channels: [
      { kind: 'teams', state: 'sent' },
      { kind: 'inbox', state: 'sent' },
    ],
    story: [
      { seq: 1, at: asked, kind: 'submitted', text: 'Churn analyst asked to export rows of crm/public.customers.' },
      { seq: 2, at: asked, kind: 'evaluated', text: 'Policy asks for two stages: Data owners, then Security.' },
      { seq: 3, at: '2026-11-21T09:00:01.000Z', kind: 'notified', text: 'Alice Almeida, Bob Baumann and Carol Chen were told in Teams.' },
      { seq: 4, at: '2026-11-21T09:04:00.000Z', kind: 'approved', text: 'Carol Chen approved.', person: { id: 'carol', name: 'Carol Chen' } },
    ],
    ...change,
  };
}

/** An accepted approval. */
export function approval(id: string, name: string, comment?: string): DecisionRecord {
  return {
    decisionId: `dec-${id}`,
    at: '2026-11-21T09:04:00.000Z',
    accepted: true,
    stage: 0,
    round: 1,
    decision: {
      decisionId: `dec-${id}`,
      actionId: 'act_exportpending',
      actionDigest: digest('action'),
      planDigest: digest('plan'),
      verdict: 'approve',
      person: { id, name, groups: ['g-data-owners'] },
      channel: 'teams',
      assurance: 'chat',
      decidedAt: '2026-11-21T09:04:00.000Z',
      ...(comment === undefined ? {} : { comment }),
    },
  };
}

/** The export after it ran. */
export function executedExport(): ActionView {
  const { stage: _stage, deadlineAt: _deadline, ...view } = pendingExport();
  return {
    ...view,
    id: 'act_exportexecuted',
    status: 'executed',
    endedAt: '2026-11-21T09:12:08.000Z',
    decisions: [approval('carol', 'Carol Chen'), approval('bob', 'Bob Baumann', 'Fine for this quarter only.')],
    outcome: {
      status: 'succeeded',
      facts: [
        { label: 'Rows', value: '2,914' },
        { label: 'File', value: 'customers-2026-11-21.csv' },
        { label: 'Size', value: '311 KB' },
      ],
      startedAt: '2026-11-21T09:12:04.000Z',
      finishedAt: '2026-11-21T09:12:08.000Z',
    },
    story: [
      ...view.story,
      { seq: 5, at: '2026-11-21T09:12:02.000Z', kind: 'approved', text: 'Bob Baumann approved; the stage has its two approvals.' },
      { seq: 6, at: '2026-11-21T09:12:04.000Z', kind: 'executing', text: 'The executor checked every signature and started.' },
      { seq: 7, at: '2026-11-21T09:12:08.000Z', kind: 'executed', text: 'Executed: 2,914 rows.' },
    ],
  };
}

/** A second pending action, of high risk and without extras. */
export function pendingRole(): ActionView {
  const { onBehalfOf: _behalf, preview: _preview, ...view } = pendingExport();
  return {
    ...view,
    id: 'act_rolepending',
    action: 'http.request',
    title: 'Call an internal service',
    resource: { type: 'Endpoint', id: 'billing/refunds' },
    reason: 'Customer 4711 was charged twice.',
    fields: [{ path: '/method', label: 'Method', value: 'POST', masked: false, truncated: false }],
    risk: { score: 80, signals: [{ name: 'money', points: 80, detail: 'The call moves money.' }] },
    decisions: [],
    deadlineAt: '2026-11-21T11:30:00.000Z',
    stage: {
      index: 0,
      count: 1,
      name: 'Finance',
      quorum: 1,
      assurance: 'chat',
      approvals: [],
      approvers: [{ id: 'alice', name: 'Alice Almeida' }],
      escalationLevel: 1,
    },
  };
}
