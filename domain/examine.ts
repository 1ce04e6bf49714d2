import type { ExecutionOutcome } from './connector.js';
import { belowFloor, type FloorRule } from './floor.js';
import { verifyGrant, verifyRequest, type Grant, type GrantVerdict } from './grant.js';
import { isJsonObject } from './json.js';
import { planDigest, type Plan } from './plan.js';
import { weigh, type ProofVerifier } from './proof.js';
import { verifyReceipt, type Receipt } from './receipt.js';
import { actionDigest, requestDigest, type ConnectorRef } from './request.js';
import { isDecision, isPlan, isRelease, isRequest } from './shapes.js';
import { verify, type TrustedKeys } from './signing.js';

/** One check, how it went, and what it found or why it was refused. `not-checked`: what it needs was not given. */
export type Finding = {
  readonly check: string;
  readonly state: 'held' | 'refused' | 'not-checked';
  readonly detail: string;
  /** Whether the grant holds hangs on it, so that it is `incomplete` while this is not checked. */
  readonly decisive?: true;
};

/** What a reader of a grant brings along. */
export type Reader = {
  readonly keys: TrustedKeys;
  /** The time for which it is judged, in milliseconds since 1970. */
  readonly atMs: number;
  /** The definition of the connector as the reader has it. */
  readonly connector?: ConnectorRef;
  /** Checks what approvals claim above `chat`. */
  readonly proofs?: ProofVerifier;
  readonly floor?: readonly FloorRule[];
  /** How it is said to have ended, with the receipt of the executor. */
  readonly outcome?: ExecutionOutcome;
  readonly source?: Receipt['source'];
};

/**
 * A grant as its reader finds it. `holds`: nothing is refused, and every signature, approval and proof was checked. `incomplete`: nothing is
 * refused, but something that it hangs on could not be checked.
 */
export type Examination = {
  readonly result: 'holds' | 'refused' | 'incomplete';
  readonly findings: readonly Finding[];
  readonly verdict?: GrantVerdict;
  readonly plan?: Plan;
};

const held = (check: string, detail: string): Finding => ({ check, state: 'held', detail });
const refused = (check: string, detail: string): Finding => ({ check, state: 'refused', detail });
const notChecked = (check: string, detail: string): Finding => ({ check, state: 'not-checked', detail });

/** What could not be checked although the grant hangs on it. */
export const unsettled = (check: string, detail: string): Finding => ({ check, state: 'not-checked', detail, decisive: true });

/** What an examination comes to, from its findings. */
export function resultOf(findings: readonly Finding[]): Examination['result'] {
  if (findings.some((finding) => finding.state === 'refused')) return 'refused';
  return findings.some((finding) => finding.state === 'not-checked' && finding.decisive === true) ? 'incomplete' : 'holds';
}

/** True for what has the members of a grant. */
export function isGrant(value: unknown): value is Grant {
  if (!isJsonObject(value)) return false;
  const { request, signedRequest, plan, approvals, release } = value;
  return (
    isRequest(request) &&
    typeof signedRequest === 'string' &&
    typeof plan === 'string' &&
    (release === undefined || typeof release === 'string') &&
    Array.isArray(approvals) &&
    approvals.every((approval) => isJsonObject(approval) && Number.isSafeInteger(approval['stage']) && typeof approval['decision'] === 'string')
  );
}

/**
 * Looks at every part of a grant by itself, so that its reader sees all that holds and all that does not, and then at the whole with the
 * executor's own verifier, which alone lets an action run. Never throws on bad input.
 */
export async function examineGrant(grant: unknown, reader: Reader): Promise<Examination> {
  if (!isGrant(grant)) return { result: 'refused', findings: [refused('grant', 'It has not the shape of a grant.')] };
  const findings: Finding[] = [await examineRequest(grant, reader)];
  const { finding, plan } = await examinePlan(grant, reader);
  findings.push(finding, examineConnector(grant, reader.connector));
  for (const index of grant.approvals.keys()) findings.push(...(await examineApproval(grant, index, plan, reader)));
  if (plan?.outcome === 'review') findings.push(await examineRelease(grant, reader));
  const proofs = reader.proofs ?? (() => Promise.resolve(undefined));
  const verdict = await verifyGrant(grant, reader.keys, reader.connector ?? grant.request.connector, reader.atMs, proofs);
  findings.push(examineWhole(verdict));
  if (verdict.ok) findings.push(...examineFloor(grant, verdict, reader));
  findings.push(await examineReceipt(grant, plan, reader));
  return { result: resultOf(findings), findings, verdict, ...(plan === undefined ? {} : { plan }) };
}

/** When the executor's receipt says that it began; undefined without a receipt that holds. */
export async function startOf(outcome: ExecutionOutcome | undefined, keys: TrustedKeys): Promise<string | undefined> {
  const signed = await verify('receipt', outcome?.receipt, keys);
  const startedAt = typeof signed === 'string' ? undefined : signed.content['startedAt'];
  return typeof startedAt === 'string' && Number.isFinite(Date.parse(startedAt)) ? startedAt : undefined;
}

async function examineRequest(grant: Grant, { keys }: Reader): Promise<Finding> {
  const { request } = grant;
  const problem = await verifyRequest(request, grant.signedRequest, keys);
  if (problem !== undefined) return refused('request', `It is ${problem}.`.replace('It is the signature', 'The signature'));
  return held(
    'request',
    `The api took it from ${request.requester.kind} ${request.requester.id} at ${request.requestedAt}: ${request.action} on ${request.resource.id}.`,
  );
}

async function examinePlan(grant: Grant, { keys }: Reader): Promise<{ readonly finding: Finding; readonly plan?: Plan }> {
  const signed = await verify('plan', grant.plan, keys);
  if (typeof signed === 'string') return { finding: refused('plan', `${signed}.`) };
  if (!isPlan(signed.content)) return { finding: refused('plan', 'It has not the shape of a plan.') };
  const plan: Plan = signed.content;
  if (plan.actionId !== grant.request.id || plan.requestDigest !== requestDigest(grant.request))
    return { finding: refused('plan', 'It was made for another request.'), plan };
  const asks =
    plan.outcome === 'review' ? `${plan.stages.map((stage) => `${stage.name} (${stage.quorum}, ${stage.assurance})`).join(', then ')}` : plan.outcome;
  return { finding: held('plan', `Signed by ${signed.kid} at ${plan.evaluatedAt}, in force until ${plan.expiresAt}: ${asks}.`), plan };
}

function examineConnector({ request }: Grant, mine: ConnectorRef | undefined): Finding {
  const { name, version, digest } = request.connector;
  if (mine === undefined) return notChecked('connector', `It was asked of ${name} ${version}, ${digest}. No definition was given to compare it with.`);
  if (mine.name !== name || mine.version !== version || mine.digest !== digest)
    return refused('connector', `It was asked of ${name} ${version}, ${digest}; the definition here is ${mine.name} ${mine.version}, ${mine.digest}.`);
  return held('connector', `${name} ${version}, ${digest}.`);
}

async function examineApproval(grant: Grant, index: number, plan: Plan | undefined, { keys, proofs }: Reader): Promise<readonly Finding[]> {
  const approval = grant.approvals[index];
  const name = `approval ${index + 1}`;
  const signed = await verify('decision', approval?.decision, keys);
  if (approval === undefined || typeof signed === 'string') return [refused(name, `${typeof signed === 'string' ? signed : 'there is none'}.`)];
  if (!isDecision(signed.content)) return [refused(name, 'It has not the shape of a decision.')];
  const decision = signed.content;
  const stage = plan?.stages[approval.stage];
  const findings: Finding[] = [];
  if (decision.verdict !== 'approve') findings.push(refused(name, `${decision.person.id} rejected it.`));
  else if (plan !== undefined && decision.actionDigest !== actionDigest(grant.request, planDigest(plan), plan.expiresAt))
    findings.push(refused(name, `${decision.person.id} approved another digest than this.`));
  else
    findings.push(
      held(
        name,
        `${decision.person.id} approved exactly this at ${decision.decidedAt} through ${decision.channel}, for the stage ${stage?.name ?? approval.stage + 1}; signed by ${signed.kid}.`,
      ),
    );
  const proof = `proof ${index + 1}`;
  if (decision.assurance === 'chat') return findings;
  // A stage that asks for no more takes it as the api's word, and needs nobody's proof.
  const needed = stage?.assurance !== 'chat';
  if (approval.proof !== undefined && proofs === undefined && needed)
    return [...findings, unsettled(proof, `It claims ${decision.assurance} with a proof, and no identity provider was given to check that.`)];
  const { assurance, reason } = await weigh(decision, approval.proof, proofs);
  if (reason !== undefined && !needed) return [...findings, held(proof, `It claims ${decision.assurance} and is worth ${assurance}: ${reason}`)];
  return [...findings, reason === undefined ? held(proof, `It proves ${assurance}, whatever the api says.`) : refused(proof, reason)];
}

async function examineRelease(grant: Grant, { keys }: Reader): Promise<Finding> {
  if (grant.release === undefined) return refused('release', 'There is none.');
  const signed = await verify('release', grant.release, keys);
  if (typeof signed === 'string') return refused('release', `${signed}.`);
  if (!isRelease(signed.content)) return refused('release', 'It has not the shape of a release.');
  const { length } = signed.content.decisionIds;
  return held('release', `The worker released ${length} approval${length === 1 ? '' : 's'} at ${signed.content.releasedAt}; signed by ${signed.kid}.`);
}

function examineWhole(verdict: GrantVerdict): Finding {
  if (!verdict.ok) return refused('grant', `${verdict.check} (${verdict.code}).`);
  const people = verdict.approvedBy.map(({ person }) => person.id);
  const consent = verdict.plan.outcome === 'allow' ? 'policy allowed it at once' : `approved by ${people.join(', ')}`;
  return held('grant', `As a whole it lets exactly ${verdict.digest} run: ${consent}.`);
}

function examineFloor({ request }: Grant, { plan, seats }: Extract<GrantVerdict, { ok: true }>, { floor, proofs }: Reader): readonly Finding[] {
  const people = new Set(seats.map(({ decision }) => decision.person.id)).size;
  if (people < (plan.executorFloor ?? 0)) return [refused('floor', `The plan wants ${plan.executorFloor} people, and it has ${people}.`)];
  if (floor === undefined) return [];
  const below = belowFloor(floor, request, seats);
  if (below !== undefined) return [refused('floor', `${below}.`)];
  // Without providers every proof was let through above; here it counts for what the api's word alone is worth.
  const bare = seats.map((seat) => ({ ...seat, proven: { assurance: 'chat' } as const }));
  if (proofs === undefined && belowFloor(floor, request, bare) !== undefined)
    return [unsettled('floor', 'It hangs on the proofs, and no identity provider was given to check them.')];
  return [held('floor', `Of ${floor.length} rules none is violated.`)];
}

async function examineReceipt(grant: Grant, plan: Plan | undefined, { keys, outcome, source = 'executor' }: Reader): Promise<Finding> {
  if (outcome === undefined) return notChecked('receipt', 'It is not said how it ended.');
  const digest = plan === undefined ? undefined : actionDigest(grant.request, planDigest(plan), plan.expiresAt);
  const verdict = await verifyReceipt(outcome, { actionId: grant.request.id, actionDigest: digest, source }, keys);
  switch (verdict.state) {
    case 'verified':
      return held(
        'receipt',
        `The executor signed that it ended as ${outcome.status} at ${outcome.finishedAt}${source === 'connector' ? '; that is what the connector reported' : ''}.`,
      );
    case 'none':
      return notChecked('receipt', `It is said to have ended as ${outcome.status}; nobody signed that.`);
    case 'missing':
    case 'invalid':
      return refused('receipt', verdict.detail);
  }
}
