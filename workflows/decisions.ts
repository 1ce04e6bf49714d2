import { condition } from '@temporalio/workflow';
import type { Judgement } from '../activities/types.js';
import type { DecisionRecord } from '../domain/decision.js';
import { assertNever } from '../domain/errors.js';
import type { PersonRef } from '../domain/principal.js';
import type { Refusal } from '../domain/separation.js';
import type { ActionState } from './action-state.js';
import type { CancelInput, DecideInput, DecideReply } from './contract.js';
import type { Notices } from './notices.js';
import { local } from './proxies.js';
import { describe, publish } from './publish.js';
import { Serial } from './serial.js';

// More attempts than people could make: beyond them a flood costs no activity and no evidence entry. The bound on one
// person's keeps them from using up everybody's.
const maxAttempts = 500;
const maxAttemptsEach = 20;
const canceller = '(cancellation)';
const flooded: Refusal = { code: 'rate-limited', detail: 'Too many decisions were attempted on this action.' };

function bucket(by: string | undefined): string {
  return (by ?? '').slice(0, 128);
}

/** Takes decisions and cancellations, one after the other, and moves the action on. */
export class Decisions {
  private readonly serial = new Serial();
  private readonly tries = new Map<string, number>();
  private tried = 0;

  constructor(
    private readonly state: ActionState,
    private readonly notices: Notices,
  ) {}

  /** Waits until nothing is being decided, so that a timer cannot cut in between a decision and its effect. */
  async settled(): Promise<void> {
    await condition(() => this.serial.idle);
  }

  async decide(input: DecideInput): Promise<DecideReply> {
    if (!this.admits(input.by)) return this.refused(flooded);
    // Counted before anything is awaited, so that many at once cannot pass together.
    this.count(input.by);
    return this.serial.run(async () => {
      const { state } = this;
      await condition(() => state.opened !== undefined || state.final);
      if (state.opened === undefined) return this.refused({ code: 'decision-on-final', detail: 'The action was never opened.' });
      let judged: Judgement;
      try {
        judged = await this.judge(input);
      } catch {
        return this.refused({ code: 'evidence-unavailable', detail: 'The decision could not be recorded, so it does not count; decide again.' });
      }
      const { record } = judged;
      state.record(record);
      const person = record.decision === undefined ? undefined : { id: record.decision.person.id, name: record.decision.person.name };
      if (!record.accepted || record.decision === undefined || person === undefined) {
        const refusal = record.refusal ?? { code: 'decision-invalid' as const, detail: 'The decision could not be verified.' };
        state.tell(Date.now(), 'refused', `${person?.name ?? 'A decision nobody signed'} was refused: ${refusal.detail}`, person);
        describe(state);
        return this.refused(refusal);
      }
      if (state.stage === undefined) {
        // Evidence knew of this rejection before the workflow did, and has ended the action with it.
        if (record.decision.verdict === 'reject' && state.status === 'rejected') return { accepted: true, view: state.view() };
        return this.refused({ code: 'decision-on-final', detail: `The action is ${state.status}; nothing waits for a decision.` });
      }
      if (record.decision.verdict === 'reject') {
        this.reject(person);
      } else {
        const { decision, proof } = input;
        state.approvals.push({ stage: state.stageIndex, round: state.round, decision, ...(proof === undefined ? {} : { proof }), person });
        state.tell(Date.now(), 'approved', `${person.name} approved.${circleWords(record)}`, person);
        await this.advance(judged.again);
      }
      return { accepted: true, view: state.view() };
    });
  }

  private reject(person: PersonRef): void {
    const { state } = this;
    const { stageIndex, round } = state;
    const needed = state.stage?.rejectQuorum ?? 1;
    state.rejections.push({ stage: stageIndex, round, person });
    const count = state.rejectionsInForce.filter(({ stage }) => stage === stageIndex).length;
    state.tell(Date.now(), 'rejected', needed === 1 ? `${person.name} rejected.` : `${person.name} rejected: ${count} of the ${needed} that end it.`, person);
    if (count >= needed) {
      state.status = 'rejected';
      return;
    }
    publish(state);
    this.notices.refresh();
  }

  /** True while this one may still try. What is beyond the bounds must not even reach the history. */
  admits(by: string | undefined): boolean {
    return this.tried < maxAttempts && (this.tries.get(bucket(by)) ?? 0) < maxAttemptsEach;
  }

  admitsCancellation(): boolean {
    return this.admits(canceller);
  }

  private count(by: string | undefined): void {
    this.tried += 1;
    this.tries.set(bucket(by), (this.tries.get(bucket(by)) ?? 0) + 1);
  }

  async cancel(input: CancelInput): Promise<DecideReply> {
    if (!this.admits(canceller)) return this.refused(flooded);
    this.count(canceller);
    return this.serial.run(async () => {
      const { state } = this;
      await condition(() => state.opened !== undefined || state.final);
      if (state.final || state.opened === undefined) return this.refused({ code: 'decision-on-final', detail: 'The action is already final.' });
      state.attempts += 1;
      const result = await local.judgeCancellation({
        request: state.request,
        signedCancellation: input.cancellation,
        excluded: state.current.plan.excluded,
        attempt: state.attempts,
        nowMs: Date.now(),
      });
      if (!result.accepted) return this.refused(result.refusal);
      // It may have ended while the cancellation was looked at; what ended stays ended.
      if (state.final) return this.refused({ code: 'decision-on-final', detail: 'The action is already final.' });
      const { by } = result.cancellation;
      state.tell(Date.now(), 'cancelled', `${by.name} asked to stop it.`);
      // What already runs is asked to stop; only the executor knows how far it got.
      if (state.status === 'executing') state.cancelRequested = true;
      else state.status = 'cancelled';
      return { accepted: true, view: state.view() };
    });
  }

  private judge({ decision, proof }: DecideInput): Promise<Judgement> {
    const { state } = this;
    const nowMs = Date.now();
    const closed = closedFor(state, nowMs);
    state.attempts += 1;
    return local.judge({
      request: state.request,
      signedRequest: state.signedRequest,
      signedDecision: decision,
      ...(proof === undefined ? {} : { proof }),
      signedPlan: state.current.signedPlan,
      approvals: state.approvalsInForce.map(({ stage, decision, proof }) => ({ stage, decision, ...(proof === undefined ? {} : { proof }) })),
      stage: state.stageIndex,
      level: state.levelAt(nowMs),
      counted: state.decided,
      usedDecisionIds: state.usedDecisionIds,
      round: state.round,
      ...(closed === undefined ? {} : { closed }),
      completes: state.completes,
      attempt: state.attempts,
      nowMs,
    });
  }

  /** Moves on if the present stage has its quorum: to the next stage, to execution, or back to asking. */
  private async advance(again: Judgement['again']): Promise<void> {
    const { state } = this;
    // Whether or not it was the last one: under a policy that was changed since, none counts any more.
    if (again !== undefined && 'opened' in again) return this.reconsider(again);
    const stage = state.stage;
    const approvals = state.approvalsInForce.filter((approval) => approval.stage === state.stageIndex).length;
    if (stage === undefined || approvals < stage.quorum) {
      publish(state);
      this.notices.refresh();
      return;
    }
    const next = state.stageIndex + 1;
    if (next < state.current.plan.stages.length) {
      state.tell(Date.now(), 'stage-passed', `"${stage.name}" is passed.`);
      await this.startStage(next);
      return;
    }
    if (again === undefined) throw new TypeError('the last approval came without a second evaluation');
    switch (again.verdict) {
      case 'released':
        state.release = again.release;
        state.status = 'executing';
        return;
      case 'withheld':
        state.status = again.status;
        if (again.status === 'error') state.denial = again.refusal;
        state.tell(Date.now(), again.status, again.refusal.detail);
        return;
      default:
        assertNever(again);
    }
  }

  /** Ends what policy denies now, and begins anew where it asks for other consent. */
  private async reconsider(again: Extract<NonNullable<Judgement['again']>, { readonly opened: unknown }>): Promise<void> {
    const { state } = this;
    if (again.verdict === 'deny') {
      state.status = 'denied';
      state.denial = again.opened.plan.denial ?? { code: 'denied-by-policy', detail: 'Policy denies this action now.' };
      return;
    }
    state.replan(again.opened);
    const why = again.reason === undefined ? '' : ` ${again.reason}`;
    state.tell(Date.now(), 'replanned', `Policy asks for other consent now than when this was shown; earlier approvals do not count.${why}`);
    await this.startStage(0);
  }

  private async startStage(index: number): Promise<void> {
    const { state } = this;
    const approvers = await approversOf(state, index, 0);
    state.startStage(index, approvers, index === 0 ? Date.parse(state.current.plan.evaluatedAt) : Date.now());
  }

  private refused(refusal: Refusal): DecideReply {
    return { accepted: false, code: refusal.code, detail: refusal.detail, view: this.state.view() };
  }
}

function circleWords({ circle }: DecisionRecord): string {
  return circle === undefined ? '' : ` A circle: ${circle.with.name}, who is behind this action, approved one of theirs on ${circle.at.slice(0, 10)}.`;
}

const firstDelayMs = 10_000;
const maxDelayMs = 3_600_000;

/** The people of a stage by name. An unreachable directory gives none and is asked again later: they can still decide, once it answers. */
export async function approversOf(state: ActionState, stage: number, level: number): Promise<ActionState['approvers']> {
  try {
    const found = await local.findApprovers({ plan: state.current.plan, stage, level });
    state.askAgain = undefined;
    return found;
  } catch {
    const before = state.askAgain;
    if (before === undefined)
      state.tell(Date.now(), 'channel-failed', 'The directory cannot be reached, so nobody could be told; the action can be decided once it answers.');
    // Ever longer, since each try costs events and the directory may be away for days.
    const delayMs = before === undefined ? firstDelayMs : Math.min(before.delayMs * 2, maxDelayMs);
    state.askAgain = { atMs: Date.now() + delayMs, delayMs };
    return [];
  }
}

function closedFor(state: ActionState, nowMs: number): Refusal | undefined {
  if (state.stage === undefined) return { code: 'decision-on-final', detail: `The action is ${state.status}; nothing waits for a decision.` };
  if (state.deadlineMs !== undefined && nowMs >= state.deadlineMs) return { code: 'decision-expired', detail: 'The deadline is over.' };
  return undefined;
}
