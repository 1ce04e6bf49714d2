import { MockActivityEnvironment } from '@temporalio/testing';
import { createExecutorActivities } from '../../../activities/executor/index.js';
import type { Connector, GrantStore } from '../../../activities/ports.js';
import type { ConnectorDefinition, ExecutionOutcome } from '../../../domain/connector.js';
import type { Grant } from '../../../domain/grant.js';
import type { Plan } from '../../../domain/plan.js';
import { requestDigest, type ActionRequest } from '../../../domain/request.js';
import { sign } from '../../../domain/signing.js';
import { makeKeys, sealRequest, type TestKeys } from '../../helpers/keys.js';

const keys: TestKeys = await makeKeys();
const now = new Date('2026-04-01T00:00:10.000Z');

/** A store of grants in memory that tells what was begun. */
function memoryGrants(): GrantStore & { readonly begun: string[] } {
  const begun: string[] = [];
  const outcomes = new Map<string, ExecutionOutcome>();
  return {
    begun,
    begin: async ({ actionId }) => {
      const first = !begun.includes(actionId);
      if (first) begun.push(actionId);
      return { first, known: { state: 'started', attempt: 1 } };
    },
    again: async () => ({ state: 'started', attempt: 2 }),
    finish: async (actionId, outcome) => {
      if (!outcomes.has(actionId)) outcomes.set(actionId, outcome);
      return outcomes.get(actionId) as ExecutionOutcome;
    },
    close: async () => undefined,
  };
}

/** The executor with one connector or one definition of a customer's own, and grants as honest processes would sign them. */
export function executorOf(connectors: readonly Connector[], external: readonly ConnectorDefinition[] = []) {
  const grants = memoryGrants();
  const environment = new MockActivityEnvironment();
  const activities = createExecutorActivities({
    connectors: new Map(connectors.map((connector) => [connector.definition.name, connector])),
    external: new Map(external.map((definition) => [definition.name, definition])),
    grants,
    executorKey: keys.signing.executor,
    trusted: keys.trusted,
    now: () => now,
    newId: () => 'id',
  });
  return {
    grants,
    environment,
    execute: async (request: ActionRequest) => environment.run(activities.execute, { grant: await grantOf(request) }),
    authorize: async (request: ActionRequest, taskQueue: string) => environment.run(activities.authorize, { grant: await grantOf(request), taskQueue }),
    preview: async (request: ActionRequest, change: { readonly signedRequest?: string | undefined } = {}) => {
      const { signedRequest, plan } = await grantOf(request);
      return environment.run(activities.preview, { request, signedPlan: plan, signedRequest, ...change } as Parameters<typeof activities.preview>[0]);
    },
  };
}

/** The api's signature over a request. */
export const sealed = (request: ActionRequest): Promise<string> => sealRequest(request, keys.signing.decision);

async function grantOf(request: ActionRequest): Promise<Grant> {
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
  };
  const seconds = Math.floor(now.getTime() / 1000);
  return {
    request,
    signedRequest: await sealed(request),
    plan: await sign('plan', keys.signing.policy, plan, { issuedAt: seconds, expiresAt: seconds + 300, id: request.id }),
    approvals: [],
  };
}
