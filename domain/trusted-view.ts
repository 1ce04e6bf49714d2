import { connectorDigest, type ConnectorDefinition } from './connector.js';
import type { Digest } from './digest.js';
import { displayFields } from './display.js';
import { CountersignError } from './errors.js';
import { verifyRequest } from './grant.js';
import { isJsonObject } from './json.js';
import { planDigest, type Plan } from './plan.js';
import type { Principal } from './principal.js';
import { actionDigest, requestDigest, type ActionRequest } from './request.js';
import { involvedIn } from './separation.js';
import { isPlan } from './shapes.js';
import { keysForEvidence, verify, type TrustedKeys } from './signing.js';
import { actionStatuses, type ActionView, type SignedParts, type ViewState } from './view.js';

/** Signed things whose signatures hold and that belong together. `plan` is absent while policy has not spoken. */
export type TrustedParts = {
  readonly request: ActionRequest;
  readonly plan?: { readonly content: Plan; readonly digest: Digest; readonly actionDigest: Digest };
  /** Why what verifies as evidence must not be acted upon: a key that signed it was marked compromised since. */
  readonly doubt?: string;
};

export type ViewTrustDeps = {
  readonly connectors: Iterable<ConnectorDefinition>;
  readonly trusted: TrustedKeys;
  /** The name of a person, or undefined for one who is not known or cannot be looked up now. */
  readonly nameOf: (personId: string) => Promise<string | undefined>;
};

/**
 * Tells what an action is from what was signed alone; Temporal is believed only as to how far it is. What a compromised key signed
 * is still told, since what happened must stay legible, and marked with a doubt.
 */
export type ViewTrust = {
  /** Verifies the signed things of one action. Throws `view-forged` with the reason. */
  verify(id: string, parts: unknown): Promise<TrustedParts>;
  /**
   * The view of an action: what it is from the signed things and the connector's definition, how far it is from `state`, bounded by the plan.
   * Throws `view-forged` where the two contradict each other.
   */
  rebuild(parts: TrustedParts, state: unknown): Promise<ActionView>;
};

/** {@link ViewTrust} over these connectors, keys and names. */
export function createViewTrust({ connectors, trusted, nameOf }: ViewTrustDeps): ViewTrust {
  const known = new Map([...connectors].map((definition) => [definition.name, { definition, digest: connectorDigest(definition) }]));
  return {
    verify: (id, parts) => verifyParts(id, parts, trusted),
    rebuild: async (parts, state) => {
      const { request } = parts;
      const entry = known.get(request.action);
      // Under another definition other members would be shown: without the one it was asked under, everything is hidden.
      const definition = entry?.digest === request.connector.digest ? entry.definition : undefined;
      const ownerId = request.requester.kind === 'agent' ? request.requester.owner : undefined;
      const person = async (id: string | undefined) => (id === undefined ? undefined : { id, name: (await nameOf(id)) ?? id });
      const [owner, onBehalfOf] = await Promise.all([person(ownerId), person(request.onBehalfOf)]);
      return {
        ...viewState(parts, state),
        ...requestMembers(request, definition, parts.plan?.content.mask),
        ...planMembers(parts),
        ...(parts.doubt === undefined ? {} : { doubt: parts.doubt }),
        ...(owner === undefined ? {} : { owner }),
        ...(onBehalfOf === undefined ? {} : { onBehalfOf }),
        ...(request.via === undefined || request.via.length === 0 ? {} : { via: request.via.map(shownActor) }),
      };
    },
  };
}

async function verifyParts(id: string, value: unknown, trusted: TrustedKeys): Promise<TrustedParts> {
  try {
    const { request, signedRequest, signedPlan } = value as SignedParts;
    if (request.id !== id) throw forged('it is of another action');
    const evidence = keysForEvidence(trusted);
    const unsigned = await verifyRequest(request, signedRequest, trusted);
    if (unsigned !== undefined && (await verifyRequest(request, signedRequest, evidence)) !== undefined) throw forged(`request: ${unsigned}`);
    if (signedPlan === undefined) return { request, ...doubted(unsigned) };
    const live = await verify('plan', signedPlan, trusted);
    const signed = typeof live === 'string' ? await verify('plan', signedPlan, evidence) : live;
    if (typeof signed === 'string') throw forged(`plan: ${signed}`);
    if (!isPlan(signed.content)) throw forged('plan: not the shape of a plan');
    const plan: Plan = signed.content;
    if (plan.actionId !== id || plan.requestDigest !== requestDigest(request)) throw forged('plan: made for another request');
    const digest = planDigest(plan);
    return {
      request,
      plan: { content: plan, digest, actionDigest: actionDigest(request, digest, plan.expiresAt) },
      ...doubted(unsigned ?? (typeof live === 'string' ? live : undefined)),
    };
  } catch (error) {
    if (error instanceof CountersignError) throw error;
    throw forged('its signed parts cannot be read');
  }
}

function doubted(reason: string | undefined): { readonly doubt?: string } {
  return reason === undefined ? {} : { doubt: `It is not carried out: ${reason}.` };
}

function requestMembers(request: ActionRequest, definition: ConnectorDefinition | undefined, mask: readonly string[] | undefined) {
  const { requester } = request;
  return {
    id: request.id,
    action: request.action,
    title: definition?.title ?? request.action,
    connector: request.connector,
    resource: request.resource,
    requester: shownActor(requester),
    reason: request.reason,
    fields: displayFields(definition ?? { parameters: {} }, request.parameters, mask),
    bodyDigest: request.bodyDigest,
    requestedAt: request.requestedAt,
  };
}

function shownActor({ kind, id, name }: Principal): ActionView['requester'] {
  return { kind, id, name };
}

function planMembers({ request, plan }: TrustedParts) {
  if (plan === undefined) {
    const blank = 'sha256:' as const;
    return { risk: { score: 0, signals: [] }, policies: [], digest: blank, planDigest: blank, policyDigest: blank, expiresAt: request.requestedAt };
  }
  const { risk, policies, policyDigest, expiresAt, denial, outcome } = plan.content;
  return {
    risk,
    policies,
    digest: plan.actionDigest,
    planDigest: plan.digest,
    policyDigest,
    expiresAt,
    ...(outcome === 'deny' && denial !== undefined ? { denial } : {}),
  };
}

const lists = ['asked', 'decisions', 'channels', 'story'] as const;

/** What Temporal says of how far an action is, held against its plan. */
function viewState({ request, plan }: TrustedParts, value: unknown): ViewState {
  if (!isJsonObject(value) || !actionStatuses.some((status) => status === value['status']) || lists.some((name) => !Array.isArray(value[name])))
    throw forged('it has not the shape of an action');
  const { digest, planDigest: claimed } = value;
  // A state need not say what it is about; one that does must not say something else.
  if ((digest !== undefined && digest !== (plan?.actionDigest ?? 'sha256:')) || (claimed !== undefined && claimed !== (plan?.digest ?? 'sha256:')))
    throw forged('its digest is not that of what was signed');
  // These are left out here, since a request may have nothing to put in their place.
  const { stage: said, deadlineAt, owner: _owner, onBehalfOf: _onBehalfOf, via: _via, doubt: _doubt, ...rest } = value as unknown as ActionView;
  const { status } = rest;
  if (plan === undefined && status !== 'evaluating' && status !== 'error' && status !== 'cancelled') throw forged(`it is ${status} without a plan`);
  if (plan?.content.outcome === 'deny' && status !== 'denied' && status !== 'error') throw forged(`policy denied it, yet it is ${status}`);
  if (status !== 'pending') return rest;
  // Between two plans it is in no stage for a moment, and nobody can decide.
  if (said === undefined) return rest;
  const stage = plan?.content.outcome === 'review' && isStage(said) ? plan.content.stages[said.index] : undefined;
  if (plan === undefined || stage === undefined) throw forged('it waits for people in no stage of its plan');
  const excluded = [...plan.content.excluded, ...involvedIn(request)];
  const startMs = Date.parse(plan.content.evaluatedAt);
  const latestMs = Date.parse(plan.content.decideBy ?? plan.content.expiresAt);
  const saidMs = Date.parse(deadlineAt ?? '');
  // The first stage begins with the plan; of a later one only the end of all is known.
  const deadlineMs = said.index === 0 ? Math.min(startMs + stage.expiresInMs, latestMs) : Math.min(Number.isNaN(saidMs) ? latestMs : saidMs, latestMs);
  return {
    ...rest,
    stage: {
      index: said.index,
      count: plan.content.stages.length,
      name: stage.name,
      quorum: stage.quorum,
      assurance: stage.assurance,
      approvals: said.approvals,
      approvers: said.approvers.filter((person) => !excluded.includes(person.id)),
      escalationLevel: Math.min(said.escalationLevel, stage.escalations.length),
    },
    deadlineAt: new Date(deadlineMs).toISOString(),
  };
}

function isStage(value: unknown): value is NonNullable<ActionView['stage']> {
  if (!isJsonObject(value)) return false;
  const { index, approvals, approvers, escalationLevel } = value;
  return Number.isInteger(index) && Number.isInteger(escalationLevel) && Array.isArray(approvals) && Array.isArray(approvers);
}

function forged(reason: string): CountersignError {
  return new CountersignError('view-forged', `What the engine tells of this action does not hold: ${reason}.`);
}
