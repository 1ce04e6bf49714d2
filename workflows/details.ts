import { visible } from '../domain/cards/untrusted.js';
import { shortDigest } from '../domain/digest.js';
import type { ActionView } from '../domain/view.js';

const icon = {
  pending: '⏳',
  executing: '▶️',
  executed: '✅',
  denied: '⛔',
  rejected: '❌',
  expired: '⌛',
  cancelled: '🚫',
  failed: '⚠️',
  unknown: '❓',
  error: '⚠️',
  evaluating: '…',
} as const;

// Plain ASCII has nothing to make visible, and to look at each letter of the story at each change costs more than all else here.
const printable = /^[\x20-\x7e]*$/;

/** The action as a short story in Markdown, for Temporal's own UI. Holds only what a card may show. */
export function details(view: ActionView): string {
  const text = (value: string, max = 300) => forOperators(value.length <= max && printable.test(value) ? value : visible(value, { max }).text);
  const lines = [
    `## ${icon[view.status]} ${text(view.title)}: ${view.status}`,
    '',
    `**Action** ${text(view.action)} on ${text(view.resource.type)} ${text(view.resource.id)}`,
    `**Requester** ${text(view.requester.name)}${view.owner === undefined ? '' : `, owned by ${text(view.owner.name)}`}${view.onBehalfOf === undefined ? '' : `, on behalf of ${text(view.onBehalfOf.name)}`}`,
    `**The requester's own words** ${text(view.reason)}`,
    `**Risk** ${view.risk.score} of 100${view.risk.signals.length === 0 ? '' : ` (${view.risk.signals.map((signal) => text(signal.name)).join(', ')})`}`,
    `**Policy** ${view.policies.map((id) => text(id)).join(', ') || 'none matched'}`,
    `**Digest** ${shortDigest(view.digest)}`,
  ];
  if (view.denial !== undefined) lines.push(`**Denied** ${text(view.denial.detail)} (${view.denial.code})`);
  if (view.stage !== undefined) {
    const { name, index, count, quorum, approvals, approvers } = view.stage;
    lines.push(
      `**Waiting** stage ${index + 1} of ${count}, ${text(name)}: ${approvals.length} of ${quorum} approvals; may decide: ${approvers.map((person) => text(person.name)).join(', ') || 'nobody known'}; until ${view.deadlineAt ?? ''}`,
    );
  }
  if (view.previewError !== undefined) lines.push(`**No preview** ${text(view.previewError)}`);
  for (const fact of view.preview?.facts ?? []) lines.push(`**${text(fact.label)}** ${text(fact.value)}`);
  for (const warning of view.preview?.warnings ?? []) lines.push(`**Warning** ${text(warning)}`);
  if (view.outcome !== undefined) lines.push(...outcomeLines(view.outcome, text));
  lines.push('', '### What happened', ...view.story.map((event) => `${event.seq}. ${event.at.slice(0, 19).replace('T', ' ')} ${text(event.text)}`));
  return lines.map((line) => (line.startsWith('**') ? `${line}  ` : line)).join('\n');
}

function outcomeLines(outcome: NonNullable<ActionView['outcome']>, text: (value: string) => string): readonly string[] {
  switch (outcome.status) {
    case 'succeeded':
      return outcome.facts.map((fact) => `**${text(fact.label)}** ${text(fact.value)}`);
    case 'failed':
      return [`**Failed** ${text(outcome.detail)} (${text(outcome.code)})`];
    case 'cancelled':
      return [`**Cancelled** ${text(outcome.detail)}`];
    case 'unknown':
      return [`**Unclear** ${text(outcome.detail)}`, `**Check** ${text(outcome.check)}`];
  }
}

// Temporal's UI shows a backslash before punctuation that needs none, so only what could become markup is escaped: a link,
// an image, code, HTML, a table, emphasis, or a list or heading at the start of a line.
function forOperators(plain: string): string {
  return plain
    .replace(/[\\`*_{}[\]<>#|~!&]/g, '\\$&')
    .replace(/:\/\//g, ':\\/\\/')
    .replace(/\bwww\./gi, (match) => `${match.slice(0, -1)}\\.`)
    .replace(/^(\d+)([.)])/gm, '$1\\$2')
    .replace(/^[-+]/gm, '\\$&');
}
