import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { createSqliteEvidenceLog } from '../activities/adapters/evidence/sqlite.js';
import { createActivities } from '../activities/index.js';
import type { OpenResult } from '../activities/types.js';
import type { DecisionSigner } from '../api/decision-signer.js';
import { createFileDirectory } from '../directory/file.js';
import { adaptiveCard } from '../domain/cards/adaptive-card.js';
import { connectorRef } from '../domain/connector.js';
import { digestJson } from '../domain/digest.js';
import { verifyGrant, type Grant } from '../domain/grant.js';
import { actionId } from '../domain/ids.js';
import type { ActionRequest } from '../domain/request.js';
import type { LiveTrustedKeys } from '../config/trusted-keys.js';
import { importTrustedKeys, sign, type SigningKey } from '../domain/signing.js';
import { loadPolicies } from '../policy/bundle.js';
import { evaluate } from '../policy/evaluate.js';
import { makePlan } from '../policy/plan.js';
import { sampleView } from '../test/helpers/card-views.js';
import { clockMs } from './clock.js';
import { summarise, type Summary } from './measure.js';
import { everybody, manyPeopleDirectory } from './plan.js';
import { definitions, exportBody, issuer, policyFolder, requester, writePolicies } from './samples.js';

export type Micro = { readonly name: string; readonly ms: Summary };

/** Measures the steps that are ours alone, in this process. `count` is how often each is run after warm-up. */
export async function measureSteps(
  folder: string,
  count: number,
  keys: { readonly policy: SigningKey; readonly trusted: LiveTrustedKeys; readonly signer: DecisionSigner },
): Promise<readonly Micro[]> {
  const policies = path.join(folder, 'policies-50');
  writePolicies(policies, 50);
  const bundle = loadPolicies(policies);
  const grouped = path.join(folder, 'policies-50-groups');
  writePolicies(grouped, 50, { groups: everybody });
  const groupBundle = loadPolicies(grouped);
  const definition = definitions.find((one) => one.name === exportBody.action);
  if (definition === undefined || bundle.policies.size !== 50) throw new TypeError('the samples are not what they should be');
  const request: ActionRequest = {
    ...exportBody,
    id: actionId(issuer, requester.id, randomUUID()),
    connector: connectorRef(definition),
    requester,
    requestedAt: new Date().toISOString(),
    bodyDigest: digestJson(exportBody),
  };
  const evidence = createSqliteEvidenceLog(path.join(folder, 'micro-evidence.sqlite'));
  try {
    const grant = await grantOfThree(request);
    const facts = {
      requesterGroups: [],
      risk: { score: 10, signals: [] },
      local: { hour: 12, minute: 0, weekday: 3, date: '2026-01-07' },
      environment: 'development',
      parameters: exportBody.parameters,
    };
    const view = sampleView();
    const many = manyPeopleDirectory({
      id: requester.id,
      name: requester.name,
      active: true,
      owner: requester.kind === 'agent' ? requester.owner : '',
      accounts: [],
    });
    const connectors = new Map(definitions.map((one) => [one.name, one]));
    let appended = 0;
    return [
      // With keys read anew each time, since a process remembers what it has verified with those that it has.
      await steps(
        'grant verification, three decisions',
        async (trusted) => {
          const verdict = await verifyGrant(grant, trusted, connectorRef(definition), Date.now());
          if (!verdict.ok) throw new Error(verdict.check);
        },
        () => importTrustedKeys({ keys: keys.trusted.jwks() }),
      ),
      await steps('policy evaluation, 50 policies', () => {
        if (evaluate(bundle, request, facts).outcome !== 'review') throw new Error('the policies did not answer');
      }),
      await steps('plan, 10,000 people, warm', async () => {
        const { plan } = await makePlan(
          { bundle: () => groupBundle, directory: many, connectors, timeZone: 'Etc/UTC', environment: 'development' },
          request,
          new Date(),
        );
        if (plan.outcome !== 'review') throw new Error(`the plan did not come about: ${plan.denial?.detail ?? ''}`);
      }),
      await steps('adaptive card', () => void JSON.stringify(adaptiveCard(view, { publicUrl: 'https://countersign.example' }))),
      await steps('evidence entry, durable', () =>
        evidence.append({ actionId: request.id, key: `bench:${(appended += 1)}`, kind: 'decided', at: request.requestedAt, body: { text: 'x'.repeat(2_000) } }),
      ),
    ];
  } finally {
    await evidence.close();
  }

  async function grantOfThree(request: ActionRequest): Promise<Grant> {
    const activities = createActivities({
      bundle: () => bundle,
      directory: createFileDirectory(path.join(policyFolder, 'directory.yaml'), issuer),
      connectors: new Map(definitions.map((one) => [one.name, one])),
      channels: new Map(),
      evidence,
      policyKey: keys.policy,
      trusted: keys.trusted,
      timeZone: 'Etc/UTC',
      environment: 'development',
      newId: randomUUID,
    });
    const signedRequest = await keys.signer.signRequest(request);
    const environment = new MockActivityEnvironment({ workflowExecution: { workflowId: request.id, runId: 'bench' } });
    const open = (): Promise<OpenResult> => activities.open({ request, signedRequest, runId: 'bench', nowMs: Date.now() });
    const opened = await environment.run<[], OpenResult, typeof open>(open);
    const decisionIds = ['alice', 'bob', 'carol'].map((id) => `dec_${id}_${randomUUID()}`);
    const approvals = await Promise.all(
      ['alice', 'bob', 'carol'].map(async (id, index) => ({
        stage: 0,
        decision: await keys.signer.signDecision({
          decisionId: decisionIds[index] ?? '',
          actionId: request.id,
          actionDigest: opened.actionDigest,
          planDigest: opened.planDigest,
          verdict: 'approve',
          person: { id, name: id, groups: ['g-data-owners'] },
          channel: 'inbox',
          assurance: 'login',
          decidedAt: new Date().toISOString(),
        }),
      })),
    );
    const releasedAt = new Date();
    const issuedAt = Math.floor(releasedAt.getTime() / 1000);
    const { actionDigest, planDigest } = opened;
    const content = { actionId: request.id, actionDigest, planDigest, decisionIds, releasedAt: releasedAt.toISOString() };
    const release = await sign('release', keys.policy, content, { issuedAt, expiresAt: issuedAt + 3_600, id: `rel_${randomUUID()}` });
    return { request, signedRequest, plan: opened.signedPlan, approvals, release };
  }

  async function steps<T>(name: string, step: (made: T) => unknown, make?: () => Promise<T>): Promise<Micro> {
    const once = async (): Promise<number> => {
      const made = (await make?.()) as T;
      const from = clockMs();
      await step(made);
      return clockMs() - from;
    };
    for (let index = 0; index < Math.max(3, count / 5); index += 1) await once();
    const samples: number[] = [];
    for (let index = 0; index < count; index += 1) {
      samples.push(await once());
    }
    return { name, ms: summarise(samples) };
  }
}
