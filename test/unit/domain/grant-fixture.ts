import { connectorRef, type ConnectorDefinition } from '../../../domain/connector.js';
import { postgresExport } from '../../../domain/connectors/postgres-export.js';
import type { Decision } from '../../../domain/decision.js';
import type { Grant, GrantVerdict } from '../../../domain/grant.js';
import { verifyGrant } from '../../../domain/grant.js';
import type { DecisionProof, ProofVerifier } from '../../../domain/proof.js';
import { planDigest, type Plan, type PlanStage } from '../../../domain/plan.js';
import type { Release } from '../../../domain/release.js';
import { actionDigest, requestDigest, type ActionRequest } from '../../../domain/request.js';
import { sign, type SigningKey } from '../../../domain/signing.js';
import { makeKeys, sealRequest, type TestKeys } from '../../helpers/keys.js';

export const startMs = Date.parse('2026-03-02T10:00:00.000Z');
export const definition: ConnectorDefinition = postgresExport;
const hour = 3_600_000;

export function makeRequest(change: Partial<ActionRequest> = {}): ActionRequest {
  return {
    id: 'act_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
    action: definition.name,
    connector: connectorRef(definition),
    resource: { type: 'Table', id: 'crm/public.customers' },
    parameters: { columns: ['id', 'name'], limit: 500 },
    reason: 'Payment reminders for overdue invoices.',
    requester: { kind: 'agent', id: 'invoice-bot', name: 'Invoice bot', owner: 'dave', issuer: 'https://idp.example', subject: 'invoice-bot' },
    requestedAt: new Date(startMs).toISOString(),
    bodyDigest: 'sha256:00',
    ...change,
  };
}

export function makeStage(change: Partial<PlanStage> = {}): PlanStage {
  return {
    name: 'Data owner',
    route: 'data-owner',
    approvers: { groups: ['g-data-owners'], people: [] },
    quorum: 1,
    remindAfterMs: [],
    escalations: [],
    expiresInMs: 24 * hour,
    assurance: 'login',
    channels: [{ kind: 'inbox' }],
    ...change,
  };
}

export function makePlan(request: ActionRequest, change: Partial<Plan> = {}): Plan {
  const stages = change.stages ?? [makeStage()];
  const lifetimeMs = [...stages].reduce((sum, stage) => sum + (stage.expiresInMs ?? 0), 0) + hour;
  return {
    actionId: request.id,
    requestDigest: requestDigest(request),
    outcome: 'review',
    policies: ['customer-data-asks-its-owner'],
    risk: { score: 0, signals: [] },
    stages,
    excluded: ['dave'],
    policyDigest: 'sha256:01',
    evaluatedAt: new Date(startMs).toISOString(),
    expiresAt: new Date(startMs + lifetimeMs).toISOString(),
    ...change,
  };
}

/** Who approves in a fixture, for which stage and how long after the plan. */
export type Approver = Partial<Omit<Decision, 'person'>> & {
  readonly by?: string;
  readonly groups?: readonly string[];
  readonly stage?: number;
  readonly afterMs?: number;
  /** How long after the decision its signature says it was made. */
  readonly signedLateMs?: number;
  /** What comes beside the decision; what {@link fixtureProofs} accepts unless told otherwise. */
  readonly proof?: unknown;
};

/** What can be changed about a good grant before it is signed, after it is signed, and around it. */
export type Tampering = {
  readonly request?: Partial<ActionRequest>;
  readonly plan?: Partial<Plan>;
  readonly approvers?: readonly Approver[];
  readonly planKey?: (keys: TestKeys) => SigningKey;
  readonly decisionKey?: (keys: TestKeys) => SigningKey;
  readonly requestKey?: (keys: TestKeys) => SigningKey;
  /** The api signs the request as it was presented, after all tampering. */
  readonly resealed?: boolean;
  /** What the worker releases, instead of what it would. */
  readonly release?: Partial<Release>;
  readonly releaseKey?: (keys: TestKeys) => SigningKey;
  readonly releaseLifetimeMs?: number;
  /** How long after the time that each of these states its signature says it was made. */
  readonly signedLateMs?: { readonly request?: number; readonly plan?: number; readonly release?: number };
  readonly grant?: (grant: Grant) => unknown;
  readonly connector?: Partial<ConnectorDefinition>;
  /** Members of the executor's reference to its connector, where they are not those of the definition. */
  readonly connectorRef?: Readonly<Record<string, string>>;
  readonly afterMs?: number;
};

const shared = makeKeys('trusted');

/** A grant that holds except for the tampering, and what the executor says to it. */
export async function judged(tampering: Tampering = {}): Promise<GrantVerdict> {
  const keys = await shared;
  const request = makeRequest(tampering.request);
  const plan = makePlan(request, tampering.plan);
  const approvals = await Promise.all(
    (tampering.approvers ?? [{}]).map(async (approver) => ({
      stage: approver.stage ?? 0,
      decision: await approve(request, plan, approver, tampering.decisionKey?.(keys) ?? keys.signing.decision),
      ...proofIn(approver),
    })),
  );
  const grant: Grant = {
    request,
    signedRequest: await sealRequest(request, tampering.requestKey?.(keys) ?? keys.signing.decision, tampering.signedLateMs?.request),
    plan: await signPlan(plan, tampering.planKey?.(keys) ?? keys.signing.policy, tampering.signedLateMs?.plan),
    approvals,
    release: await signRelease(
      { ...makeRelease(request, plan, tampering.approvers ?? [{}]), ...tampering.release },
      tampering.releaseKey?.(keys) ?? keys.signing.policy,
      tampering.releaseLifetimeMs,
      tampering.signedLateMs?.release,
    ),
  };
  const tampered = (tampering.grant?.(grant) ?? grant) as Grant;
  const presented = tampering.resealed === true ? { ...tampered, signedRequest: await sealRequest(tampered.request, keys.signing.decision) } : tampered;
  return verifyGrant(
    presented,
    keys.trusted,
    { ...connectorRef({ ...definition, ...tampering.connector }), ...(tampering.connectorRef as object) },
    startMs + (tampering.afterMs ?? 10 * 60_000),
    fixtureProofs,
  );
}

// What stands in for a provider here, so that each case is about the grant; what makes a proof hold is in proof.test.ts.
const proofOf = (decisionId: string): DecisionProof => ({ kind: 'id-token', token: `of.${decisionId}.x` });
const fixtureProofs: ProofVerifier = async (decision, proof) =>
  proof.kind === 'id-token' && proof.token === `of.${decision.decisionId}.x` ? undefined : 'It proves another decision.';

function proofIn(approver: Approver): { readonly proof?: DecisionProof } {
  if ('proof' in approver) return approver.proof === undefined ? {} : { proof: approver.proof as DecisionProof };
  return { proof: proofOf(approver.decisionId ?? `dec-${approver.by ?? 'alice'}`) };
}

/** The release of these approvals as the worker makes it, a minute after the last of them. */
function makeRelease(request: ActionRequest, plan: Plan, approvers: readonly Approver[]): Release {
  const digest = planDigest(plan);
  return {
    actionId: request.id,
    actionDigest: actionDigest(request, digest, plan.expiresAt),
    planDigest: digest,
    decisionIds: approvers.map(({ by = 'alice', decisionId }) => decisionId ?? `dec-${by}`),
    releasedAt: new Date(startMs + Math.max(0, ...approvers.map(({ afterMs = 5 * 60_000 }) => afterMs))).toISOString(),
  };
}

async function signRelease(release: Release, key: SigningKey, lifetimeMs = 100_000_000, lateMs = 0): Promise<string> {
  return sign('release', key, release, { issuedAt: seconds(release.releasedAt, lateMs), expiresAt: (startMs + lifetimeMs) / 1000, id: 'release-1' });
}

export async function signPlan(plan: object, key: SigningKey, lateMs = 0): Promise<string> {
  return sign('plan', key, plan, { issuedAt: seconds((plan as Partial<Plan>).evaluatedAt, lateMs), expiresAt: startMs / 1000 + 100_000, id: 'plan-1' });
}

function seconds(at: unknown, lateMs = 0): number {
  const ms = Date.parse(String(at));
  return Math.floor(((Number.isNaN(ms) ? startMs : ms) + lateMs) / 1000);
}

export async function approve(request: ActionRequest, plan: Plan, approver: Approver, key: SigningKey): Promise<string> {
  const { by = 'alice', groups = ['g-data-owners'], stage: _stage, proof: _proof, afterMs = 5 * 60_000, signedLateMs, ...rest } = approver;
  const digest = planDigest(plan);
  const decision: Decision = {
    decisionId: `dec-${by}`,
    actionId: request.id,
    actionDigest: actionDigest(request, digest, plan.expiresAt),
    planDigest: digest,
    verdict: 'approve',
    person: { id: by, name: by, groups },
    channel: 'inbox',
    assurance: 'login',
    decidedAt: new Date(startMs + afterMs).toISOString(),
    ...rest,
  };
  const issuedAt = seconds(decision.decidedAt, signedLateMs);
  return sign('decision', key, decision, { issuedAt, expiresAt: issuedAt + 300, id: decision.decisionId });
}
