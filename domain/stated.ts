import type { Plan } from './plan.js';
import { assurances } from './principal.js';
import { historySignals } from './risk/rules.js';
import { fallsShort } from './stricter.js';

/** The signals of history that a plan states: what only somebody with a history can have seen. */
export function statedSignals(plan: Plan): readonly string[] {
  // A plan may be signed by a stolen key, and its guards look only at what consent is judged by.
  const signals = (plan.risk as Partial<Plan['risk']> | undefined)?.signals;
  if (!Array.isArray(signals)) return [];
  return (signals as Plan['risk']['signals']).map((signal) => signal?.name).filter((name) => historySignals.has(name));
}

/**
 * Says in what a signed plan asks for less than two evaluations of one's own: `own` on what is known here, `told` with the signals of
 * history that the plan states as well. They may lead to another route, as policy says of risk, and never to less than `own` does:
 * no denial or review lifted, no fewer people at any assurance, no circle let through. So whoever signs plans gains nothing by what they state.
 */
export function fallsShortOfBoth(plan: Plan, own: Plan, told: Plan): string | undefined {
  if (strictness(own) > strictness(told)) return fallsShort(plan, own);
  const short = fallsShort(plan, told);
  if (short !== undefined || own.outcome !== 'review') return short;
  for (const [level, name] of assurances.entries()) {
    const [has, wants] = [people(plan, level), people(own, level)];
    if (has < wants) return `${has} instead of ${wants} people with assurance ${name} or more, by what the executor itself knows of risk`;
  }
  return circlesWithinMs(plan, Math.min) < circlesWithinMs(own, Math.max) ? 'circles are let through, which the executor itself would have refused' : undefined;
}

function strictness({ outcome }: Plan): number {
  return ['allow', 'review', 'deny'].indexOf(outcome);
}

/** How many different people have to approve with this assurance or a stronger one. */
function people({ stages }: Plan, level: number): number {
  return stages.filter((stage) => assurances.indexOf(stage.assurance) >= level).reduce((sum, stage) => sum + stage.quorum, 0);
}

function circlesWithinMs({ stages }: Plan, of: (...values: number[]) => number): number {
  return of(...stages.map((stage) => stage.circles?.refuseWithinMs ?? 0));
}
