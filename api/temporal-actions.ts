import { randomUUID } from 'node:crypto';
import { WorkflowUpdateFailedError } from '@temporalio/client';
import type { Directory } from '../directory/port.js';
import type { ConnectorDefinition } from '../domain/connector.js';
import type { Decision } from '../domain/decision.js';
import type { Digest } from '../domain/digest.js';
import { CountersignError, isErrorCode } from '../domain/errors.js';
import type { ActionId, ActionRequest } from '../domain/request.js';
import type { TrustedKeys } from '../domain/signing.js';
import { createViewTrust, type TrustedParts } from '../domain/trusted-view.js';
import { isFinal, type ActionView } from '../domain/view.js';
import { cancelUpdate, decideUpdate, type DecideReply } from '../workflows/contract.js';
import type { Actions, DecideCommand, Viewer } from './actions.js';
import type { DecisionSigner } from './decision-signer.js';
import { callTemporal, deadlinesMs, type TemporalAccess } from './temporal/access.js';
import { mayCancel, maySee, viewOf } from './temporal/authorise.js';
import { createRequestChecker } from './temporal/check-request.js';
import { PendingLimit } from './temporal/pending-limit.js';
import { isFinished, startAction } from './temporal/submit.js';
import { createViewReader } from './temporal/views.js';
import { countPending, listActions } from './temporal/visibility.js';
import { ActionWatcher } from './temporal/watch.js';

/** What the real `Actions` are made of. */
export type TemporalActionsDeps = {
  readonly access: TemporalAccess;
  readonly connectors: readonly ConnectorDefinition[];
  readonly directory: Directory;
  readonly signer: DecisionSigner;
  /** The public keys with which the api verifies what Temporal tells it. */
  readonly trusted: TrustedKeys;
  /** Told whenever Temporal answers with what nobody signed. */
  readonly onForged?: (forged: { readonly id: string; readonly reason: string }) => void;
  readonly pendingPerSubject: number;
  /** Where the worker listens, when not on its usual task queue. */
  readonly taskQueue?: string;
  readonly now?: () => Date;
};

/** `Actions` on Temporal. Each method throws a `CountersignError`; `temporal-unavailable` when it does not answer in time. */
export function createTemporalActions(deps: TemporalActionsDeps): Actions {
  const { access, signer } = deps;
  const now = deps.now ?? (() => new Date());
  const check = createRequestChecker(deps.connectors, deps.directory);
  const pending = new PendingLimit(deps.pendingPerSubject, (requesterId) => countPending(access, requesterId));
  const nameOf = async (id: string) => (await deps.directory.person(id).catch(() => undefined))?.name;
  const onForged = deps.onForged ?? (() => undefined);
  const views = createViewReader(access, createViewTrust({ connectors: deps.connectors, trusted: deps.trusted, nameOf }), onForged);
  const watcher = new ActionWatcher(access, views);

  async function viewFor(id: string, viewer: Viewer): Promise<ActionView> {
    const { view } = await views.read(id);
    if (!maySee(view, viewer)) throw new CountersignError('not-found');
    return viewOf(view, viewer);
  }

  /** The action under this key, when the subject may submit no other. */
  async function existingOr(refusal: unknown, request: ActionRequest): Promise<ActionView> {
    if (!(refusal instanceof CountersignError) || refusal.code !== 'too-many-pending') throw refusal;
    try {
      return (await views.read(request.id)).view;
    } catch {
      throw refusal;
    }
  }

  async function* watch(id: string, viewer: Viewer, signal: AbortSignal): AsyncGenerator<ActionView> {
    for await (const view of watcher.follow(id, signal)) {
      // Somebody can cease to be entitled while they look, for instance when a stage passes.
      if (!maySee(view, viewer)) return;
      yield viewOf(view, viewer);
      if (isFinal(view.status)) return;
    }
  }

  /** Sends a signed wish to the workflow, which records what becomes of it. */
  async function tell(parts: TrustedParts, updateId: string, send: () => Promise<DecideReply>): Promise<DecideReply> {
    try {
      const reply = await callTemporal(access.connection, deadlinesMs.decide, send);
      return { ...reply, view: await views.answered(parts, reply.view) };
    } catch (error) {
      if (isFinished(error)) {
        const { view } = await views.read(parts.request.id);
        return { accepted: false, code: 'decision-on-final', detail: 'The action is already final.', view };
      }
      const cause = error instanceof WorkflowUpdateFailedError ? (error.cause as { type?: unknown } | undefined) : undefined;
      if (isErrorCode(cause?.type)) throw new CountersignError(cause.type, undefined, { cause: error });
      throw error instanceof CountersignError ? error : new CountersignError('internal-error', `The update ${updateId} failed.`, { cause: error });
    }
  }

  return {
    async submit(principal, body, idempotencyKey, delegation, tokenIssuedAt) {
      const request = await check(principal, body, idempotencyKey, now(), delegation, tokenIssuedAt);
      let refusal: unknown;
      const place = await pending.admit(principal.id).catch((error: unknown) => void (refusal = error));
      const view =
        refusal === undefined
          ? await startAction(access, views, request, await signer.signRequest(request), deps.taskQueue)
          : await existingOr(refusal, request);
      // What failed keeps its place for a while, since it may have been started.
      if ((view.status !== 'pending' && view.status !== 'evaluating') || view.requestedAt !== request.requestedAt) place?.release();
      if (view.bodyDigest !== request.bodyDigest) throw new CountersignError('idempotency-conflict');
      return { view, repeated: view.requestedAt !== request.requestedAt };
    },

    view: viewFor,

    async wait(id, viewer, waitMs, signal) {
      let latest = await viewFor(id, viewer);
      if (isFinal(latest.status) || waitMs <= 0) return latest;
      const over = AbortSignal.timeout(waitMs);
      for await (const view of watch(id, viewer, signal === undefined ? over : AbortSignal.any([over, signal]))) latest = view;
      return latest;
    },

    watch,

    async decide(command) {
      const send = async (parts: TrustedParts, planDigest: Digest): Promise<DecideReply> => {
        const decision = decisionOf(command, planDigest, now());
        const jws = await signer.signDecision(decision);
        return tell(parts, decision.decisionId, () =>
          access.client.workflow.getHandle(command.actionId).executeUpdate(decideUpdate, {
            args: [{ decision: jws, by: command.person.id, ...(command.proof === undefined ? {} : { proof: command.proof }) }],
            updateId: decision.decisionId,
          }),
        );
      };
      const known = await views.recall(command.actionId, command.digest);
      if (known?.plan !== undefined && (command.planDigest === undefined || command.planDigest === known.plan.digest)) return send(known, known.plan.digest);
      const { view, parts } = await views.read(command.actionId);
      const viewer = { principal: { kind: 'person', id: command.person.id }, operator: false } as const;
      const stale = command.digest !== view.digest || (command.planDigest !== undefined && command.planDigest !== view.planDigest);
      // A stale decision of somebody entitled is for the worker to refuse and record; of others nothing is signed but what it says now.
      if (stale && !maySee(view, viewer))
        return { accepted: false, code: 'decision-digest-mismatch', detail: 'The decision was made on another version of this action.', view };
      // The worker would refuse it, whoever signs.
      if (view.doubt !== undefined) return { accepted: false, code: 'request-unsigned', detail: view.doubt, view };
      // Beside another digest than its own the plan in force makes a decision that no plan can be executed with.
      return send(parts, command.digest === view.digest ? ((command.planDigest as Digest | undefined) ?? view.planDigest) : view.planDigest);
    },

    async cancel(id, principal, reason) {
      const { view, parts } = await views.read(id);
      if (!mayCancel(view, principal)) throw new CountersignError(maySee(view, { principal, operator: false }) ? 'cancel-not-permitted' : 'not-found');
      const cancellationId = `can_${randomUUID()}`;
      const jws = await signer.signCancellation({
        cancellationId,
        actionId: view.id,
        by: { kind: principal.kind, id: principal.id, name: principal.name },
        cancelledAt: now().toISOString(),
        ...(reason === undefined ? {} : { reason }),
      });
      return tell(parts, cancellationId, () =>
        access.client.workflow.getHandle(view.id).executeUpdate(cancelUpdate, { args: [{ cancellation: jws }], updateId: cancellationId }),
      );
    },

    async list(filter, viewer) {
      const owned = viewer.principal.kind === 'person' && !viewer.operator ? await deps.directory.agentsOwnedBy(viewer.principal.id) : [];
      return listActions(access, filter, viewer, owned);
    },
  };
}

function decisionOf(command: DecideCommand, planDigest: Digest, at: Date): Decision {
  const { person } = command;
  return {
    decisionId: command.decisionId ?? `dec_${randomUUID()}`,
    actionId: command.actionId as ActionId,
    actionDigest: command.digest as Digest,
    planDigest,
    verdict: command.verdict,
    person: { id: person.id, name: person.name, groups: person.groups },
    channel: command.channel,
    assurance: command.assurance,
    decidedAt: at.toISOString(),
    ...(command.comment === undefined ? {} : { comment: command.comment }),
  };
}
