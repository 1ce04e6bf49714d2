import { readFileSync } from 'node:fs';
import path from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { createExecutorActivities } from '../../../activities/executor/index.js';
import type { ExecutorPolicy } from '../../../activities/deps.js';
import type { Connector, GrantState, GrantStore } from '../../../activities/ports.js';
import { createFileDirectory } from '../../../directory/file.js';
import type { ConnectorDefinition } from '../../../domain/connector.js';
import type { Grant } from '../../../domain/grant.js';
import type { Plan } from '../../../domain/plan.js';
import { requestDigest, type ActionRequest } from '../../../domain/request.js';
import { sign } from '../../../domain/signing.js';
import { compilePolicies } from '../../../policy/bundle.js';
import { makeKeys, sealRequest, type TestKeys } from '../../helpers/keys.js';

export const keys: TestKeys = await makeKeys();
const now = new Date('2026-04-01T00:00:10.000Z');

/** A store of grants in memory that tells what was begun. */
function memoryGrants(): GrantStore & { readonly begun: string[] } {
  const begun: string[] = [];
  const states = new Map<string, GrantState>();
  const kept = new Map<string, Grant>();
  const known = (actionId: string): GrantState => {
    const state = states.get(actionId);
    if (state === undefined) throw new TypeError(`${actionId} never began`);
    return state;
  };
  return {
    begun,
    begin: async ({ actionId, actionDigest, at, by = 'executor', presented }) => {
      const first = !begun.includes(actionId);
      if (first) {
        if (presented !== undefined) kept.set(actionId, presented);
        begun.push(actionId);
        states.set(actionId, { state: 'started', attempt: 1, actionDigest, startedAt: at, by });
      }
      return { first, known: known(actionId) };
    },
    find: async (actionId) => states.get(actionId),
    presented: async (actionId) => kept.get(actionId),
    again: async (actionId) => {
      const state = { ...known(actionId), attempt: known(actionId).attempt + 1 };
      states.set(actionId, state);
      return state;
    },
    finish: async (actionId, outcome) => {
      const state = known(actionId);
      if (state.outcome === undefined) states.set(actionId, { ...state, state: 'done', outcome });
      return known(actionId).outcome ?? outcome;
    },
    approvalsBy: async () => [],
    close: async () => undefined,
  };
}

export const samples = path.resolve(import.meta.dirname, '../../../policies');
const routes = `routes:
  people:
    stages: [{ name: Owner, approvers: { groups: [g-data-owners] }, expires_in: 1h }]
`;
/** A bundle of these policies with the sample schema. */
export const bundleOf = (cedar: string) =>
  compilePolicies(
    [
      { name: 'schema.cedarschema', text: readFileSync(path.join(samples, 'schema.cedarschema'), 'utf8') },
      { name: 'routes.yaml', text: routes },
      { name: 'test.cedar', text: cedar },
    ],
    'test',
  );
const allowing = bundleOf('@id("everything") permit (principal, action, resource);');

/** The executor with one connector or one definition of a customer's own, and grants as honest processes would sign them. */
export function executorOf(
  connectors: readonly Connector[],
  external: readonly ConnectorDefinition[] = [],
  policy: Partial<ExecutorPolicy> = {},
  clock = () => now,
) {
  const grants = memoryGrants();
  const environment = new MockActivityEnvironment();
  const definitions = new Map(external.map((definition) => [definition.name, definition]));
  const activities = createExecutorActivities({
    connectors: new Map(connectors.map((connector) => [connector.definition.name, connector])),
    external: definitions,
    grants,
    policy: {
      bundle: () => allowing,
      directory: createFileDirectory(path.join(samples, 'directory.yaml')),
      timeZone: 'Etc/UTC',
      environment: 'development',
      floor: [],
      ...policy,
    },
    executorKey: keys.signing.executor,
    trusted: keys.trusted,
    now: clock,
    newId: () => 'id',
  });
  return {
    grants,
    activities,
    environment,
    /** Another configuration of connectors outside, as after a restart. */
    replace: (others: readonly ConnectorDefinition[]) => {
      definitions.clear();
      for (const definition of others) definitions.set(definition.name, definition);
    },
    execute: async (request: ActionRequest) => environment.run(activities.execute, { grant: await grantOf(request) }),
    authorize: async (request: ActionRequest, taskQueue: string) => environment.run(activities.authorize, { grant: await grantOf(request), taskQueue }),
    preview: async (request: ActionRequest, change: { readonly signedRequest?: string | undefined } = {}, planned: Partial<Plan> = {}) => {
      const { signedRequest, plan } = await grantOf(request, planned);
      return environment.run(activities.preview, { request, signedPlan: plan, signedRequest, ...change } as Parameters<typeof activities.preview>[0]);
    },
  };
}

/** The api's signature over a request. */
export const sealed = (request: ActionRequest): Promise<string> => sealRequest(request, keys.signing.decision);

/** The grant of a plan that allows it, as the worker would sign it. */
export async function grantOf(request: ActionRequest, change: Partial<Plan> = {}): Promise<Grant> {
  const plan: Plan = {
    actionId: request.id,
    requestDigest: requestDigest(request),
    outcome: 'allow',
    policies: ['everything'],
    risk: { score: 0, signals: [] },
    stages: [],
    excluded: [],
    policyDigest: `sha256:${'0'.repeat(64)}`,
    evaluatedAt: '2026-04-01T00:00:01.000Z',
    expiresAt: '2026-04-02T00:00:00.000Z',
    ...change,
  };
  const seconds = Math.floor(now.getTime() / 1000);
  return {
    request,
    signedRequest: await sealed(request),
    plan: await sign('plan', keys.signing.policy, plan, { issuedAt: seconds, expiresAt: seconds + 300, id: request.id }),
    approvals: [],
  };
}
