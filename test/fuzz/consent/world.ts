import fc from 'fast-check';
import type { DirectoryFile } from '../../../directory/schema.js';

/** One organisation, one request and what people and attackers then do. People, agents and groups are numbers. */
export type World = {
  readonly people: readonly { readonly active: boolean; readonly groups: readonly number[]; readonly accounts: number }[];
  readonly agents: readonly { readonly owner: number; readonly actsFor: readonly number[] }[];
  readonly requester: Actor;
  readonly onBehalfOf?: number | undefined;
  readonly via: readonly Actor[];
  readonly stages: readonly Stage[];
  /** Who approved whose actions before, and how many days ago it ran. */
  readonly past: readonly { readonly by: number; readonly of: number; readonly daysAgo: number }[];
  readonly tries: readonly Try[];
  /** What an attacker who holds Temporal and the worker's policy key presents: tries by number, each for a stage. */
  readonly presented: readonly { readonly nth: number; readonly stage: number }[];
  /** They look for tries that fit their plan, instead of presenting those above. */
  readonly clever: boolean;
  /** In what the attacker makes the plan ask for less, before they sign it. */
  readonly forged?: (typeof forgeries)[number] | undefined;
};
export const forgeries = ['nothing excluded', 'one is enough', 'a stage less', 'anybody', 'chat is enough', 'circles pass', 'at once'] as const;
export type Actor = { readonly kind: 'agent' | 'person'; readonly who: number };
export type Approvers = { readonly groups: readonly number[]; readonly people: readonly number[] };
export type Stage = Approvers & {
  readonly quorum: number;
  readonly assurance: 'chat' | 'login' | 'mfa';
  readonly minutes: number;
  readonly escalation?: (Approvers & { readonly after: number }) | undefined;
  readonly circles: boolean;
};
/** Somebody decides, so many minutes after the one before; `account` is one of theirs. `lies`: the api claims every group for them. */
export type Try = {
  readonly by: Actor;
  readonly account: number;
  readonly verdict: 'approve' | 'reject';
  readonly wait: number;
  readonly assurance: Stage['assurance'];
  readonly proven: boolean;
  readonly lies: boolean;
};

const persons = 8;
const everybody = Array.from({ length: persons }, (_, who) => who);
const person = fc.nat({ max: persons - 1 });
const groups = fc.constantFrom([0, 1, 2], [0, 1], [1, 2], [0], [1], [2], []);
const actor = fc.record({ kind: fc.constantFrom('agent' as const, 'person' as const), who: fc.nat({ max: 1 }) });
const approvers = fc
  .record({ groups, people: fc.uniqueArray(person, { maxLength: 2 }) })
  .map((set) => (set.groups.length + set.people.length > 0 ? set : { ...set, groups: [0] }));
const assurance = fc.constantFrom('chat' as const, 'chat' as const, 'login' as const, 'mfa' as const, 'mfa' as const);
const stage: fc.Arbitrary<Stage> = fc
  .record({
    set: approvers,
    quorum: fc.constantFrom(1, 1, 1, 1, 2, 2, 3),
    assurance: fc.constantFrom('chat' as const, 'chat' as const, 'chat' as const, 'login' as const, 'mfa' as const),
    minutes: fc.constantFrom(30, 60),
    escalation: fc.option(fc.record({ set: approvers, after: fc.constantFrom(5, 20) }), { nil: undefined, freq: 2 }),
    circles: fc.boolean(),
  })
  .map(({ set, escalation, quorum, ...rest }) => ({
    ...set,
    ...rest,
    // A route that asks for more people than it names is refused when it is read.
    quorum: set.groups.length === 0 && escalation === undefined ? Math.min(quorum, set.people.length) : quorum,
    escalation: escalation === undefined ? undefined : { ...escalation.set, after: escalation.after },
  }));
const oneTry: fc.Arbitrary<Try & { readonly again: boolean }> = fc.record({
  again: fc.constantFrom(false, false, true),
  by: fc.record({ kind: fc.constantFrom('agent' as const, ...Array.from({ length: 9 }, () => 'person' as const)), who: person }),
  account: fc.nat({ max: 1 }),
  verdict: fc.constantFrom('reject' as const, ...Array.from({ length: 14 }, () => 'approve' as const)),
  wait: fc.constantFrom(0, 0, 1, 4, 11, 25),
  assurance,
  proven: fc.constantFrom(true, true, true, false),
  lies: fc.boolean(),
});

// Anything at all; the first tries in the order of their stages; and all for the first stage.
const presented = fc.array(fc.record({ nth: fc.nat({ max: 8 }), stage: fc.nat({ max: 2 }) }), { minLength: 1, maxLength: 5 });

export const world: fc.Arbitrary<World> = fc.record({
  people: fc.array(fc.record({ active: fc.nat({ max: 11 }).map((one) => one !== 0), groups, accounts: fc.constantFrom(1, 2) }), {
    minLength: persons,
    maxLength: persons,
  }),
  agents: fc.array(fc.record({ owner: person, actsFor: fc.oneof({ weight: 4, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: fc.tuple(person) }) }), {
    minLength: 2,
    maxLength: 2,
  }),
  requester: actor,
  onBehalfOf: fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: person }),
  via: fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: fc.tuple(actor) }),
  stages: fc.array(stage, { minLength: 1, maxLength: 3 }),
  past: fc.array(fc.record({ by: person, of: person, daysAgo: fc.constantFrom(1, 29, 31) }), { maxLength: 3 }),
  tries: fc
    .tuple(fc.array(oneTry, { minLength: 2, maxLength: 9 }), fc.shuffledSubarray(everybody, { minLength: 4 }))
    .map(([all, order]) => all.map((one, nth) => ({ ...one, by: { ...one.by, who: one.again ? one.by.who : (order[nth] ?? one.by.who) } }))),
  presented: fc.oneof(
    presented,
    presented.map((all) => all.map((one, nth) => ({ ...one, nth })).sort((a, b) => a.stage - b.stage)),
    presented.map((all) => all.map((_, nth) => ({ nth, stage: 0 }))),
  ),
  clever: fc.constantFrom(true, true, false),
  forged: fc.option(fc.constantFrom(...forgeries), { nil: undefined, freq: 3 }),
});

/** The directory of a world, under ids that begin with `prefix`. */
export function directoryOf(prefix: string, { people, agents }: World): DirectoryFile {
  return {
    groups: [0, 1, 2].map((group) => ({ id: `g${group}`, name: `Group ${group}` })),
    people: people.map(({ active, groups: memberOf, accounts }, who) => ({
      id: `${prefix}p${who}`,
      name: `Person ${who}`,
      active,
      groups: memberOf.map((group) => `g${group}`),
      accounts: Array.from({ length: accounts }, (_, account) => ({ issuer: 'idp', subject: `${prefix}p${who}-${account}` })),
    })),
    agents: agents.map(({ owner, actsFor }, who) => ({
      id: `${prefix}a${who}`,
      name: `Agent ${who}`,
      owner: `${prefix}p${owner}`,
      ...(actsFor.length === 0 ? {} : { actsFor: actsFor.map((one) => `${prefix}p${one}`) }),
      accounts: [{ issuer: 'idp', subject: `${prefix}a${who}-0` }],
    })),
  };
}

/** The stages as `routes.yaml` has them, one route each, since circles are a matter of the route. */
export function routesOf(prefix: string, stages: readonly Stage[]): string {
  const set = (of: Approvers) => ({ groups: of.groups.map((group) => `g${group}`), people: of.people.map((who) => `${prefix}p${who}`) });
  const routes = stages.map((one, index) => [
    `r${index}`,
    {
      ...(one.circles ? { circles: 'refuse' } : {}),
      stages: [
        {
          name: `Stage ${index}`,
          approvers: set(one),
          quorum: one.quorum,
          assurance: one.assurance,
          expires_in: `${one.minutes}m`,
          ...(one.escalation === undefined ? {} : { escalate: [{ after: `${one.escalation.after}m`, approvers: set(one.escalation) }] }),
        },
      ],
    },
  ]);
  return JSON.stringify({ routes: Object.fromEntries(routes) });
}
