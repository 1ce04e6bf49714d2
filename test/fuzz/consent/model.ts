import type { Actor, Approvers, Stage, Try, World } from './world.js';

// The rules once more, as plainly as they can be said and from nothing that the product is made of: sets of numbers, and every
// way tried. It tells what must hold when something ran, with the tolerance for clocks and for what was under way.
const clockMinutes = 1;
const underWayMinutes = 10;
const rank = { chat: 0, login: 1, mfa: 2 };

/** An approval that was presented for execution: who, and when in minutes after the request. */
export type Given = Try & { readonly at: number };

/** The humans who have to do with a request, by number. */
export function involved({ requester, agents, onBehalfOf, via }: World): ReadonlySet<number> {
  const human = (actor: Actor) => (actor.kind === 'person' ? actor.who : (agents[actor.who]?.owner ?? -1));
  const silent = requester.kind === 'agent' && onBehalfOf === undefined ? (agents[requester.who]?.actsFor ?? []) : [];
  return new Set([human(requester), ...via.map(human), ...(onBehalfOf === undefined ? [] : [onBehalfOf]), ...silent]);
}

/** Those of them who asked, own or benefit: whose former approvals can close a circle. */
function behind(world: World): ReadonlySet<number> {
  return involved({ ...world, agents: world.agents.map((agent) => ({ ...agent, actsFor: [] })) });
}

function named(world: World, who: number, set: Approvers): boolean {
  return set.people.includes(who) || set.groups.some((group) => world.people[who]?.groups.includes(group));
}

/** Whether this approval may fill a place of this stage. */
function fits(world: World, given: Given, stage: Stage, latest: number): boolean {
  const { who } = given.by;
  if (given.by.kind !== 'person' || given.verdict !== 'approve' || world.people[who]?.active !== true || involved(world).has(who)) return false;
  const asked =
    named(world, who, stage) || (stage.escalation !== undefined && given.at + clockMinutes >= stage.escalation.after && named(world, who, stage.escalation));
  if (!asked || given.at >= latest) return false;
  if (rank[given.proven ? given.assurance : 'chat'] < rank[stage.assurance]) return false;
  const others = behind(world);
  // 30 days, counted back from when it was approved; what ran a day before or after the border is not in these worlds.
  return !(stage.circles && world.past.some((past) => past.by !== past.of && past.of === who && others.has(past.by) && past.daysAgo < 30));
}

/** Whether these approvals can be what the policy of this world asks for: some way to fill every place with another human. */
export function enough(world: World, given: readonly Given[]): boolean {
  let end = 0;
  const places = world.stages.flatMap((stage) => {
    end += stage.minutes + underWayMinutes;
    const latest = end;
    return Array.from({ length: stage.quorum }, () => ({ stage, latest }));
  });
  const fill = (place: number, taken: readonly number[]): boolean => {
    const at = places[place];
    if (at === undefined) return true;
    return given.some((one) => !taken.includes(one.by.who) && fits(world, one, at.stage, at.latest) && fill(place + 1, [...taken, one.by.who]));
  };
  return fill(0, []);
}
