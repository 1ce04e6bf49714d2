import { Type, type Static } from 'typebox';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, parseYaml } from '../config/load.js';
import { circleWindowMs } from '../domain/circles.js';
import { CountersignError } from '../domain/errors.js';
import type { ApproverSet, ChannelRef, PlanStage } from '../domain/plan.js';
import { assurances } from '../domain/principal.js';
import { isSoundStage } from '../domain/separation.js';

const strict = { additionalProperties: false } as const;
const Id = Type.String({ minLength: 1, maxLength: 128 });
const Span = Type.String({ pattern: '^[1-9][0-9]{0,5}(s|m|h|d)$', description: 'A length of time such as 20s, 5m, 24h or 7d' });
const Approvers = Type.Object(
  { groups: Type.Optional(Type.Array(Id, { maxItems: 50 })), people: Type.Optional(Type.Array(Id, { maxItems: 50 })) },
  { ...strict, minProperties: 1 },
);
const ChannelEntry = Type.Union([Type.Literal('teams'), Type.Literal('inbox'), Type.Object({ teams: Type.Object({ channel: Id }, strict) }, strict)]);

const StageEntry = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 100 }),
    approvers: Approvers,
    quorum: Type.Optional(Type.Integer({ minimum: 1, maximum: 20 })),
    remind_after: Type.Optional(Type.Array(Span, { maxItems: 10 })),
    escalate: Type.Optional(
      Type.Array(Type.Object({ after: Span, approvers: Approvers, channels: Type.Optional(Type.Array(ChannelEntry, { minItems: 1, maxItems: 5 })) }, strict), {
        maxItems: 10,
      }),
    ),
    expires_in: Span,
    assurance: Type.Optional(Type.Union(assurances.map((name) => Type.Literal(name)))),
    channels: Type.Optional(Type.Array(ChannelEntry, { minItems: 1, maxItems: 5 })),
  },
  strict,
);

/** Refuses two people who approve each other's actions, within 30 days or the time that is given. */
const Circles = Type.Union([Type.Literal('refuse'), Type.Object({ refuse: Span }, strict)]);

/** `routes.yaml`: who is asked, in which order, for how long. */
export const RoutesFile = Type.Object(
  {
    routes: Type.Record(
      Type.String({ pattern: '^[a-z][a-z0-9-]{0,62}$' }),
      Type.Object({ stages: Type.Array(StageEntry, { minItems: 1, maxItems: 10 }), circles: Type.Optional(Circles) }, strict),
    ),
  },
  strict,
);

const validate = new Ajv2020({ strict: true, allowUnionTypes: true }).compile<Static<typeof RoutesFile>>(RoutesFile);
const unitMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Milliseconds of a span such as `5m`. Requires the form that the schema demands. */
export function spanMs(span: string): number {
  return Number(span.slice(0, -1)) * unitMs[span.slice(-1) as keyof typeof unitMs];
}

/** Reads `routes.yaml`. Throws `config-invalid` with file and line. */
export function parseRoutes(file: string, text: string): ReadonlyMap<string, readonly PlanStage[]> {
  const { document, lines, data } = parseYaml(file, text);
  if (!validate(data)) throw new CountersignError('config-invalid', describe(file, document, lines, validate.errors?.at(-1)));
  const routes = new Map<string, readonly PlanStage[]>();
  for (const [route, { stages, circles }] of Object.entries(data.routes)) {
    const forAll = circles === undefined ? {} : { circles: { refuseWithinMs: circles === 'refuse' ? circleWindowMs : spanMs(circles.refuse) } };
    routes.set(
      route,
      stages.map((entry, index) => checked(file, route, { ...toStage(route, entry), ...forAll }, index)),
    );
  }
  return routes;
}

function checked(file: string, route: string, stage: PlanStage, index: number): PlanStage {
  const where = `${file}: route "${route}", stage ${index + 1}`;
  if (!isSoundStage(stage)) throw new CountersignError('config-invalid', `${where} names nobody who could approve.`);
  const tooLate = [...stage.remindAfterMs, ...stage.escalations.map((step) => step.afterMs)].some((afterMs) => afterMs >= stage.expiresInMs);
  if (tooLate) throw new CountersignError('config-invalid', `${where} reminds or escalates after it has expired.`);
  return stage;
}

function toStage(route: string, entry: Static<typeof StageEntry>): PlanStage {
  const channels = toChannels(entry.channels ?? ['inbox']);
  return {
    name: entry.name,
    route,
    approvers: toApprovers(entry.approvers),
    quorum: entry.quorum ?? 1,
    remindAfterMs: (entry.remind_after ?? []).map(spanMs).sort((a, b) => a - b),
    escalations: (entry.escalate ?? [])
      .map((step) => ({
        afterMs: spanMs(step.after),
        approvers: toApprovers(step.approvers),
        channels: step.channels === undefined ? channels : toChannels(step.channels),
      }))
      .sort((a, b) => a.afterMs - b.afterMs),
    expiresInMs: spanMs(entry.expires_in),
    assurance: entry.assurance ?? 'chat',
    channels,
  };
}

function toApprovers(entry: Static<typeof Approvers>): ApproverSet {
  return { groups: entry.groups ?? [], people: entry.people ?? [] };
}

function toChannels(entries: readonly Static<typeof ChannelEntry>[]): readonly ChannelRef[] {
  return entries.map((entry) => (typeof entry === 'string' ? { kind: entry } : { kind: 'teams', channelId: entry.teams.channel }));
}
