import { Ajv } from 'ajv';
import { Type, type Static } from 'typebox';
import { CountersignError } from '../../domain/errors.js';
import { maxCommentLength } from '../../domain/cards/adaptive-card.js';
import type { ChannelToken } from './channel-token.js';

const Id = Type.String({ minLength: 1, maxLength: 1024 });
const Guid = Type.String({ pattern: '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' });
const Short = Type.String({ maxLength: 1024 });

/** The parts of an activity that we read. Channels add more all the time, so other members are let through unread. */
export const Activity = Type.Object({
  type: Type.String({ minLength: 1, maxLength: 64 }),
  id: Id,
  channelId: Type.String({ minLength: 1, maxLength: 64 }),
  serviceUrl: Type.String({ minLength: 1, maxLength: 2048 }),
  name: Type.Optional(Short),
  replyToId: Type.Optional(Short),
  from: Type.Object({ id: Id, aadObjectId: Type.Optional(Guid), role: Type.Optional(Short) }),
  conversation: Type.Object({ id: Id, tenantId: Type.Optional(Short), conversationType: Type.Optional(Short) }),
  recipient: Type.Object({ id: Id }),
  channelData: Type.Optional(Type.Object({ tenant: Type.Optional(Type.Object({ id: Type.Optional(Short) })) })),
  value: Type.Optional(Type.Unknown()),
});
export type Activity = Static<typeof Activity>;

/** What a click on one of our cards carries. No member names a person. */
export const Click = Type.Object({
  trigger: Type.Optional(Short),
  action: Type.Object({
    type: Type.Literal('Action.Execute'),
    verb: Type.Union([Type.Literal('approve'), Type.Literal('reject'), Type.Literal('refresh')]),
    data: Type.Object(
      {
        actionId: Type.String({ pattern: '^act_[a-z0-9]{8,64}$' }),
        digest: Type.String({ pattern: '^sha256:[0-9a-f]{64}$' }),
        verb: Type.Union([Type.Literal('approve'), Type.Literal('reject'), Type.Literal('refresh')]),
        comment: Type.Optional(Type.String({ maxLength: maxCommentLength })),
      },
      { additionalProperties: false },
    ),
  }),
});
export type Click = Static<typeof Click>;

/** The name Teams gives to a click on an Action.Execute, and to an automatic refresh. */
export const cardInvoke = 'adaptiveCard/action';

const ajv = new Ajv({ strict: true });
const isActivity = ajv.compile<Activity>(Activity);
const isClick = ajv.compile<Click>(Click);

/**
 * The activity in a verified request, if the token vouches for all of it: the channel is Teams and the key may speak
 * for it, the service address is the signed one, and the tenant is ours wherever it is named.
 * Throws `request-malformed`, `token-invalid` or `not-permitted`.
 */
export function admit(body: unknown, token: ChannelToken, tenantId: string): Activity {
  if (!isActivity(body)) throw new CountersignError('request-malformed', 'This is not an activity of the Bot Framework.');
  // An activity without a service address would slip past a comparison that is only made when it is there; the schema requires it.
  if (body.serviceUrl !== token.serviceUrl) throw new CountersignError('token-invalid', 'The token was issued for another service address.');
  if (body.channelId !== 'msteams') throw new CountersignError('not-permitted', 'Only the channel msteams is served here.');
  if (!token.endorsements.includes('msteams')) throw new CountersignError('token-invalid', 'The key that signed may not speak for this channel.');
  const tenants = [body.channelData?.tenant?.id, body.conversation.tenantId].filter((tenant) => tenant !== undefined);
  if (tenants.length === 0 || tenants.some((tenant) => tenant.toLowerCase() !== tenantId.toLowerCase())) {
    throw new CountersignError('not-permitted', 'This tenant is not served here.');
  }
  return body;
}

/** The click in an invoke. Throws `request-malformed` when the card's data is not as we sent it. */
export function clickOf(activity: Activity): Click {
  if (!isClick(activity.value) || activity.value.action.verb !== activity.value.action.data.verb) {
    throw new CountersignError('request-malformed', 'The data of this card is not what Countersign put on it.');
  }
  return activity.value;
}
