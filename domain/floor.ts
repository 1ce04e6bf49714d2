import type { Seat } from './grant.js';
import { assuranceSuffices, type Assurance } from './principal.js';
import type { ActionRequest } from './request.js';

/** The least that an executor's operator demands, whatever policy asks for. */
export type FloorRule = {
  /** Names of actions; `*` stands for any characters. */
  readonly action: string;
  /** Ids of resources, in the same way; any resource when absent. */
  readonly resource?: string;
  /** Distinct people who must have approved. */
  readonly quorum: number;
  /** How strongly each of them must have proved who they are. */
  readonly assurance: Assurance;
};

/**
 * Says which rule a request would run below; undefined if none. Every rule that speaks of the request must hold.
 * Requires approvals that were verified; what counts is what was proven, not what a decision claims.
 */
export function belowFloor(
  floor: readonly FloorRule[],
  request: Pick<ActionRequest, 'action' | 'resource'>,
  seats: readonly { readonly decision: { readonly person: { readonly id: string } }; readonly proven: Pick<Seat['proven'], 'assurance'> }[],
): string | undefined {
  for (const rule of floor) {
    if (!matchesGlob(rule.action, request.action) || (rule.resource !== undefined && !matchesGlob(rule.resource, request.resource.id))) continue;
    const people = new Set(seats.filter(({ proven }) => assuranceSuffices(proven.assurance, rule.assurance)).map(({ decision }) => decision.person.id));
    // Written so that a quorum that is no number is met by nobody.
    if (!(people.size >= rule.quorum))
      return `${rule.action}${rule.resource === undefined ? '' : ` on ${rule.resource}`} needs ${rule.quorum} people with ${rule.assurance}, and has ${people.size}`;
  }
  return undefined;
}

/**
 * True if `text` fits a pattern in which `*` stands for any characters, none included. Upper and lower case count as the same:
 * a floor must not be passed by under by another spelling. Takes time in proportion to the product of both lengths at most.
 */
export function matchesGlob(pattern: string, text: string): boolean {
  return matchesGlobExactly(pattern.toLowerCase(), text.toLowerCase());
}

/** {@link matchesGlob} for whom upper and lower case differ. */
export function matchesGlobExactly(glob: string, word: string): boolean {
  let [at, from, star, mark] = [0, 0, -1, 0];
  while (from < word.length) {
    if (glob[at] === '*') [star, mark, at] = [at, from, at + 1];
    else if (at < glob.length && glob[at] === word[from]) [at, from] = [at + 1, from + 1];
    else if (star >= 0) [at, mark, from] = [star + 1, mark + 1, mark + 1];
    else return false;
  }
  while (glob[at] === '*') at += 1;
  return at === glob.length;
}
