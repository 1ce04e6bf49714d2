import { Type, type Static } from 'typebox';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, lineOf, parseYaml } from '../config/load.js';
import { circleWindowMs } from '../domain/circles.js';
import { CountersignError } from '../domain/errors.js';
import type { ApproverSet, ChannelRef, PlanStage } from '../domain/plan.js';
import { assurances } from '../domain/principal.js';
import { isSoundStage } from '../domain/separation.js';

const strict = { additionalProperties: false } as const;
const Id = Type.String({ minLength: 1, maxLength: 128 });
const Span = Type.String({ pattern: '^[1-9][0-9]{0,5}(s|m|h|d)$', description: 'A length of time such as 20s, 5m, 24h or 7d' });
const Approvers = Type.Object(
  {
    groups: Type.Optional(Type.Array(Id, { maxItems: 50 })),
    people: Type.Optional(Type.Array(Id, { maxItems: 50 })),
    manager_of: Type.Optional(Type.Union([Type.Literal('owner'), Type.Literal('requester')])),
  },
  { ...strict, minProperties: 1 },
);
const maxQuorum = 20;
const ChannelEntry = Type.Union([Type.Literal('teams'), Type.Literal('inbox'), Type.Object({ teams: Type.Object({ channel: Id }, strict) }, strict)]);

const StageEntry = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 100 }),
    approvers: Approvers,
    quorum: Type.Optional(Type.Union([Type.Integer({ minimum: 1, maximum: maxQuorum }), Type.Literal('all')])),
    reject_quorum: Type.Optional(Type.Integer({ minimum: 1, maximum: maxQuorum })),
    remind_after: Type.Optional(Type.Array(Span, { maxItems: 10 })),
    escalate: Type.Optional(
      Type.Array(
        Type.Object(
          {
            after: Span,
            approvers: Approvers,
            mode: Type.Optional(Type.Union([Type.Literal('add'), Type.Literal('replace')])),
            channels: Type.Optional(Type.Array(ChannelEntry, { minItems: 1, maxItems: 5 })),
          },
          strict,
        ),
        { maxItems: 10 },
      ),
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
      Type.Object({ stages: Type.Array(StageEntry, { minItems: 1, maxItems: 10 }), circles: Type.Optional(Circles), expires_in: Type.Optional(Span) }, strict),
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

/** Approvers of whom one is found only when somebody asks. */
export type RouteApprovers = ApproverSet & { readonly managerOf?: 'owner' | 'requester' };

/** A stage as a route has it: what depends on the request is still open, and `resolveStages` settles it. */
export type RouteStage = Omit<PlanStage, 'approvers' | 'escalations'> & {
  readonly approvers: RouteApprovers;
  readonly escalations: readonly (PlanStage['escalations'][number] & { readonly approvers: RouteApprovers })[];
  /** All of the approvers must approve. */
  readonly everybody?: true;
  /** How long the whole route may take. */
  readonly routeExpiresInMs?: number;
};

/** Reads `routes.yaml`. Throws `config-invalid` with file and line. */
export function parseRoutes(file: string, text: string): ReadonlyMap<string, readonly RouteStage[]> {
  const { document, lines, data } = parseYaml(file, text);
  if (!validate(data)) throw new CountersignError('config-invalid', describe(file, document, lines, validate.errors?.at(-1)));
  const routes = new Map<string, readonly RouteStage[]>();
  for (const [route, { stages, circles, expires_in: expiresIn }] of Object.entries(data.routes)) {
    const forAll = {
      ...(circles === undefined ? {} : { circles: { refuseWithinMs: circles === 'refuse' ? circleWindowMs : spanMs(circles.refuse) } }),
      ...(expiresIn === undefined ? {} : { routeExpiresInMs: spanMs(expiresIn) }),
    };
    const place = (index: number) => `${file}:${lineOf(document, lines, ['routes', route, 'stages', index])}: route "${route}", stage ${index + 1}`;
    routes.set(
      route,
      stages.map((entry, index) => checked(place(index), { ...toStage(route, entry), ...forAll }, entry)),
    );
  }
  return routes;
}

function checked(where: string, stage: RouteStage, entry: Static<typeof StageEntry>): RouteStage {
  const refuse = (why: string): never => {
    throw new CountersignError('config-invalid', `${where} ${why}`);
  };
  const { approvers, escalations, everybody, rejectQuorum = 1 } = stage;
  if (!isSoundStage(stage) && approvers.managerOf === undefined) refuse('names nobody who could approve.');
  if (escalations.some((step) => step.approvers.groups.length + step.approvers.people.length === 0 && step.approvers.managerOf === undefined))
    refuse('escalates to nobody.');
  if ([...stage.remindAfterMs, ...escalations.map((step) => step.afterMs)].some((afterMs) => afterMs >= stage.expiresInMs))
    refuse('reminds or escalates after it has expired.');
  if (everybody === true && escalations.length > 0) refuse('asks for all of its approvers, so nobody can be added or take their place; remove "escalate".');
  const named = approvers.groups.length === 0 && approvers.managerOf === undefined && escalations.length === 0 ? approvers.people.length : Infinity;
  if (typeof entry.quorum === 'number' && entry.quorum > named) refuse(`asks for ${entry.quorum} people and names ${named}.`);
  if (rejectQuorum > named) refuse(`asks ${rejectQuorum} people to reject and names ${named}.`);
  return stage;
}

function toStage(route: string, entry: Static<typeof StageEntry>): RouteStage {
  const channels = toChannels(entry.channels ?? ['inbox']);
  return {
    name: entry.name,
    route,
    approvers: toApprovers(entry.approvers),
    quorum: entry.quorum === 'all' ? 1 : (entry.quorum ?? 1),
    ...(entry.quorum === 'all' ? { everybody: true as const } : {}),
    ...(entry.reject_quorum === undefined || entry.reject_quorum === 1 ? {} : { rejectQuorum: entry.reject_quorum }),
    remindAfterMs: (entry.remind_after ?? []).map(spanMs).sort((a, b) => a - b),
    escalations: (entry.escalate ?? [])
      .map((step) => ({
        afterMs: spanMs(step.after),
        approvers: toApprovers(step.approvers),
        channels: step.channels === undefined ? channels : toChannels(step.channels),
        ...(step.mode === 'replace' ? { mode: step.mode } : {}),
      }))
      .sort((a, b) => a.afterMs - b.afterMs),
    expiresInMs: spanMs(entry.expires_in),
    assurance: entry.assurance ?? 'chat',
    channels,
  };
}

function toApprovers(entry: Static<typeof Approvers>): RouteApprovers {
  return { groups: entry.groups ?? [], people: entry.people ?? [], ...(entry.manager_of === undefined ? {} : { managerOf: entry.manager_of }) };
}

function toChannels(entries: readonly Static<typeof ChannelEntry>[]): readonly ChannelRef[] {
  return entries.map((entry) => (typeof entry === 'string' ? { kind: entry } : { kind: 'teams', channelId: entry.teams.channel }));
}
