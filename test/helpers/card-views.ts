import type { DecisionRecord } from '../../domain/decision.js';
import type { PersonRef } from '../../domain/principal.js';
import type { ActionStatus, ActionView } from '../../domain/view.js';

const digest = `sha256:${'3f9a02bc77d1e045'.repeat(4)}` as const;
const planDigest = `sha256:${'b7'.repeat(32)}` as const;
const alice: PersonRef = { id: 'alice', name: 'Alice Almeida' };
const bob: PersonRef = { id: 'bob', name: 'Bob Baumann' };

/** A pending export, the action every sample card shows. Members given replace those of the sample. */
export function sampleView(change: Partial<ActionView> = {}): ActionView {
  return {
    id: 'act_k3v5q2m7x4c6a2t7n5z3b4d6f2h5j7r3',
    status: 'pending',
    action: 'postgres.export',
    title: 'Export customers with a balance due',
    connector: { name: 'postgres.export', version: '1', digest: `sha256:${'c1'.repeat(32)}` },
    resource: { type: 'Table', id: 'crm.customers' },
    requester: { kind: 'agent', id: 'invoice-bot', name: 'Invoice bot' },
    owner: { id: 'dave', name: 'Dave Diallo' },
    onBehalfOf: { id: 'erin', name: 'Erin Eriksen' },
    reason: 'The collections run of November needs the addresses of all customers whose invoices are more than 30 days overdue.',
    fields: [
      { path: 'columns', label: 'Columns', value: 'id, name, email, phone, balance_due', masked: false, truncated: false },
      { path: 'limit', label: 'Row limit', value: '5000', masked: false, truncated: false },
      { path: 'format', label: 'Format', value: 'csv', masked: false, truncated: false },
      { path: 'filter[0].column', group: 'Filter', label: 'Column', value: 'balance_due', masked: false, truncated: false },
      { path: 'filter[0].op', group: 'Filter', label: 'Operator', value: '>', masked: false, truncated: false },
      { path: 'filter[0].value', group: 'Filter', label: 'Value', value: 'number', masked: true, truncated: false },
    ],
    preview: {
      facts: [
        { label: 'Rows', value: 'about 14,000 match the filter, of about 61,400; at most 5,000 are exported' },
        { label: 'File', value: 'act_k3v5q2m7x4c6a2t7n5z3b4d6f2h5j7r3.csv' },
      ],
      warnings: ['Personal data, judging by the column names: name, email, phone.'],
    },
    risk: {
      score: 62,
      signals: [
        { name: 'first-time', points: 40, detail: 'This agent has not exported this table before' },
        { name: 'outside-hours', points: 22, detail: 'Asked at 21:40 in Europe/Berlin' },
      ],
    },
    policies: ['export-personal-data', 'review-large-exports'],
    digest,
    planDigest,
    policyDigest: planDigest,
    bodyDigest: planDigest,
    asked: [],
    round: 1,
    stage: {
      index: 0,
      count: 2,
      name: 'data owners',
      quorum: 2,
      assurance: 'chat',
      approvals: [bob],
      approvers: [alice, { id: 'carol', name: 'Carol Chen' }],
      escalationLevel: 0,
    },
    requestedAt: '2026-11-20T20:40:00.000Z',
    expiresAt: '2026-11-23T20:40:00.000Z',
    deadlineAt: '2026-11-21T14:00:00.000Z',
    decisions: [record(bob, 'approve')],
    refusedCount: 0,
    channels: [{ kind: 'teams', state: 'sent' }],
    story: [{ seq: 1, at: '2026-11-20T20:40:00.000Z', kind: 'submitted', text: 'Invoice bot asked for postgres.export on crm.customers.' }],
    ...change,
  };
}

/** The sample after it ended, one way or another. */
export function endedView(status: Exclude<ActionStatus, 'pending' | 'evaluating'>, change: Partial<ActionView> = {}): ActionView {
  const { stage: _stage, deadlineAt: _deadline, ...base } = sampleView();
  const at = '2026-11-21T09:14:08.000Z';
  const approvals =
    status === 'rejected'
      ? [record(bob, 'reject', 'Too many columns: collections needs no phone numbers.')]
      : status === 'expired' || status === 'cancelled' || status === 'denied'
        ? []
        : [record(bob, 'approve'), record(alice, 'approve', 'Checked with collections.')];
  return {
    ...base,
    status,
    decisions: approvals,
    ...(status === 'executing' ? {} : { endedAt: at }),
    ...(status === 'executed'
      ? {
          outcome: {
            status: 'succeeded',
            facts: [
              { label: 'Rows', value: '2,311' },
              { label: 'File', value: 'exports/act_k3v5.csv' },
            ],
            startedAt: at,
            finishedAt: at,
          } as const,
        }
      : status === 'failed'
        ? { outcome: { status: 'failed', code: 'target-refused', detail: 'The database refused: statement timeout.', finishedAt: at } as const }
        : status === 'unknown'
          ? {
              outcome: {
                status: 'unknown',
                detail: 'The connection broke after the request was sent.',
                check: 'Look for the idempotency key in the log of the target.',
                finishedAt: at,
              } as const,
            }
          : {}),
    ...(status === 'denied' ? { denial: { code: 'policy-no-match', detail: 'No policy permits this action.' } as const } : {}),
    story: [...base.story, { seq: 2, at, kind: status === 'executing' ? 'executing' : status, text: stories[status] ?? 'It ended.' }],
    ...change,
  };
}

const stories: Partial<Record<ActionStatus, string>> = {
  executed: '2,311 rows were exported.',
  failed: 'The execution failed: target-refused.',
  unknown: 'It is unclear whether the action took effect.',
  denied: 'Policy denied the action.',
  expired: 'The deadline passed after two reminders.',
  cancelled: 'Invoice bot cancelled the action.',
  executing: 'Every stage was satisfied; the executor has begun.',
  error: 'The evidence log could not be reached.',
};

/** A decision that counted. */
export function record(person: PersonRef, verdict: 'approve' | 'reject', comment?: string): DecisionRecord {
  const at = person.id === 'bob' ? '2026-11-21T08:55:31.000Z' : '2026-11-21T09:14:02.000Z';
  return {
    decisionId: `dec_${person.id}`,
    at,
    accepted: true,
    round: 1,
    stage: 0,
    decision: {
      decisionId: `dec_${person.id}`,
      actionId: 'act_k3v5q2m7x4c6a2t7n5z3b4d6f2h5j7r3',
      actionDigest: digest,
      planDigest,
      verdict,
      person: { ...person, groups: ['g-data-owners'] },
      channel: 'teams',
      assurance: 'chat',
      decidedAt: at,
      ...(comment === undefined ? {} : { comment }),
    },
  };
}
