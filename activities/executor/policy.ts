import { ApplicationFailure } from '@temporalio/common';
import type { ExecutorDeps } from '../deps.js';
import { fresh } from '../../directory/port.js';
import type { ConnectorDefinition } from '../../domain/connector.js';
import { CountersignError } from '../../domain/errors.js';
import { belowFloor } from '../../domain/floor.js';
import type { GrantVerdict, Seat } from '../../domain/grant.js';
import type { Plan } from '../../domain/plan.js';
import type { ActionRequest } from '../../domain/request.js';
import { involvedIn, refuseApprover } from '../../domain/separation.js';
import { fallsShortOfBoth, statedSignals } from '../../domain/stated.js';
import { makePlan } from '../../policy/plan.js';

type Verified = Extract<GrantVerdict, { ok: true }>;

/**
 * Evaluates the signed policy on this request, by the executor's own clock, connectors and directory. It has no history: signals
 * of history are taken from the plan, and can only make more of what it sees itself. Throws
 * `plan-below-policy` if the plan asks for less, and `policy-unavailable` or `directory-unavailable` if it cannot tell.
 * Returns how many people policy wants to have approved at the least.
 */
export async function requirePolicy(deps: ExecutorDeps, request: ActionRequest, plan: Plan): Promise<number> {
  const bundle = deps.policy.bundle();
  const { timeZone, environment } = deps.policy;
  const planDeps = {
    bundle: () => bundle,
    directory: fresh(deps.policy.directory),
    connectors: definitionsOf(deps),
    timeZone,
    environment,
    approvalsBy: (people: readonly string[], since: string) => deps.grants.approvalsBy(people, since),
  };
  const now = deps.now();
  const { plan: own } = await makePlan(planDeps, request, now);
  const stated = statedSignals(plan);
  const { plan: told } = stated.length === 0 ? { plan: own } : await makePlan({ ...planDeps, stated }, request, now);
  for (const { denial } of [own, told]) if (denial?.code === 'directory-unavailable') throw new CountersignError('directory-unavailable', denial.detail);
  const short = fallsShortOfBoth(plan, own, told);
  if (short !== undefined) throw new CountersignError('plan-below-policy', `The executor refused the plan: ${short}.`.replace(/\.\.$/, '.'));
  return Math.max(plan.executorFloor ?? 0, own.executorFloor ?? 0, told.executorFloor ?? 0);
}

/**
 * All that a verified grant has to pass, besides its signatures, before it takes effect: policy, the executor's own directory
 * and its floor. Throws the refusal.
 */
export async function admit(deps: ExecutorDeps, request: ActionRequest, verdict: Verified): Promise<void> {
  const people = await requirePolicy(deps, request, verdict.plan);
  await requireApprovers(deps, request, verdict);
  const below = belowFloor(deps.policy.floor, request, verdict.seats);
  if (below !== undefined) throw new CountersignError('below-floor', `The executor refused the grant: ${below}.`);
  const approved = new Set(verdict.seats.map(({ decision }) => decision.person.id)).size;
  if (approved < people) throw new CountersignError('below-floor', `The executor refused the grant: policy wants ${people} people, and it has ${approved}.`);
}

/**
 * The same for an action that has begun and may have had its effect: a refusal is returned, not thrown, since it no longer
 * means that nothing happened. Throws, so that it is tried again, while it cannot be told.
 */
export async function refuseRepetition(deps: ExecutorDeps, request: ActionRequest, verdict: Verified): Promise<CountersignError | undefined> {
  try {
    await admit(deps, request, verdict);
    return undefined;
  } catch (error) {
    if (!(error instanceof CountersignError)) throw error;
    if (error.code === 'directory-unavailable' || error.code === 'policy-unavailable') throw ApplicationFailure.retryable(error.detail, 'execution-unclear');
    return error;
  }
}

/** Holds every approver against the executor's own directory: what a decision says of groups is the api's word. */
async function requireApprovers(deps: ExecutorDeps, request: ActionRequest, { plan, seats }: Verified): Promise<void> {
  const counted: Seat[] = [];
  for (const seat of seats) {
    const { decision, proven, stage, level } = seat;
    const person = await deps.policy.directory.person(decision.person.id, { fresh: true });
    if (person === undefined || !person.active)
      throw new CountersignError('approver-not-eligible', 'The executor refused the grant: its directory does not know an approver, or they are not active.');
    const refusal = refuseApprover({
      stage,
      level,
      excluded: [...plan.excluded, ...involvedIn(request)],
      counted: counted.map((earlier) => earlier.decision.person.id),
      candidate: person,
      proven,
    });
    if (refusal !== undefined) throw new CountersignError(refusal.code, `The executor refused the grant: ${refusal.detail}`);
    counted.push(seat);
  }
}

const definitions = new WeakMap<ExecutorDeps, ReadonlyMap<string, ConnectorDefinition>>();

function definitionsOf(deps: ExecutorDeps): ReadonlyMap<string, ConnectorDefinition> {
  let known = definitions.get(deps);
  if (known === undefined) {
    known = new Map([...[...deps.connectors.values()].map(({ definition }) => definition), ...deps.external.values()].map((one) => [one.name, one]));
    definitions.set(deps, known);
  }
  return known;
}
