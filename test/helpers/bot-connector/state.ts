import type { JsonObject } from '../../../domain/json.js';

/** A person of the fake tenant. */
export type TeamsPerson = { readonly name: string; readonly aadObjectId: string };

/** A message of the bot with every version it ever had. */
export type StoredMessage = {
  readonly conversationId: string;
  readonly activityId: string;
  /** aadObjectId of the person, or id of the channel. */
  readonly recipient: string;
  readonly kind: 'personal' | 'channel';
  readonly summary: string;
  readonly text: string;
  readonly deleted: boolean;
  /** Cards as they were sent and updated for everybody, oldest first. */
  readonly versions: readonly JsonObject[];
  /** Cards that replaced the message for one person only, by aadObjectId. */
  readonly own: Readonly<Record<string, JsonObject>>;
};

/** What goes wrong until it is taken back. */
export type Faults = {
  /** Every Connector call is cut off. */
  down?: boolean;
  /** The next calls are answered 429 with this Retry-After. */
  throttle?: { times: number; retryAfterSeconds: number };
  /** The next calls are answered with this status. */
  fail?: { times: number; status: number };
  /** Sends to these people (aadObjectIds) or channels are answered 403, as when the bot was blocked. */
  blocked?: readonly string[];
  slowMs?: number;
};

type Conversation = { readonly id: string; readonly kind: 'personal' | 'channel'; readonly recipient: string };
type Writable = { -readonly [K in keyof StoredMessage]: StoredMessage[K] };

/** Conversations and messages of the fake. */
export class ConnectorState {
  readonly faults: Faults = {};
  readonly #conversations = new Map<string, Conversation>();
  readonly #messages = new Map<string, Writable>();
  #next = 1;

  personal(aadObjectId: string): Conversation {
    const id = `a:${aadObjectId}`;
    const conversation: Conversation = { id, kind: 'personal', recipient: aadObjectId };
    this.#conversations.set(id, conversation);
    return conversation;
  }

  thread(channelId: string): Conversation & { readonly activityId: string } {
    const activityId = this.newId();
    const id = `${channelId};messageid=${activityId}`;
    const conversation: Conversation = { id, kind: 'channel', recipient: channelId };
    this.#conversations.set(id, conversation);
    return { ...conversation, activityId };
  }

  conversation(id: string): Conversation | undefined {
    return this.#conversations.get(id);
  }

  newId(): string {
    this.#next += 1;
    return `17${String(this.#next).padStart(11, '0')}`;
  }

  post(conversation: Conversation, activityId: string, activity: JsonObject): void {
    this.#messages.set(keyOf(conversation.id, activityId), {
      conversationId: conversation.id,
      activityId,
      recipient: conversation.recipient,
      kind: conversation.kind,
      summary: textOf(activity['summary']),
      text: textOf(activity['text']),
      deleted: false,
      versions: cardsOf(activity),
      own: {},
    });
  }

  update(conversationId: string, activityId: string, activity: JsonObject): boolean {
    const message = this.#messages.get(keyOf(conversationId, activityId));
    if (message === undefined || message.deleted) return false;
    message.versions = [...message.versions, ...cardsOf(activity)];
    message.summary = textOf(activity['summary']);
    // What was shown to one person only gives way to what everybody sees.
    message.own = {};
    return true;
  }

  replaceFor(message: StoredMessage, aadObjectId: string, card: JsonObject): void {
    const stored = this.#messages.get(keyOf(message.conversationId, message.activityId));
    if (stored !== undefined) stored.own = { ...stored.own, [aadObjectId]: card };
  }

  remove(conversationId: string, activityId: string): boolean {
    const message = this.#messages.get(keyOf(conversationId, activityId));
    if (message === undefined) return false;
    message.deleted = true;
    return true;
  }

  messages(): readonly StoredMessage[] {
    return [...this.#messages.values()].map((message) => ({ ...message }));
  }
}

/** The card a person sees. */
export function cardSeenBy(message: StoredMessage, aadObjectId: string): JsonObject | undefined {
  return message.own[aadObjectId] ?? message.versions.at(-1);
}

function cardsOf(activity: JsonObject): JsonObject[] {
  const attachments = Array.isArray(activity['attachments']) ? (activity['attachments'] as JsonObject[]) : [];
  return attachments
    .filter((attachment) => attachment['contentType'] === 'application/vnd.microsoft.card.adaptive')
    .map((attachment) => attachment['content'] as JsonObject);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function keyOf(conversationId: string, activityId: string): string {
  return JSON.stringify([conversationId, activityId]);
}
