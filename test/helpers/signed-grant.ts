import path from 'node:path';
import type { JWK } from 'jose';
import { createFileDirectory } from '../../directory/file.js';
import { connectorRef, type ExecutionOutcome } from '../../domain/connector.js';
import { builtinConnectors } from '../../domain/connectors/index.js';
import { postgresExport } from '../../domain/connectors/postgres-export.js';
import type { Decision } from '../../domain/decision.js';
import type { Grant } from '../../domain/grant.js';
import { planDigest, type Plan } from '../../domain/plan.js';
import { withReceipt } from '../../domain/receipt.js';
import { actionDigest, type ActionRequest } from '../../domain/request.js';
import { sign } from '../../domain/signing.js';
import { compilePolicies, readPolicyFiles } from '../../policy/bundle.js';
import { makePlan } from '../../policy/plan.js';
import { signPolicies } from '../../policy/signed-bundle.js';
import { makeKeys, sealRequest, type TestKeys } from './keys.js';
import { inboxClient, makeProvider } from './provider.js';

export const startMs = Date.parse('2026-03-02T10:00:00.000Z');
export const directoryFile = path.resolve(import.meta.dirname, '../../policies/directory.yaml');
const files = readPolicyFiles(path.dirname(directoryFile));
const afterMs = (ms: number) => new Date(startMs + ms).toISOString();

/** A grant that honest processes made under the sample policies, and all that somebody needs to verify it. */
export type SignedGrant = {
  readonly keys: TestKeys;
  readonly provider: Awaited<ReturnType<typeof makeProvider>>;
  readonly grant: Grant;
  readonly outcome: ExecutionOutcome;
  readonly plan: Plan;
  readonly decision: Decision;
  /** Policy as its authors signed it. */
  readonly bundle: string;
  /** `executor.providers` as somebody would write it who has the provider's keys in `idp.jwks.json`. */
  readonly providers: readonly object[];
  readonly providerKeys: { readonly keys: readonly JWK[] };
};

const secondFactor = (plan: Plan): Partial<Plan> => ({ stages: plan.stages.map((stage) => ({ ...stage, assurance: 'mfa' })) });

/** @param change what the plan asks for instead of what policy does; a second factor besides unless told otherwise */
export async function signedGrant(change: (plan: Plan) => Partial<Plan> = secondFactor): Promise<SignedGrant> {
  const keys = await makeKeys('grant');
  const provider = await makeProvider();
  const request: ActionRequest = {
    id: 'act_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
    action: postgresExport.name,
    connector: connectorRef(postgresExport),
    resource: { type: 'Table', id: 'crm/public.customers' },
    parameters: { columns: ['id', 'name'], limit: 500, format: 'csv' },
    reason: 'Payment reminders for overdue invoices.',
    requester: { kind: 'agent', id: 'invoice-bot', name: 'Invoice bot', owner: 'dave', issuer: 'https://idp.example', subject: 'invoice-bot' },
    requestedAt: afterMs(0),
    bodyDigest: `sha256:${'0'.repeat(64)}`,
  };
  const asked = await planOf(request);
  const plan = { ...asked, ...change(asked) };
  const digest = actionDigest(request, planDigest(plan), plan.expiresAt);
  const decision: Decision = {
    decisionId: 'dec-alice',
    actionId: request.id,
    actionDigest: digest,
    planDigest: planDigest(plan),
    verdict: 'approve',
    person: { id: 'alice', name: 'Alice Almeida', groups: ['g-data-owners'] },
    channel: 'inbox',
    assurance: 'mfa',
    decidedAt: afterMs(300_000),
  };
  const approvals = plan.outcome === 'review' ? [{ stage: 0, decision: await signed('decision', decision), proof: await provider.proofOf(decision) }] : [];
  const release = { actionId: request.id, actionDigest: digest, planDigest: planDigest(plan), decisionIds: ['dec-alice'], releasedAt: afterMs(301_000) };
  const done: ExecutionOutcome = { status: 'succeeded', facts: [{ label: 'Rows', value: '500' }], startedAt: afterMs(302_000), finishedAt: afterMs(303_000) };
  return {
    keys,
    provider,
    plan,
    decision,
    grant: {
      request,
      signedRequest: await sealRequest(request, keys.signing.decision),
      plan: await signed('plan', plan),
      approvals,
      ...(plan.outcome === 'review' ? { release: await signed('release', release) } : {}),
    },
    outcome: await withReceipt(done, { actionId: request.id, actionDigest: digest, source: 'executor', startedAt: afterMs(302_000) }, keys.signing.executor),
    bundle: await signPolicies(files, keys.signing.authors, { issuedAt: startMs / 1000 - 60, expiresAt: startMs / 1000 + 86_400, id: 'bundle' }),
    providers: [{ issuer: provider.issuer, audience: inboxClient, algorithms: ['ES256'], mfaAcr: ['mfa'], jwksFile: 'idp.jwks.json', personClaim: 'sub' }],
    providerKeys: { keys: [provider.jwk] },
  };

  function signed(purpose: 'plan' | 'decision' | 'release', content: Plan | Decision | typeof release): Promise<string> {
    const at = 'evaluatedAt' in content ? content.evaluatedAt : 'decidedAt' in content ? content.decidedAt : content.releasedAt;
    const issuedAt = Math.floor(Date.parse(at) / 1000);
    const key = keys.signing[purpose === 'decision' ? 'decision' : 'policy'];
    return sign(purpose, key, content, { issuedAt, expiresAt: issuedAt + (purpose === 'decision' ? 300 : 86_400), id: `${purpose}-1` });
  }
}

async function planOf(request: ActionRequest): Promise<Plan> {
  const bundle = compilePolicies(files, 'samples');
  const connectors = new Map(builtinConnectors.map((definition) => [definition.name, definition]));
  const directory = createFileDirectory(directoryFile);
  const { plan } = await makePlan({ bundle: () => bundle, directory, connectors, timeZone: 'Etc/UTC', environment: 'production' }, request, new Date(startMs));
  return plan;
}
