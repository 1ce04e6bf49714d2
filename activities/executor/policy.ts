import { ApplicationFailure } from '@temporalio/common';
import type { ExecutorDeps } from '../deps.js';
import { fresh } from '../../directory/port.js';
import type { ConnectorDefinition } from '../../domain/connector.js';
import { CountersignError } from '../../domain/errors.js';
import { belowFloor } from '../../domain/floor.js';
import type { GrantVerdict } from '../../domain/grant.js';
import type { Plan } from '../../domain/plan.js';
import type { PersonId } from '../../domain/principal.js';
import type { ActionRequest } from '../../domain/request.js';
import { judgePlan, peopleIn, refuseApprovers, type OwnJudgement } from '../../policy/admission.js';

type Verified = Extract<GrantVerdict, { ok: true }>;

/**
 * Evaluates the signed policy on this request, by the executor's own clock, connectors and directory. It has no history: signals
 * of history are taken from the plan, and can only make more of what it sees itself. Throws
 * `plan-below-policy` if the plan asks for less, and `policy-unavailable` or `directory-unavailable` if it cannot tell.
 */
export async function requirePolicy(deps: ExecutorDeps, request: ActionRequest, plan: Plan): Promise<Omit<OwnJudgement, 'unavailable' | 'short'>> {
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
  const { unavailable, short, ...asked } = await judgePlan(planDeps, request, plan, deps.now());
  if (unavailable !== undefined) throw new CountersignError('directory-unavailable', unavailable);
  if (short !== undefined) throw new CountersignError('plan-below-policy', `The executor refused the plan: ${short}.`.replace(/\.\.$/, '.'));
  return asked;
}

/**
 * All that a verified grant has to pass, besides its signatures, before it takes effect: policy, the executor's own directory
 * and its floor. Throws the refusal. Returns everybody whom it finds behind the request.
 */
export async function admit(deps: ExecutorDeps, request: ActionRequest, verdict: Verified): Promise<readonly PersonId[]> {
  const { people, excluded } = await requirePolicy(deps, request, verdict.plan);
  const refusal = await refuseApprovers(deps.policy.directory, request, verdict);
  if (refusal !== undefined) throw new CountersignError(refusal.code, `The executor refused the grant: ${refusal.detail}`);
  const below = belowFloor(deps.policy.floor, request, verdict.seats);
  if (below !== undefined) throw new CountersignError('below-floor', `The executor refused the grant: ${below}.`);
  const approved = peopleIn(verdict.seats);
  if (approved < people) throw new CountersignError('below-floor', `The executor refused the grant: policy wants ${people} people, and it has ${approved}.`);
  return excluded;
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

const definitions = new WeakMap<ExecutorDeps, ReadonlyMap<string, ConnectorDefinition>>();

function definitionsOf(deps: ExecutorDeps): ReadonlyMap<string, ConnectorDefinition> {
  let known = definitions.get(deps);
  if (known === undefined) {
    known = new Map([...[...deps.connectors.values()].map(({ definition }) => definition), ...deps.external.values()].map((one) => [one.name, one]));
    definitions.set(deps, known);
  }
  return known;
}
