import { shortDigest } from '../digest.js';
import { fieldRows } from '../display.js';
import type { ActionView, DisplayField } from '../view.js';
import { container, facts, heading, quote, text, type Element, type Limits } from './elements.js';
import { untrusted } from './untrusted.js';

/** What was asked, by whom and why, with the names of the parts that did not fit. On a shared card the preview is such a part. */
export function requestBody(
  view: ActionView,
  limits: Limits,
  shared = false,
): { readonly elements: readonly Element[]; readonly omissions: readonly string[] } {
  const omissions = new Set<string>();
  const show = (value: string, part: string, max = limits.value): string => {
    const shown = untrusted(value, max);
    if (shown.omitted > 0) omissions.add(part);
    return shown.markdown;
  };
  const person = (value: string): string => show(value, 'names', 120);

  const elements: Element[] = [
    facts([
      ['Action', show(view.action, 'action', 200)],
      ['Resource', show(`${view.resource.type} ${view.resource.id}`, 'resource')],
      ['Requested by', `${person(view.requester.name)} (${view.requester.kind})`],
      ...(view.owner === undefined ? [] : [['Owner', person(view.owner.name)] as const]),
      ...(view.onBehalfOf === undefined ? [] : [['On behalf of', person(view.onBehalfOf.name)] as const]),
      ...(view.via === undefined ? [] : [['Passed on by', view.via.map(({ name, kind }) => `${person(name)} (${kind})`).join(', ')] as const]),
    ]),
    ...parameters(view.fields, limits, show, omissions),
    ...(shared ? withheldPreview(view, omissions) : preview(view, limits, show, omissions)),
  ];

  const words = quote(view.reason, limits.reason);
  if (words.omitted > 0) omissions.add('the reason');
  elements.push(
    heading(view.requester.kind === 'agent' ? "Reason, in the agent's words" : "Reason, in the requester's words"),
    text('Not checked by anyone.', { isSubtle: true, size: 'Small', spacing: 'None' }),
    words.element,
    ...policy(view, limits, show),
  );
  return { elements, omissions: [...omissions] };
}

type Show = (value: string, part: string, max?: number) => string;

function parameters(fields: readonly DisplayField[], limits: Limits, show: Show, omissions: Set<string>): Element[] {
  if (fields.length === 0) return [];
  const some = fields.slice(0, limits.fields);
  const valueOf = (field: DisplayField): string => {
    if (field.truncated && !field.masked) omissions.add('parameters');
    const value = show(field.value, 'parameters');
    return field.masked ? `_(hidden)_ ${value}` : value;
  };
  const rows = fieldRows(some).map(({ title, parts }) => {
    const [first] = parts;
    const name = show(title === '' ? (first?.path ?? '') : title, 'parameters', 80);
    const value = parts.map((part) => (part.group === undefined ? valueOf(part) : `**${show(part.label, 'parameters', 80)}** ${valueOf(part)}`)).join(' · ');
    return [name, value] as const;
  });
  const missing = fields.length - some.length;
  if (missing > 0) omissions.add(`${missing} more parameter${missing === 1 ? '' : 's'}`);
  return [heading('Parameters'), facts(rows)];
}

function preview(view: ActionView, limits: Limits, show: Show, omissions: Set<string>): Element[] {
  if (view.preview === undefined && view.previewError === undefined) return [];
  const elements: Element[] = [heading('What it would do')];
  if (view.previewError !== undefined) {
    elements.push(warningBox([`⚠ ${show(view.previewError, 'the preview', 400)}`]));
  }
  if (view.preview !== undefined) {
    const shown = view.preview.facts.slice(0, limits.fields);
    if (shown.length < view.preview.facts.length) omissions.add('the preview');
    if (shown.length > 0) elements.push(facts(shown.map((fact) => [show(fact.label, 'the preview', 80), show(fact.value, 'the preview')] as const)));
    const warnings = view.preview.warnings.slice(0, limits.fields);
    if (warnings.length < view.preview.warnings.length) omissions.add('warnings');
    if (warnings.length > 0) elements.push(warningBox(warnings.map((warning) => `⚠ ${show(warning, 'warnings')}`)));
  }
  return elements;
}

// The requester's side may be members of the place, and could read a target by asking and cancelling.
function withheldPreview(view: ActionView, omissions: Set<string>): Element[] {
  if (view.preview === undefined && view.previewError === undefined) return [];
  omissions.add('what it would do');
  return [heading('What it would do'), text('The target answered. Those who may decide see what in the inbox.')];
}

// In a box, since Teams' colour for warnings can hardly be read on white.
export function warningBox(lines: readonly string[]): Element {
  return container(
    'warning',
    lines.map((line) => text(line, { weight: 'Bolder', spacing: 'Small' })),
    { spacing: 'Small' },
  );
}

function policy(view: ActionView, limits: Limits, show: Show): Element[] {
  // Who was named and which policy spoke is context; leaving some of it out hides nothing of what would run.
  const brief = (value: string, max: number): string => untrusted(value, max).markdown;
  const names = (people: readonly { readonly name: string }[], most: number): string => {
    const more = people.length - most;
    return (
      people
        .slice(0, most)
        .map((person) => brief(person.name, 60))
        .join(', ') + (more > 0 ? ` and ${more} more` : '')
    );
  };
  const { stage } = view;
  const policies = view.policies.slice(0, 6).map((id) => brief(id, 80));
  const morePolicies = view.policies.length - policies.length;
  const rows: (readonly [string, string])[] = [['Risk', `${view.risk.score} of 100`]];
  for (const signal of view.risk.signals.slice(0, limits.signals))
    rows.push([`\\+${signal.points}`, `${brief(signal.name, 60)}: ${brief(signal.detail, 160)}`]);
  if (policies.length > 0) rows.push(['Policy', policies.join(', ') + (morePolicies > 0 ? ` and ${morePolicies} more` : '')]);
  if (stage !== undefined && view.status === 'pending') {
    rows.push([
      'Stage',
      `${stage.index + 1} of ${stage.count}: ${show(stage.name, 'names', 120)}${stage.escalationLevel > 0 ? ` (escalated, level ${stage.escalationLevel})` : ''}`,
    ]);
    rows.push(['Approvals', `${stage.approvals.length} of ${stage.quorum}${stage.approvals.length === 0 ? '' : `: ${names(stage.approvals, 6)}`}`]);
    if (stage.approvers.length > 0) rows.push(['Can decide', names(stage.approvers, 6)]);
  }
  if (view.round > 1) rows.push(['Round', `${view.round}: policy was evaluated again and asks for consent anew`]);
  rows.push(['Digest', `${shortDigest(view.digest)}`]);
  return [heading('Policy and risk'), facts(rows)];
}
