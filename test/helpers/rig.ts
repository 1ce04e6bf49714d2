import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DataConverter } from '@temporalio/common';
import { Client, Connection, WithStartWorkflowOperation, type WorkflowHandle } from '@temporalio/client';
import { NativeConnection, Worker, bundleWorkflowCode, type WorkerDeploymentOptions, type WorkflowBundle } from '@temporalio/worker';
import { callTemporal } from '../../api/temporal/access.js';
import { createActivities } from '../../activities/index.js';
import { createExecutorActivities } from '../../activities/executor/index.js';
import { createSqliteEvidenceLog } from '../../activities/adapters/evidence/sqlite.js';
import { openGrantStore } from '../../activities/adapters/grant-store-sqlite.js';
import type { Channel, Connector, EvidenceLog, GrantStore } from '../../activities/ports.js';
import type { ExecutorPolicy, WorkerDeps } from '../../activities/deps.js';
import type { WorkerActivities } from '../../activities/types.js';
import { failureConverterPath } from '../../codec/data-converter.js';
import { connectorRef, type ConnectorDefinition } from '../../domain/connector.js';
import { builtinConnectors } from '../../domain/connectors/index.js';
import type { Cancellation, Decision } from '../../domain/decision.js';
import { digestJson } from '../../domain/digest.js';
import type { Assurance, Principal } from '../../domain/principal.js';
import type { ProofVerifier } from '../../domain/proof.js';
import type { ActionId, ActionRequest } from '../../domain/request.js';
import { sign } from '../../domain/signing.js';
import type { ActionView } from '../../domain/view.js';
import { createFileDirectory } from '../../directory/file.js';
import type { Directory } from '../../directory/port.js';
import { loadPolicies } from '../../policy/bundle.js';
import { cancelUpdate, decideUpdate, executorTaskQueue, searchAttributes, verdictUpdate, viewQuery, type DecideReply } from '../../workflows/contract.js';
import type { action } from '../../workflows/action.js';
import { testConverter } from './encryption.js';
import { makeKeys, sealRequest, type TestKeys } from './keys.js';

export { eventually } from './eventually.js';

const policies = fileURLToPath(new URL('../../policies', import.meta.url));
export const developmentIssuer = 'http://127.0.0.1:1/idp';
export const invoiceBot: Principal = {
  kind: 'agent',
  id: 'invoice-bot',
  name: 'Invoice bot',
  owner: 'dave',
  issuer: developmentIssuer,
  subject: 'invoice-bot',
};

let bundled: Promise<WorkflowBundle> | undefined;
/** The workflow code as one bundle, made once a process. */
export function workflowBundle(): Promise<WorkflowBundle> {
  bundled ??= bundleWorkflowCode({
    workflowsPath: fileURLToPath(new URL('../../workflows/index.ts', import.meta.url)),
    preloadModules: [fileURLToPath(new URL('../../workflows/sandbox.ts', import.meta.url))],
    failureConverterPath,
    logger: { log() {}, trace() {}, debug() {}, info() {}, warn() {}, error: console.error },
  });
  return bundled;
}

export type RigOptions = {
  readonly address: string;
  readonly namespace?: string;
  readonly policies?: string;
  readonly connectors?: readonly Connector[];
  readonly channels?: readonly Channel[];
  readonly external?: readonly ConnectorDefinition[];
  readonly evidence?: (log: EvidenceLog) => EvidenceLog;
  readonly directory?: (directory: WorkerDeps['directory']) => WorkerDeps['directory'];
  /** What the executor judges by, where it differs from the worker; it follows the worker's bundle unless told otherwise. */
  readonly executorPolicy?: Partial<Pick<ExecutorPolicy, 'bundle' | 'floor'>> & { readonly directory?: (directory: Directory) => Directory };
  /** What the worker's activities do instead of their work: those of a worker in an attacker's hands. */
  readonly rogue?: (honest: WorkerActivities) => WorkerActivities;
  /** The executor's store of consumed grants; a file of its own when absent. Closed with the rig. */
  readonly grants?: GrantStore;
  readonly now?: () => Date;
  readonly keys?: TestKeys;
  /** Checks proofs, in the worker and in the executor alike. */
  readonly proofs?: ProofVerifier;
  /** How each side converts what goes through Temporal; encrypted with a fixed key when absent. */
  readonly converters?: { readonly client: DataConverter; readonly worker: DataConverter; readonly executor: DataConverter };
  /** Another build of the workflows, under worker versioning. */
  readonly build?: { readonly bundle: WorkflowBundle; readonly options: WorkerDeploymentOptions };
};

type RunningWorker = { readonly code: WorkflowBundle; readonly dataConverter: DataConverter; readonly stop: () => Promise<void> };
type StartWorker = (build: RigOptions['build'], dataConverter?: DataConverter) => Promise<RunningWorker>;

/** The whole workflow engine in this process: real Temporal, both workers, real stores in a temporary folder. */
export class Rig {
  private readonly submitted = new Set<string>();

  private constructor(
    readonly client: Client,
    readonly keys: TestKeys,
    readonly taskQueue: string,
    readonly evidence: EvidenceLog,
    readonly grants: GrantStore,
    readonly bundle: { current: ReturnType<typeof loadPolicies> },
    private readonly definitions: ReadonlyMap<string, ConnectorDefinition>,
    private readonly now: () => Date,
    private worker: RunningWorker,
    private readonly startWorker: StartWorker,
    private readonly dispose: () => Promise<void>,
    /** The activities of the worker, to be called past Temporal. */
    readonly activities: WorkerActivities,
  ) {}

  static async start(options: RigOptions): Promise<Rig> {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'countersign-rig-'));
    const keys = options.keys ?? (await makeKeys());
    const namespace = options.namespace ?? 'default';
    const taskQueue = `rig-${randomUUID()}`;
    const now = options.now ?? (() => new Date());
    const converters = options.converters ?? { client: testConverter('refuse'), worker: testConverter(), executor: testConverter('refuse') };
    const connectors = options.connectors ?? [];
    const definitions = new Map(
      [...builtinConnectors, ...(options.external ?? []), ...connectors.map((connector) => connector.definition)].map((definition) => [
        definition.name,
        definition,
      ]),
    );
    const bundle = { current: loadPolicies(options.policies ?? policies) };
    const plainEvidence = createSqliteEvidenceLog(path.join(folder, 'evidence.sqlite'));
    const evidence = options.evidence?.(plainEvidence) ?? plainEvidence;
    const grants = options.grants ?? openGrantStore(path.join(folder, 'grants.sqlite'));
    const plainDirectory = createFileDirectory(path.join(policies, 'directory.yaml'), developmentIssuer);
    const executorDirectory = createFileDirectory(path.join(policies, 'directory.yaml'), developmentIssuer);
    const connection = await NativeConnection.connect({ address: options.address });
    const clientConnection = await Connection.connect({ address: options.address });
    const honest = createActivities({
      bundle: () => bundle.current,
      directory: options.directory?.(plainDirectory) ?? plainDirectory,
      connectors: definitions,
      channels: new Map((options.channels ?? []).map((channel) => [channel.kind, channel])),
      evidence,
      history: plainEvidence,
      policyKey: keys.signing.policy,
      trusted: keys.trusted,
      ...(options.proofs === undefined ? {} : { proofs: options.proofs }),
      timeZone: 'Etc/UTC',
      environment: 'development',
      newId: randomUUID,
    });
    const activities = options.rogue?.(honest) ?? honest;
    const startWorker: StartWorker = async (build, dataConverter = converters.worker) => {
      const code = build?.bundle ?? (await workflowBundle());
      const worker = await Worker.create({
        connection,
        namespace,
        taskQueue,
        workflowBundle: code,
        shutdownGraceTime: '1 second',
        activities,
        dataConverter,
        ...(build === undefined ? {} : { workerDeploymentOptions: build.options }),
      });
      const running = worker.run();
      return {
        code,
        dataConverter,
        stop: async () => {
          worker.shutdown();
          await running;
        },
      };
    };
    const worker = await startWorker(options.build);
    const executor = await Worker.create({
      connection,
      namespace,
      taskQueue: executorTaskQueue(taskQueue),
      dataConverter: converters.executor,
      shutdownGraceTime: '1 second',
      activities: createExecutorActivities({
        connectors: new Map(connectors.map((connector) => [connector.definition.name, connector])),
        external: new Map((options.external ?? []).map((definition) => [definition.name, definition])),
        grants,
        policy: {
          bundle: options.executorPolicy?.bundle ?? (() => bundle.current),
          directory: options.executorPolicy?.directory?.(executorDirectory) ?? executorDirectory,
          timeZone: 'Etc/UTC',
          environment: 'development',
          floor: options.executorPolicy?.floor ?? [],
        },
        executorKey: keys.signing.executor,
        trusted: keys.trusted,
        ...(options.proofs === undefined ? {} : { proofs: options.proofs }),
        now,
        newId: randomUUID,
      }),
    });
    const running = executor.run();
    return new Rig(
      new Client({ connection: clientConnection, namespace, dataConverter: converters.client }),
      keys,
      taskQueue,
      evidence,
      grants,
      bundle,
      definitions,
      now,
      worker,
      startWorker,
      async () => {
        executor.shutdown();
        await running;
        await plainEvidence.close();
        await grants.close();
        await clientConnection.close();
        await connection.close();
        rmSync(folder, { recursive: true, force: true });
      },
      activities,
    );
  }

  /** Stops everything, after replaying each history that this rig made: what cannot be replayed fails the test. */
  async stop(): Promise<void> {
    try {
      await this.replayAll();
    } finally {
      await this.worker.stop();
      await this.dispose();
    }
  }

  /** Stops the worker and starts one of another build, as a deployment does. */
  async deploy(build: NonNullable<RigOptions['build']>): Promise<void> {
    await this.worker.stop();
    this.worker = await this.startWorker(build);
  }

  /** Stops the worker and starts the same build with other keys, as a rotation does. */
  async restartWorker(dataConverter: DataConverter): Promise<void> {
    await this.worker.stop();
    this.worker = await this.startWorker(undefined, dataConverter);
  }

  private async replayAll(): Promise<void> {
    const { client, submitted } = this;
    async function* histories() {
      for (const workflowId of submitted) {
        const handle = client.workflow.getHandle(workflowId);
        const history = await handle.fetchHistory().catch(() => undefined);
        if (history !== undefined) yield { workflowId, history };
      }
    }
    for await (const result of Worker.runReplayHistories({ workflowBundle: this.worker.code, dataConverter: this.worker.dataConverter }, histories())) {
      if (result.error !== undefined) throw new Error(`the history of ${result.workflowId} does not replay: ${result.error.message}`);
    }
  }

  /** A request as the api would make it. */
  request(overrides: Partial<ActionRequest> & { readonly action: string }): ActionRequest {
    const definition = this.definitions.get(overrides.action);
    if (definition === undefined) throw new TypeError(`the rig has no connector ${overrides.action}`);
    const id: ActionId = `act_${randomUUID().replaceAll('-', '')}`;
    const body = {
      id,
      connector: connectorRef(definition),
      resource: { type: 'Table', id: 'crm/public.customers' },
      // What the executor's own look at the schema accepts.
      parameters: overrides.action === 'postgres.export' ? { columns: ['id'] } : {},
      reason: 'Payment reminders for overdue invoices.',
      requester: invoiceBot,
      requestedAt: this.now().toISOString(),
      ...overrides,
    };
    return { ...body, bodyDigest: overrides.bodyDigest ?? digestJson([body.action, body.resource, body.parameters, body.reason]) };
  }

  /** Starts the action as the api does and returns its verdict. */
  async submit(request: ActionRequest): Promise<ActionView> {
    this.submitted.add(request.id);
    const startWorkflowOperation = new WithStartWorkflowOperation<typeof action>('action', {
      workflowId: request.id,
      taskQueue: this.taskQueue,
      args: [{ request, signedRequest: await this.sealRequest(request) }],
      workflowIdConflictPolicy: 'USE_EXISTING',
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
      typedSearchAttributes: [
        { key: searchAttributes.status, value: 'evaluating' },
        { key: searchAttributes.action, value: request.action },
        { key: searchAttributes.resource, value: `${request.resource.type}:${request.resource.id}` },
        { key: searchAttributes.requester, value: request.requester.id },
        { key: searchAttributes.risk, value: 0 },
      ],
    });
    return this.client.workflow.executeUpdateWithStart(verdictUpdate, { startWorkflowOperation });
  }

  /** The api's signature over a request that it accepted. */
  sealRequest(request: ActionRequest): Promise<string> {
    return sealRequest(request, this.keys.signing.decision);
  }

  handle(id: string): WorkflowHandle<typeof action> {
    return this.client.workflow.getHandle<typeof action>(id);
  }

  view(id: string): Promise<ActionView> {
    return this.handle(id).query(viewQuery);
  }

  /** A signed decision, of alice unless told otherwise. */
  async decision(
    view: ActionView,
    overrides: Partial<Decision> & { readonly by?: string; readonly groups?: readonly string[]; readonly assurance?: Assurance } = {},
    keys = this.keys,
  ): Promise<string> {
    return this.signDecision(this.draft(view, overrides), keys);
  }

  /** What a decision says, before it is signed. */
  draft(
    view: ActionView,
    overrides: Partial<Decision> & { readonly by?: string; readonly groups?: readonly string[]; readonly assurance?: Assurance } = {},
  ): Decision {
    const { by = 'alice', groups = ['g-data-owners', 'g-security'], ...rest } = overrides;
    const nowMs = this.now().getTime();
    return {
      decisionId: randomUUID(),
      actionId: view.id,
      actionDigest: view.digest,
      planDigest: view.planDigest,
      verdict: 'approve',
      person: { id: by, name: by, groups },
      channel: 'api',
      assurance: 'login',
      decidedAt: new Date(nowMs).toISOString(),
      ...rest,
    };
  }

  signDecision(decision: Decision, keys = this.keys): Promise<string> {
    const seconds = Math.floor(Date.parse(decision.decidedAt) / 1000);
    return sign('decision', keys.signing.decision, decision, { issuedAt: seconds, expiresAt: seconds + 300, id: decision.decisionId });
  }

  async decide(view: ActionView, overrides: Parameters<Rig['decision']>[1] = {}): Promise<DecideReply> {
    const decision = await this.decision(view, overrides);
    return this.update(() =>
      this.handle(view.id).executeUpdate(decideUpdate, { args: [{ decision, by: overrides.by ?? 'alice' }], updateId: digestJson(decision) }),
    );
  }

  async cancel(id: string, by?: Cancellation['by']): Promise<DecideReply> {
    const cancellation = await this.cancellation(id, by);
    return this.update(() => this.handle(id).executeUpdate(cancelUpdate, { args: [{ cancellation }], updateId: digestJson(cancellation) }));
  }

  /** As the api does: an update that met a workflow task which Temporal threw away is sent again. */
  private update(send: () => Promise<DecideReply>): Promise<DecideReply> {
    return callTemporal(this.client.connection as Connection, 60_000, send);
  }

  /** A signed cancellation, of the requester unless told otherwise. */
  async cancellation(id: string, by: Cancellation['by'] = { kind: 'agent', id: 'invoice-bot', name: 'Invoice bot' }): Promise<string> {
    const nowMs = this.now().getTime();
    const seconds = Math.floor(nowMs / 1000);
    const content = { cancellationId: randomUUID(), actionId: id, by, cancelledAt: new Date(nowMs).toISOString() };
    return sign('cancellation', this.keys.signing.decision, content, { issuedAt: seconds, expiresAt: seconds + 300, id: content.cancellationId });
  }
}
