import { matchingCode } from '../digest.js';
import type { JsonObject } from '../json.js';
import { assuranceSuffices } from '../principal.js';
import type { ActionId } from '../request.js';
import type { ActionView } from '../view.js';
import { endedBody, headline, type Headline } from './ended.js';
import { container, limitSteps, localTime, text, type Element, type Limits } from './elements.js';
import { requestBody, warningBox } from './request-body.js';
import { escapeMarkdown, untrusted, visible } from './untrusted.js';

/** An Adaptive Card as JSON. */
export type AdaptiveCard = JsonObject & { readonly type: 'AdaptiveCard' };

export type CardOptions = {
  /** Base of the inbox, for example `https://countersign.example.com`. */
  readonly publicUrl: string;
  /** A line on top, for one person or one message only; untrusted characters in it are made visible. */
  readonly notice?: { readonly kind: 'reminder' | 'escalated' | 'refused'; readonly text: string };
  /** True for a card in a place that others than the approvers can read: what the target said before approval is not on it. */
  readonly shared?: boolean;
  /** Teams users (at most 60) for whom the host asks for the present state when it shows the card. */
  readonly refreshUserIds?: readonly string[];
};

/** A card and whether all that matters is on it. `approvable: false`: the inbox must be opened to approve. */
export type BuiltCard = { readonly card: AdaptiveCard; readonly approvable: boolean; readonly omissions: readonly string[] };

/** Data of the card's buttons. It names no person: who clicked comes from the verified activity. */
export type CardData = { readonly actionId: ActionId; readonly digest: string; readonly verb: 'approve' | 'reject' | 'refresh' };

/** Teams accepts 28 KB a message; the rest is room for the envelope around the card. */
export const maxCardBytes = 24_000;

/** Longest comment, as in a decision. */
export const maxCommentLength = 1000;

/** Where the inbox shows an action. */
export function inboxUrl(publicUrl: string, id: string): string {
  return `${publicUrl.replace(/\/+$/, '')}/inbox/actions/${encodeURIComponent(id)}`;
}

/** The card of an action as it stands. Pure: the same view gives the same card. */
export function adaptiveCard(view: ActionView, options: CardOptions): AdaptiveCard {
  return buildCard(view, options).card;
}

/**
 * Builds the card with the most generous limits that fit Teams.
 * Guarantees at most {@link maxCardBytes} bytes, an Approve button only if nothing that matters was left out, no
 * assurance above `chat` is asked for and the action is pending, and no button at all unless it is pending.
 */
export function buildCard(view: ActionView, options: CardOptions): BuiltCard {
  let last: BuiltCard | undefined;
  for (const limits of limitSteps) {
    last = build(view, options, limits);
    if (byteLength(JSON.stringify(last.card)) <= maxCardBytes) return last;
  }
  // The tightest limits hold whatever the view says but for the length of its lists, which are cut here.
  return build({ ...view, fields: view.fields.slice(0, 3), policies: view.policies.slice(0, 3), decisions: [], story: [] }, options, minimal, ['details']);
}

const minimal: Limits = { reason: 60, value: 32, fields: 3, signals: 0 };

function build(view: ActionView, options: CardOptions, limits: Limits, already: readonly string[] = []): BuiltCard {
  const link = inboxUrl(options.publicUrl, view.id);
  const request = requestBody(view, limits, options.shared === true);
  const omissions = [...already, ...request.omissions];
  const pending = view.status === 'pending' && view.stage !== undefined && view.doubt === undefined;
  const chatSuffices = view.stage === undefined || assuranceSuffices('chat', view.stage.assurance);
  const approvable = pending && chatSuffices && omissions.length === 0;
  const head = headline(view);
  const body: Element[] = [
    header(view, head),
    ...(options.notice === undefined ? [] : [notice(options.notice)]),
    ...(view.doubt === undefined ? [] : [warningBox([`⚠ ${untrusted(view.doubt, 400).markdown}`])]),
    ...(pending ? [] : endedBody(view, limits)),
    ...request.elements,
    ...(omissions.length === 0 ? [] : [omitted(omissions, pending)]),
    ...(pending ? asking(view, chatSuffices, approvable) : [text(`[Full story in the inbox](${link})`, { spacing: 'Medium' })]),
  ];
  const actions = pending ? buttons(view, link, chatSuffices, approvable) : [];
  const refresh = options.refreshUserIds ?? [];
  return {
    approvable,
    omissions,
    card: {
      type: 'AdaptiveCard',
      $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
      version: '1.5',
      fallbackText: `Countersign: open ${link}`,
      speak: speakable(`${head.label}: ${visible(view.title, { max: 200 }).text}`),
      ...(refresh.length === 0 || refresh.length > 60 ? {} : { refresh: refreshOf(view, refresh) }),
      body,
      ...(actions.length === 0 ? {} : { actions }),
    },
  };
}

function header(view: ActionView, head: Headline): Element {
  const waiting = view.status === 'pending' && view.deadlineAt !== undefined;
  return container(
    head.style,
    [
      text(head.label, { weight: 'Bolder', size: 'Small', color: head.color, spacing: 'None' }),
      text(escapeMarkdown(visible(view.title, { max: 200 }).text), { weight: 'Bolder', size: 'Large', spacing: 'None' }),
      ...(view.status === 'pending'
        ? [
            text(`Matching code **${matchingCode(view.digest)}**: the page that you open from here must show the same, or it is not ours.`, {
              size: 'Small',
              isSubtle: true,
              spacing: 'Small',
            }),
          ]
        : []),
      ...(waiting ? [text(`Decide before ${localTime(view.deadlineAt ?? '')}`, { spacing: 'Small' })] : []),
    ],
    { bleed: true },
  );
}

function notice(of: NonNullable<CardOptions['notice']>): Element {
  const style = of.kind === 'refused' ? 'attention' : 'warning';
  return container(style, [text(escapeMarkdown(visible(of.text, { max: 400 }).text), { weight: 'Bolder' })], { spacing: 'Medium' });
}

function omitted(omissions: readonly string[], pending: boolean): Element {
  const remedy = pending ? ' It has to be read in the inbox before it can be approved.' : '';
  return container('warning', [text(`⚠ Not everything fits on this card: ${omissions.join(', ')}.${remedy}`)], { spacing: 'Medium' });
}

function asking(view: ActionView, chatSuffices: boolean, approvable: boolean): Element[] {
  return [
    ...(chatSuffices
      ? []
      : [
          text(`Approving asks for a sign-in of its own (${view.stage?.assurance ?? ''}), which a chat cannot give: approve in the inbox.`, {
            spacing: 'Medium',
          }),
        ]),
    text(
      approvable
        ? "Decisions made here have assurance *chat*: they rest on Countersign's api."
        : "A rejection made here has assurance *chat*: it rests on Countersign's api.",
      { isSubtle: true, size: 'Small', spacing: 'Medium' },
    ),
    {
      type: 'Input.Text',
      id: 'comment',
      label: 'Comment (optional)',
      placeholder: 'Kept with your decision',
      isMultiline: true,
      maxLength: maxCommentLength,
    },
  ];
}

function buttons(view: ActionView, link: string, chatSuffices: boolean, approvable: boolean): JsonObject[] {
  if (!chatSuffices) return [open('Review and sign in', link), execute(view, 'reject')];
  if (!approvable) return [open('Review in the inbox', link), execute(view, 'reject')];
  return [execute(view, 'approve'), execute(view, 'reject'), open('Open in inbox', link)];
}

function execute(view: ActionView, verb: 'approve' | 'reject'): JsonObject {
  return {
    type: 'Action.Execute',
    title: verb === 'approve' ? 'Approve' : 'Reject',
    verb,
    style: verb === 'approve' ? 'positive' : 'destructive',
    data: { actionId: view.id, digest: view.digest, verb } satisfies CardData,
    associatedInputs: 'auto',
  };
}

function open(title: string, url: string): JsonObject {
  return { type: 'Action.OpenUrl', title, url };
}

function refreshOf(view: ActionView, userIds: readonly string[]): JsonObject {
  const data: CardData = { actionId: view.id, digest: view.digest, verb: 'refresh' };
  return { action: { type: 'Action.Execute', title: 'Refresh', verb: 'refresh', data }, userIds: [...userIds] };
}

// `speak` may be read as SSML.
function speakable(plain: string): string {
  return plain.replace(/[<>&]/g, ' ');
}

function byteLength(json: string): number {
  let bytes = 0;
  for (const character of json) {
    const point = character.codePointAt(0) ?? 0;
    bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  }
  return bytes;
}
