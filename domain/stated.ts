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
 * no denial or review lifted, no fewer people, no weaker assurance. So whoever signs plans gains nothing by what they state.
 */
export function fallsShortOfBoth(plan: Plan, own: Plan, told: Plan): string | undefined {
  if (strictness(own) > strictness(told)) return fallsShort(plan, own);
  const short = fallsShort(plan, told);
  if (short !== undefined || own.outcome !== 'review') return short;
  if (people(plan) < people(own)) return `${people(plan)} instead of ${people(own)} people, by what the executor itself knows of risk`;
  return strongest(plan) < strongest(own) ? 'a weaker assurance than by what the executor itself knows of risk' : undefined;
}

function strictness({ outcome }: Plan): number {
  return ['allow', 'review', 'deny'].indexOf(outcome);
}

function people({ stages }: Plan): number {
  return stages.reduce((sum, stage) => sum + stage.quorum, 0);
}

function strongest({ stages }: Plan): number {
  return Math.max(-1, ...stages.map((stage) => assurances.indexOf(stage.assurance)));
}
