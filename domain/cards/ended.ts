import type { DecisionRecord } from '../decision.js';
import { assertNever } from '../errors.js';
import type { ActionStatus, ActionView, StoryEvent } from '../view.js';
import { facts, heading, quote, text, utc, type Element, type Limits } from './elements.js';
import { untrusted } from './untrusted.js';

/** The first line of a card. */
export type Headline = {
  readonly label: string;
  readonly style: 'emphasis' | 'good' | 'attention' | 'warning' | 'accent';
  readonly color: 'Default' | 'Good' | 'Attention' | 'Warning' | 'Accent';
};

/** The status in words and colour; colour never says what words do not. */
export function headline(view: ActionView): Headline {
  const { status } = view;
  switch (status) {
    case 'evaluating':
      return { label: 'BEING EVALUATED', style: 'emphasis', color: 'Default' };
    case 'pending':
      return {
        label: view.stage !== undefined && view.stage.escalationLevel > 0 ? 'WAITING FOR A DECISION, ESCALATED' : 'WAITING FOR A DECISION',
        style: 'accent',
        color: 'Accent',
      };
    case 'executing':
      return { label: 'APPROVED, EXECUTING', style: 'good', color: 'Good' };
    case 'executed':
      return { label: 'EXECUTED', style: 'good', color: 'Good' };
    case 'failed':
      return { label: 'APPROVED, BUT EXECUTION FAILED', style: 'attention', color: 'Attention' };
    case 'unknown':
      return { label: 'UNCLEAR WHETHER IT TOOK EFFECT', style: 'attention', color: 'Attention' };
    case 'denied':
      return { label: 'DENIED BY POLICY', style: 'attention', color: 'Attention' };
    case 'rejected':
      return { label: 'REJECTED', style: 'attention', color: 'Attention' };
    case 'expired':
      return { label: 'EXPIRED', style: 'warning', color: 'Warning' };
    case 'cancelled':
      return { label: 'CANCELLED', style: 'emphasis', color: 'Default' };
    case 'error':
      return { label: 'STOPPED BY AN ERROR', style: 'attention', color: 'Attention' };
    default:
      return assertNever(status);
  }
}

/** Who decided what, when and how, and what came of it. */
export function endedBody(view: ActionView, limits: Limits): Element[] {
  const elements: Element[] = [];
  for (const record of counted(view).slice(-8)) elements.push(...decided(record, limits));
  const end = lastOf(view.story, endKinds[view.status]);
  // A rejection is told by its decision; for all other ends the story says who, when and how.
  if (end !== undefined && view.status !== 'rejected') {
    elements.push(
      text(`${utc(end.at)}: ${untrusted(end.text, 400).markdown}${end.person === undefined ? '' : ` (${untrusted(end.person.name, 120).markdown})`}`),
    );
  }
  if (view.status === 'expired') elements.push(text('Nobody decided in time. This is a timeout, not a rejection.', { isSubtle: true }));
  if (view.denial !== undefined) elements.push(text(`${untrusted(view.denial.detail, 400).markdown} (${untrusted(view.denial.code, 80).markdown})`));
  elements.push(...outcome(view, limits), heading('What was asked'));
  return elements;
}

const endKinds: Record<ActionStatus, readonly StoryEvent['kind'][]> = {
  evaluating: [],
  pending: [],
  executing: ['executing'],
  executed: ['executed'],
  failed: ['failed'],
  unknown: ['unknown'],
  denied: ['denied'],
  rejected: ['rejected'],
  expired: ['expired'],
  cancelled: ['cancelled'],
  error: ['error'],
};

function lastOf(story: readonly StoryEvent[], kinds: readonly StoryEvent['kind'][]): StoryEvent | undefined {
  return story.findLast((event) => kinds.includes(event.kind));
}

function counted(view: ActionView): readonly DecisionRecord[] {
  return view.decisions.filter((record) => record.accepted && record.decision !== undefined);
}

function decided(record: DecisionRecord, limits: Limits): Element[] {
  const { decision } = record;
  if (decision === undefined) return [];
  const verb = decision.verdict === 'approve' ? '✔ Approved' : '✖ Rejected';
  const line = text(
    `${verb} by **${untrusted(decision.person.name, 120).markdown}**, ${utc(decision.decidedAt)}, through ${channelNames[decision.channel]} (assurance *${record.proven ?? decision.assurance}*${(record.proven ?? decision.assurance) === 'chat' ? ", which rests on Countersign's api" : ''})`,
    { color: decision.verdict === 'approve' ? 'Good' : 'Attention', spacing: 'Small' },
  );
  if (decision.comment === undefined || decision.comment === '') return [line];
  return [line, quote(decision.comment, Math.min(limits.reason, 400)).element];
}

const channelNames = { api: 'the API', inbox: 'the inbox', teams: 'Teams', slack: 'Slack' } as const;

function outcome(view: ActionView, limits: Limits): Element[] {
  const end = view.outcome;
  if (end === undefined) return [];
  const rows = ('facts' in end && end.facts !== undefined ? end.facts : [])
    .slice(0, limits.fields)
    .map((fact) => [untrusted(fact.label, 80).markdown, untrusted(fact.value, limits.value).markdown] as const);
  const elements: Element[] = [];
  if (end.status !== 'succeeded') elements.push(text(untrusted(end.detail, 400).markdown, { spacing: 'Small' }));
  if (end.status === 'unknown') elements.push(text(`What to check: ${untrusted(end.check, 400).markdown}`, { weight: 'Bolder', spacing: 'Small' }));
  if (rows.length > 0) elements.push(facts(rows));
  return elements;
}
