import { createBotToken, secureUrl, type TeamsCredentials } from '../../../config/teams-token.js';
import { adaptiveCard, type CardOptions } from '../../../domain/cards/adaptive-card.js';
import { visible } from '../../../domain/cards/untrusted.js';
import { CountersignError } from '../../../domain/errors.js';
import type { JsonObject } from '../../../domain/json.js';
import type { ActionView } from '../../../domain/view.js';
import type { CardHandle, Channel, NoticeKind, Recipient } from '../../ports.js';
import { ConnectorRefused, createConnectorCall } from './teams-connector.js';

/** Teams' service address that reaches every region. */
export const globalServiceUrl = 'https://smba.trafficmanager.net/teams/';

export type TeamsChannelOptions = {
  readonly config: TeamsCredentials;
  readonly publicUrl: string;
  readonly timeoutMs?: number;
  readonly maxThrottleMs?: number;
  /** Told of recipients that cannot be reached, without any content of the card. */
  readonly onSkipped?: (skipped: { readonly recipient: string; readonly reason: string }) => void;
};

const parallel = 4;
const rememberedKeys = 2_000;
const maxRefreshUsers = 60;

/**
 * Cards in Microsoft Teams: one to each recipient, or one to the channel in `to`. What one call delivered is
 * remembered in this process by its `dedupeKey`, so that a retry sends only what is missing; after a restart of the
 * worker a retry may send a card a second time. Recipients without a Teams identity, or who cannot be written to, are
 * skipped; if nobody is left `send` throws `channel-unavailable`.
 */
export function createTeamsChannel(options: TeamsChannelOptions): Channel {
  const { config, publicUrl, onSkipped } = options;
  const serviceUrl = secureUrl(config.serviceUrl ?? globalServiceUrl, 'teams.serviceUrl');
  const call = createConnectorCall({
    serviceUrl,
    token: createBotToken(config),
    ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
    ...(options.maxThrottleMs === undefined ? {} : { maxThrottleMs: options.maxThrottleMs }),
  });
  const bot = { id: `28:${config.appId}` };
  const memo = new Map<string, Map<string, CardHandle>>();

  function delivered(dedupeKey: string): Map<string, CardHandle> {
    const known = memo.get(dedupeKey) ?? new Map<string, CardHandle>();
    memo.delete(dedupeKey);
    memo.set(dedupeKey, known);
    const oldest = memo.keys().next().value;
    if (memo.size > rememberedKeys && oldest !== undefined) memo.delete(oldest);
    return known;
  }

  async function toPerson(view: ActionView, person: Recipient, notice: NoticeKind, signal: AbortSignal): Promise<CardHandle> {
    const member = { id: person.teams?.aadObjectId ?? '' };
    const created = await call(
      'POST',
      '/v3/conversations',
      { isGroup: false, bot, members: [member], tenantId: config.tenantId, channelData: { tenant: { id: config.tenantId } } },
      signal,
    );
    const conversationId = required(created['id']);
    const sent = await call(
      'POST',
      `/v3/conversations/${encodeURIComponent(conversationId)}/activities`,
      message(view, { publicUrl, shared: false }, notice, [person]),
      signal,
    );
    return handle(person.id, conversationId, required(sent['id']), false);
  }

  async function toChannel(
    view: ActionView,
    channelId: string,
    notice: NoticeKind,
    recipients: readonly Recipient[],
    signal: AbortSignal,
  ): Promise<CardHandle> {
    const channelData = { channel: { id: channelId }, tenant: { id: config.tenantId } };
    const activity = message(view, { publicUrl, shared: true }, notice, recipients);
    const created = await call('POST', '/v3/conversations', { isGroup: true, bot, tenantId: config.tenantId, channelData, activity }, signal);
    const conversationId = required(created['id']);
    // Teams names the first message of a new thread in the thread's id, and not always in the answer.
    const activityId = /;messageid=([^;]+)/.exec(conversationId)?.[1] ?? required(created['activityId']);
    return handle(channelId, conversationId, activityId, true);
  }

  function handle(recipient: string, conversationId: string, activityId: string, shared: boolean): CardHandle {
    return { kind: 'teams', recipient, ref: { conversationId, activityId, serviceUrl: serviceUrl.href, shared } };
  }

  return {
    kind: 'teams',

    async send({ view, to, recipients, notice, dedupeKey, signal }) {
      const done = delivered(dedupeKey);
      const skip = (recipient: string, reason: string) => onSkipped?.({ recipient, reason });
      const targets: { readonly id: string; readonly send: () => Promise<CardHandle> }[] = [];
      const { channelId } = to;
      if (channelId !== undefined) {
        targets.push({ id: channelId, send: () => toChannel(view, channelId, notice, recipients, signal) });
      } else {
        for (const person of recipients) {
          // An identity of another tenant is nobody to this bot.
          if (person.teams?.tenantId !== config.tenantId) skip(person.id, 'no Teams identity in this tenant');
          else targets.push({ id: person.id, send: () => toPerson(view, person, notice, signal) });
        }
      }
      const failures = await each(
        targets.filter((target) => !done.has(target.id)),
        async (target) => {
          try {
            done.set(target.id, await target.send());
          } catch (error) {
            if (!(error instanceof ConnectorRefused)) throw error;
            skip(target.id, error.message);
          }
        },
      );
      signal.throwIfAborted();
      if (failures.length > 0) throw failures[0];
      if (done.size === 0) throw new CountersignError('channel-unavailable', 'Teams could reach none of the people or the channel that it was to tell.');
      return [...done.values()];
    },

    async update({ view, handles, signal }) {
      const personal = message(view, { publicUrl, shared: false }, undefined, []);
      const forAll = message(view, { publicUrl, shared: true }, undefined, []);
      const failures = await each(handles, async ({ ref }) => {
        const { conversationId, activityId } = ref;
        // Handles lie in a history that is not trusted: the bot's token never goes where a handle says, only to the configured address.
        if (typeof conversationId !== 'string' || typeof activityId !== 'string' || ref['serviceUrl'] !== serviceUrl.href) return;
        try {
          const path = `/v3/conversations/${encodeURIComponent(conversationId)}/activities/${encodeURIComponent(activityId)}`;
          // A card that is not known to be somebody's own is treated as one that others read.
          await call('PUT', path, { ...(ref['shared'] === false ? personal : forAll), id: activityId }, signal);
        } catch (error) {
          if (!(error instanceof ConnectorRefused)) throw error;
          if (!error.gone) onSkipped?.({ recipient: conversationId, reason: error.message });
        }
      });
      signal.throwIfAborted();
      if (failures.length > 0) throw failures[0];
    },
  };
}

const notices: Record<NoticeKind, CardOptions['notice']> = {
  pending: undefined,
  reminder: { kind: 'reminder', text: 'Reminder: this still waits for a decision.' },
  escalated: { kind: 'escalated', text: 'Escalated: nobody has decided so far, so you are asked too.' },
};

function message(
  view: ActionView,
  place: Pick<CardOptions, 'publicUrl' | 'shared'>,
  kind: NoticeKind | undefined,
  recipients: readonly Recipient[],
): JsonObject {
  const notice = kind === undefined || view.status !== 'pending' ? undefined : notices[kind];
  const refreshUserIds = recipients.flatMap((person) => (person.teams === undefined ? [] : [`8:orgid:${person.teams.aadObjectId}`])).slice(0, maxRefreshUsers);
  const content = adaptiveCard(view, { ...place, refreshUserIds, ...(notice === undefined ? {} : { notice }) });
  return {
    type: 'message',
    // What a phone shows as the notification; the requester's words have no place in it.
    summary: `Countersign: ${visible(view.title, { max: 120 }).text} (${view.status})`,
    attachments: [{ contentType: 'application/vnd.microsoft.card.adaptive', content }],
  };
}

function required(id: unknown): string {
  if (typeof id === 'string' && id !== '') return id;
  throw new CountersignError('channel-unavailable', 'Teams answered without the id of what it made.');
}

/** Runs `work` for every item, a few at a time, to the end; returns what failed. */
async function each<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<readonly unknown[]> {
  const failures: unknown[] = [];
  const queue = [...items];
  const lane = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
      try {
        await work(item);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: parallel }, lane));
  return failures;
}
