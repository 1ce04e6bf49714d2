import { KeyObject, sign as signBytes, verify as verifyBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { vi } from 'vitest';
import type { ExecutorDeps, WorkerDeps } from '../../../activities/deps.js';
import { createSqliteEvidenceLog } from '../../../activities/adapters/evidence/sqlite.js';
import { openGrantStore } from '../../../activities/adapters/grant-store-sqlite.js';
import { createExecutorActivities } from '../../../activities/executor/index.js';
import { findApprovers } from '../../../activities/find-approvers.js';
import { judge } from '../../../activities/judge.js';
import { open } from '../../../activities/open.js';
import type { WorkerActivities } from '../../../activities/types.js';
import { createDirectory } from '../../../directory/file.js';
import type { Directory } from '../../../directory/port.js';
import { connectorRef, type ExecutionOutcome } from '../../../domain/connector.js';
import { postgresExport } from '../../../domain/connectors/postgres-export.js';
import type { Decision } from '../../../domain/decision.js';
import type { Grant } from '../../../domain/grant.js';
import { planDigest, type Plan, type PlanStage } from '../../../domain/plan.js';
import { actionDigest, type ActionId, type ActionRequest } from '../../../domain/request.js';
import { assuranceSuffices } from '../../../domain/principal.js';
import { approversAt, isMember } from '../../../domain/separation.js';
import { sign } from '../../../domain/signing.js';
import { compilePolicies, type PolicyBundle } from '../../../policy/bundle.js';
import { parseRoutes } from '../../../policy/routes.js';
import { ActionState } from '../../../workflows/action-state.js';
import { Decisions } from '../../../workflows/decisions.js';
import { makeKeys, sealRequest } from '../../helpers/keys.js';
import type { Given } from './model.js';
import { directoryOf, routesOf, type Actor, type World } from './world.js';

const startMs = Date.parse('2026-04-01T10:00:00.000Z');
const minute = 60_000;
const day = 86_400_000;
const keys = await makeKeys();
const samples = path.resolve(import.meta.dirname, '../../../policies');
const routeNames = ['r0', 'r1', 'r2'];
// One policy set for all worlds, parsed once; what its routes ask for is each world's own.
const bundles = [1, 2, 3].map((count) =>
  compilePolicies(
    [
      { name: 'schema.cedarschema', text: readFileSync(path.join(samples, 'schema.cedarschema'), 'utf8') },
      {
        name: 'routes.yaml',
        text: routesOf(
          '',
          Array.from({ length: count }, () => ({ groups: [0], people: [], quorum: 1, assurance: 'chat', minutes: 1, circles: false })),
        ),
      },
      {
        name: 'all.cedar',
        text: routeNames
          .slice(0, count)
          .map((name) => `@id("${name}") @review("${name}") permit (principal, action, resource);`)
          .join('\n'),
      },
    ],
    'generated',
  ),
);

// The same signatures without a thread for each: waiting for one is most of the time that many cases take.
const { subtle } = globalThis.crypto;
const bytesOf = (data: unknown) => data as Uint8Array;
subtle.sign = async (_algorithm, key, data) => new Uint8Array(signBytes(null, bytesOf(data), KeyObject.from(key))).buffer;
subtle.verify = async (_algorithm, key, signature, data) => verifyBytes(null, bytesOf(data), KeyObject.from(key), bytesOf(signature));

/** How a run ended, and which approvals the executor had been given. */
export type Run = { readonly ran: boolean; readonly given: readonly Given[]; readonly refused?: string };

/**
 * The worker's activities, its workflow's own logic, and the executor, with their real stores, keys, policy engine and directory. Only
 * Temporal is left out: its clock is moved by hand, and its calls are calls.
 */
export class Engine {
  private readonly folder = mkdtempSync(path.join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'countersign-consent-'));
  private readonly evidence = createSqliteEvidenceLog(path.join(this.folder, 'evidence.sqlite'));
  private readonly grants = openGrantStore(path.join(this.folder, 'grants.sqlite'));
  private readonly environment = new MockActivityEnvironment(undefined, {
    logger: { log() {}, trace() {}, debug() {}, info() {}, warn() {}, error() {} },
  });
  private readonly ran = new Set<string>();
  private directory: Directory = createDirectory({ groups: [], people: [], agents: [] });
  private bundle: PolicyBundle = bundles[0] as PolicyBundle;
  private count = 0;
  private ids = 0;
  private readonly deps: WorkerDeps;
  private readonly executor: ReturnType<typeof createExecutorActivities>;
  /** What the workflow calls. */
  readonly activities: Pick<WorkerActivities, 'judge' | 'findApprovers'>;

  constructor() {
    const live = new Proxy({} as Directory, {
      get:
        (_, name) =>
        (...args: unknown[]) =>
          (this.directory[name as keyof Directory] as (...all: unknown[]) => unknown)(...args),
    });
    const connector = { definition: postgresExport, check: () => undefined, execute: async (request: ActionRequest) => this.execute(request) };
    const proofs: NonNullable<WorkerDeps['proofs']> = async (decision, proof) =>
      proof.kind === 'id-token' && proof.token === proofOf(decision.decisionId).token ? undefined : 'It proves another decision.';
    this.deps = {
      bundle: () => this.bundle,
      directory: live,
      connectors: new Map([[postgresExport.name, postgresExport]]),
      channels: new Map(),
      evidence: this.evidence,
      policyKey: keys.signing.policy,
      trusted: keys.trusted,
      proofs,
      timeZone: 'Etc/UTC',
      environment: 'test',
      newId: () => this.id('id'),
    };
    const executor: ExecutorDeps = {
      connectors: new Map([[postgresExport.name, connector]]),
      external: new Map(),
      grants: this.grants,
      policy: { bundle: () => this.bundle, directory: live, timeZone: 'Etc/UTC', environment: 'test', floor: [] },
      executorKey: keys.signing.executor,
      trusted: keys.trusted,
      proofs,
      now: () => new Date(),
      newId: () => this.id('id'),
    };
    this.executor = createExecutorActivities(executor);
    this.activities = { judge: judge(this.deps), findApprovers: findApprovers(this.deps) };
  }

  async close(): Promise<void> {
    await this.evidence.close();
    await this.grants.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** What honest processes make of these tries, one after the other, and what an attacker makes of what they signed. */
  async play(world: World): Promise<{ readonly honest: Run; readonly attack: Run }> {
    this.count += 1;
    const prefix = `c${this.count}.`;
    this.directory = createDirectory(directoryOf(prefix, world));
    this.bundle = { ...(bundles[world.stages.length - 1] as PolicyBundle), routes: parseRoutes('routes.yaml', routesOf(prefix, world.stages)) };
    await this.remember(prefix, world);
    // Before the honest run: what it executes is a fact of its own.
    const attack = await this.attack(prefix, world);
    return { attack, honest: await this.honest(prefix, world) };
  }

  private async remember(prefix: string, { past }: World): Promise<void> {
    for (const { by, of, daysAgo } of past) {
      const at = new Date(startMs - daysAgo * day).toISOString();
      const consent = { of: [`${prefix}p${of}`], by: [{ person: `${prefix}p${by}`, at }] };
      await this.grants.begin({ actionId: this.id('past'), actionDigest: 'sha256:00', at, consent });
      const approval = { by: `${prefix}p${by}`, of: consent.of, at };
      await this.evidence.append({ actionId: this.id('past'), key: 'decision', kind: 'decided', at, body: { approval } });
    }
  }

  private async honest(prefix: string, world: World): Promise<Run> {
    const { request, signedRequest } = await this.ask(prefix, world);
    const state = new ActionState(request, signedRequest);
    state.opened = await open(this.deps)({ request, signedRequest, runId: 'run', nowMs: Date.now() });
    const { plan } = state.opened;
    if (plan.outcome !== 'review') return { ran: false, given: [], refused: plan.denial?.code ?? plan.outcome };
    state.startStage(0, state.opened.approvers, Date.parse(plan.evaluatedAt));
    const decisions = new Decisions(state, { refresh: () => undefined } as never);
    const made = new Map<string, Given>();
    let at = 0;
    let refused: string | undefined;
    for (const one of world.tries) {
      at += one.wait;
      vi.setSystemTime(startMs + at * minute);
      letTimePass(state);
      if (state.status !== 'pending') break;
      // As the api does: who this is, the directory says of the account that signed in.
      const person = await this.directory.personByAccount('idp', `${idOf(prefix, one.by)}-${one.account}`);
      if (person === undefined || !person.active) continue;
      const { planDigest: digest, actionDigest: of } = state.current;
      const given = await this.decide(request, { planDigest: digest, actionDigest: of }, { ...one, at }, { id: person.id, groups: person.groups });
      made.set(given.signed, { ...one, at });
      const reply = await decisions.decide({ decision: given.signed, by: person.id, ...(given.proof === undefined ? {} : { proof: given.proof }) });
      if (!reply.accepted) refused = reply.code;
    }
    if (state.status !== 'executing') return { ran: false, given: [], refused: refused ?? state.status };
    const approvals = state.approvalsInForce.map(({ stage, decision, proof }) => ({ stage, decision, ...(proof === undefined ? {} : { proof }) }));
    const grant: Grant = {
      request,
      signedRequest,
      plan: state.current.signedPlan,
      approvals,
      ...(state.release === undefined ? {} : { release: state.release }),
    };
    return this.present(
      grant,
      approvals.map(({ decision }) => made.get(decision) as Given),
    );
  }

  private async attack(prefix: string, world: World): Promise<Run> {
    const { request, signedRequest } = await this.ask(prefix, world);
    const opened = await open(this.deps)({ request, signedRequest, runId: 'run', nowMs: Date.now() });
    // An honest denial is refused whatever comes with it.
    if (world.forged === undefined && opened.plan.outcome !== 'review')
      return { ran: false, given: [], refused: opened.plan.denial?.code ?? opened.plan.outcome };
    const { denial: _denial, ...rest } = opened.plan;
    const plan: Plan =
      world.forged === undefined ? opened.plan : { ...rest, outcome: 'review', ...forge(world.forged, [...this.bundle.routes.values()].flat(), rest) };
    const digest = planDigest(plan);
    const of = { planDigest: digest, actionDigest: actionDigest(request, digest, plan.expiresAt) };
    const times = world.tries.map((_, nth) => world.tries.slice(0, nth + 1).reduce((sum, { wait }) => sum + wait, 0));
    vi.setSystemTime(startMs + Math.max(...times) * minute);
    const given: Given[] = [];
    const approvals: Grant['approvals'][number][] = [];
    const decisionIds: string[] = [];
    for (const { nth, stage } of world.clever ? choose(prefix, world, plan) : world.presented) {
      const one = world.tries[nth % world.tries.length];
      if (one === undefined) continue;
      const at = times[nth % world.tries.length] ?? 0;
      const decided = await this.decide(request, of, { ...one, at }, { id: idOf(prefix, one.by), groups: claimed(world, one) });
      given.push({ ...one, at });
      decisionIds.push(decided.id);
      approvals.push({ stage: stage % plan.stages.length || 0, decision: decided.signed, ...(decided.proof === undefined ? {} : { proof: decided.proof }) });
    }
    const seconds = Math.floor(Date.now() / 1000);
    const times_ = { issuedAt: seconds, expiresAt: seconds + 3_600, id: 'forged' };
    const release = await sign('release', keys.signing.policy, { actionId: request.id, ...of, decisionIds, releasedAt: new Date().toISOString() }, times_);
    const evaluated = Math.floor(Date.parse(plan.evaluatedAt) / 1000);
    const signedPlan = await sign('plan', keys.signing.policy, plan, { issuedAt: evaluated, expiresAt: evaluated + 100_000, id: 'forged' });
    return this.present({ request, signedRequest, plan: signedPlan, approvals, release }, given);
  }

  private async present(grant: Grant, given: readonly Given[]): Promise<Run> {
    try {
      const outcome: ExecutionOutcome = await this.environment.run(this.executor.execute as () => Promise<ExecutionOutcome>, ...([{ grant }] as unknown as []));
      return { ran: this.ran.has(grant.request.id), given, refused: outcome.status };
    } catch (error) {
      return { ran: this.ran.has(grant.request.id), given, refused: String((error as { readonly type?: unknown }).type) };
    }
  }

  private execute(request: ActionRequest) {
    this.ran.add(request.id);
    const at = new Date().toISOString();
    return { status: 'succeeded', facts: [], startedAt: at, finishedAt: at } as const;
  }

  private async ask(
    prefix: string,
    { requester, onBehalfOf, via, agents }: World,
  ): Promise<{ readonly request: ActionRequest; readonly signedRequest: string }> {
    vi.setSystemTime(startMs);
    const principal = (actor: Actor) => {
      const id = idOf(prefix, actor);
      const common = { id, name: id, issuer: 'idp', subject: `${id}-0` };
      return actor.kind === 'person' ? { ...common, kind: actor.kind } : { ...common, kind: actor.kind, owner: `${prefix}p${agents[actor.who]?.owner ?? 0}` };
    };
    const request: ActionRequest = {
      id: this.id('act') as ActionId,
      action: postgresExport.name,
      connector: connectorRef(postgresExport),
      resource: { type: 'Table', id: 'crm/public.customers' },
      parameters: { columns: ['id'] },
      reason: 'A generated case.',
      requester: principal(requester),
      ...(onBehalfOf === undefined ? {} : { onBehalfOf: `${prefix}p${onBehalfOf}` }),
      ...(via.length === 0 ? {} : { via: via.map(principal) }),
      requestedAt: new Date(startMs).toISOString(),
      bodyDigest: 'sha256:00',
    };
    return { request, signedRequest: await sealRequest(request, keys.signing.decision) };
  }

  private async decide(
    request: ActionRequest,
    of: Pick<Decision, 'planDigest' | 'actionDigest'>,
    given: Given,
    person: { readonly id: string; readonly groups: readonly string[] },
  ) {
    const id = this.id('dec');
    const decidedMs = startMs + given.at * minute;
    const decision: Decision = {
      decisionId: id,
      actionId: request.id,
      ...of,
      verdict: given.verdict,
      person: { ...person, name: person.id },
      channel: 'inbox',
      assurance: given.assurance,
      decidedAt: new Date(decidedMs).toISOString(),
    };
    const signed = await sign('decision', keys.signing.decision, decision, { issuedAt: decidedMs / 1000, expiresAt: decidedMs / 1000 + 300, id });
    return { id, signed, proof: given.proven ? proofOf(id) : undefined };
  }

  private id(kind: string): string {
    this.ids += 1;
    return `${kind}_${this.ids.toString(36).padStart(32, '0')}`;
  }
}

function idOf(prefix: string, { kind, who }: Actor): string {
  return `${prefix}${kind === 'person' ? 'p' : 'a'}${who}`;
}

function proofOf(decisionId: string) {
  return { kind: 'id-token' as const, token: `of.${decisionId}.x` };
}

/** The groups that the api says somebody is in: their own, or all there are. */
function claimed({ people }: World, { by, lies }: World['tries'][number]): readonly string[] {
  const own = by.kind === 'person' && !lies ? (people[by.who]?.groups ?? []) : [0, 1, 2];
  return own.map((group) => `g${group}`);
}

/** Tries that fill the places of a plan, as far as the attacker can tell: one for each, in their order. */
function choose(prefix: string, world: World, plan: Plan): World['presented'] {
  let next = 0;
  return plan.stages.flatMap((stage, index) =>
    Array.from({ length: stage.quorum }, () => {
      const candidate = (one: World['tries'][number]) => ({ id: idOf(prefix, one.by), groups: claimed(world, one) });
      const nth = world.tries.findIndex(
        (one, at) =>
          at >= next &&
          one.verdict === 'approve' &&
          !plan.excluded.includes(idOf(prefix, one.by)) &&
          isMember(approversAt(stage, stage.escalations.length), candidate(one)) &&
          assuranceSuffices(one.proven ? one.assurance : 'chat', stage.assurance),
      );
      next = nth < 0 ? next : nth + 1;
      return nth < 0 ? [] : [{ nth, stage: index }];
    }).flat(),
  );
}

/** What an attacker with the worker's policy key makes of a plan. */
function forge(how: NonNullable<World['forged']>, all: readonly PlanStage[], plan: Plan): Partial<Plan> {
  const stages = plan.stages.length === 0 ? all : plan.stages;
  const each = (change: (stage: PlanStage) => Partial<PlanStage>) => ({ stages: stages.map((stage) => ({ ...stage, ...change(stage) })) });
  switch (how) {
    case 'nothing excluded':
      return { stages, excluded: [] };
    case 'one is enough':
      return each(() => ({ quorum: 1 }));
    case 'a stage less':
      return { stages: stages.slice(0, Math.max(1, stages.length - 1)) };
    case 'anybody':
      return each(() => ({ approvers: { groups: ['g0', 'g1', 'g2'], people: [] } }));
    case 'chat is enough':
      return each(() => ({ assurance: 'chat' }));
    case 'circles pass':
      return { stages: stages.map(({ circles: _, ...stage }) => stage) };
    case 'at once':
      return each(({ escalations }) => ({ escalations: escalations.map((step) => ({ ...step, afterMs: 0 })) }));
  }
}

/** What the timers of the workflow would have done by now. */
function letTimePass(state: ActionState): void {
  const { stage } = state;
  if (stage === undefined) return;
  const elapsedMs = Date.now() - state.stageStartedAtMs;
  if (elapsedMs >= stage.expiresInMs) state.status = 'expired';
  state.escalationLevel = stage.escalations.filter((step) => step.afterMs <= elapsedMs).length;
}
