import type { OpenedPlan, OpenResult } from '../activities/types.js';
import type { CardHandle } from '../activities/ports.js';
import type { ExecutionOutcome, Preview } from '../domain/connector.js';
import type { DecisionRecord } from '../domain/decision.js';
import type { PlanStage } from '../domain/plan.js';
import type { PersonRef } from '../domain/principal.js';
import type { DecisionProof } from '../domain/proof.js';
import type { ActionRequest } from '../domain/request.js';
import { dueLevel, replacesApprovers, type Refusal } from '../domain/separation.js';
import { isFinal, type ActionStatus, type ActionView, type SignedParts, type SignedState, type StoryEvent } from '../domain/view.js';

const maxStory = 200;
const maxRefusalsKept = 20;
const maxRefusalsTold = 50;

/** An approval that counts, with the signed form that the executor verifies. */
export type Approval = {
  readonly stage: number;
  readonly round: number;
  readonly decision: string;
  readonly proof?: DecisionProof;
  readonly person: PersonRef;
};

/** Everything the action workflow knows, and the facts derived from it. No clock: every change is told its time. */
export class ActionState {
  status: ActionStatus = 'evaluating';
  opened: OpenResult | undefined;
  round = 1;
  stageIndex = 0;
  stageStartedAtMs = 0;
  escalationLevel = 0;
  remindersSent = 0;
  approvers: readonly PersonRef[] = [];
  /** When the directory, which did not answer, is asked again who may decide. */
  askAgain: { readonly atMs: number; readonly delayMs: number } | undefined;
  preview: Preview | undefined;
  previewError: string | undefined;
  outcome: ExecutionOutcome | undefined;
  denial: Refusal | undefined;
  endedAtMs: number | undefined;
  attempts = 0;
  cancelRequested = false;
  /** The worker's word that the approvals in force may be executed. */
  release: string | undefined;
  readonly approvals: Approval[] = [];
  /** Rejections that count, and did not end the action alone. */
  readonly rejections: Omit<Approval, 'decision' | 'proof'>[] = [];
  readonly handles: CardHandle[] = [];
  /** Everybody who was ever asked, by id. */
  readonly asked: string[] = [];
  readonly channels = new Array<{ kind: string; state: 'sending' | 'sent' | 'failing'; detail?: string }>();
  private readonly records: DecisionRecord[] = [];
  private refusedCount = 0;
  private readonly story: StoryEvent[] = [];
  private readonly used: string[] = [];

  constructor(
    readonly request: ActionRequest,
    readonly signedRequest: string,
  ) {}

  get final(): boolean {
    return isFinal(this.status);
  }

  /** The stage that waits for people, if one does. */
  get stage(): PlanStage | undefined {
    return this.status === 'pending' ? this.opened?.plan.stages[this.stageIndex] : undefined;
  }

  get deadlineMs(): number | undefined {
    if (this.stage === undefined) return undefined;
    const { decideBy } = this.current.plan;
    return Math.min(this.stageStartedAtMs + this.stage.expiresInMs, decideBy === undefined ? Infinity : Date.parse(decideBy));
  }

  get current(): OpenResult {
    if (this.opened === undefined) throw new TypeError('the action has no plan yet');
    return this.opened;
  }

  get usedDecisionIds(): readonly string[] {
    return this.used;
  }

  /** Approvals that count under the plan in force. */
  get approvalsInForce(): readonly Approval[] {
    return this.approvals.filter((approval) => approval.round === this.round);
  }

  /** Rejections that count under the plan in force. */
  get rejectionsInForce(): ActionState['rejections'] {
    return this.rejections.filter((rejection) => rejection.round === this.round);
  }

  /** Ids of those who have said what they think of the plan in force. */
  get decided(): readonly string[] {
    return [...this.approvalsInForce, ...this.rejectionsInForce].map(({ person }) => person.id);
  }

  /** How many escalations are due. Where one takes the place of others, the clock counts and not the timer, which may be late. */
  levelAt(nowMs: number): number {
    const { stage, escalationLevel } = this;
    return stage !== undefined && replacesApprovers(stage) ? Math.max(escalationLevel, dueLevel(stage, nowMs - this.stageStartedAtMs)) : escalationLevel;
  }

  /** True when one more approval is the last that the plan asks for. */
  get completes(): boolean {
    const { stage, opened, stageIndex } = this;
    if (stage === undefined || opened === undefined || stageIndex + 1 < opened.plan.stages.length) return false;
    return this.approvalsInForce.filter((approval) => approval.stage === stageIndex).length + 1 >= stage.quorum;
  }

  /** Who may decide the present stage and has not done so. */
  get undecided(): readonly PersonRef[] {
    return this.approvers.filter((person) => !this.decided.includes(person.id));
  }

  startStage(index: number, approvers: readonly PersonRef[], nowMs: number): void {
    this.status = 'pending';
    this.stageIndex = index;
    this.stageStartedAtMs = nowMs;
    this.escalationLevel = 0;
    this.remindersSent = 0;
    this.ask(approvers);
  }

  /** These people may decide now; whoever was asked once may look for good. */
  ask(approvers: readonly PersonRef[]): void {
    this.approvers = approvers;
    for (const { id } of approvers) if (!this.asked.includes(id)) this.asked.push(id);
  }

  /** Puts another plan in force; what was approved before counts no more. */
  replan(opened: OpenedPlan): void {
    this.opened = { ...this.current, ...opened };
    this.round += 1;
  }

  record(record: DecisionRecord): void {
    if (record.decision !== undefined) this.used.push(record.decisionId);
    if (!record.accepted) this.refusedCount += 1;
    const refusals = this.records.filter((kept) => !kept.accepted).length;
    if (record.accepted || refusals < maxRefusalsKept) this.records.push(record);
  }

  tell(atMs: number, kind: StoryEvent['kind'], text: string, person?: PersonRef): void {
    if (this.story.length >= maxStory) return;
    // Refusals must leave room for what matters more.
    if (kind === 'refused' && this.story.filter((event) => event.kind === 'refused').length >= maxRefusalsTold) return;
    this.story.push({ seq: this.story.length + 1, at: new Date(atMs).toISOString(), kind, text, ...(person === undefined ? {} : { person }) });
  }

  /** The signed things from which everybody but the workflow learns what this action is. */
  get signed(): SignedParts {
    const { request, signedRequest, opened } = this;
    return { request, signedRequest, ...(opened === undefined ? {} : { signedPlan: opened.signedPlan }) };
  }

  /** How far the action is, with its signed things, for activities that show it to people. */
  signedState(): SignedState {
    const { status, asked, round, stage, deadlineAt, decisions, refusedCount, channels, preview, previewError, denial, outcome, endedAt, story } = this.view();
    return {
      signed: this.signed,
      ...{ status, asked, round, decisions, refusedCount, channels, story },
      ...(stage === undefined ? {} : { stage }),
      ...(deadlineAt === undefined ? {} : { deadlineAt }),
      ...(preview === undefined ? {} : { preview }),
      ...(previewError === undefined ? {} : { previewError }),
      ...(denial === undefined ? {} : { denial }),
      ...(outcome === undefined ? {} : { outcome }),
      ...(endedAt === undefined ? {} : { endedAt }),
    };
  }

  view(): ActionView {
    const { request, opened } = this;
    const plan = opened?.plan;
    const { stage, deadlineMs, preview, previewError, outcome, denial, endedAtMs } = this;
    const blank = 'sha256:' as const;
    return {
      id: request.id,
      status: this.status,
      action: request.action,
      title: opened?.connector.title ?? request.action,
      connector: request.connector,
      resource: request.resource,
      requester: { kind: request.requester.kind, id: request.requester.id, name: request.requester.name },
      ...(opened?.owner === undefined ? {} : { owner: opened.owner }),
      ...(opened?.onBehalfOf === undefined ? {} : { onBehalfOf: opened.onBehalfOf }),
      reason: request.reason,
      fields: opened?.fields ?? [],
      ...(preview === undefined ? {} : { preview }),
      ...(previewError === undefined ? {} : { previewError }),
      risk: plan?.risk ?? { score: 0, signals: [] },
      policies: plan?.policies ?? [],
      ...(denial === undefined ? {} : { denial }),
      digest: opened?.actionDigest ?? blank,
      planDigest: opened?.planDigest ?? blank,
      policyDigest: plan?.policyDigest ?? blank,
      bodyDigest: request.bodyDigest,
      asked: this.asked,
      round: this.round,
      ...(stage === undefined
        ? {}
        : {
            stage: {
              index: this.stageIndex,
              count: plan?.stages.length ?? 0,
              name: stage.name,
              quorum: stage.quorum,
              assurance: stage.assurance,
              approvals: this.approvalsInForce.filter((approval) => approval.stage === this.stageIndex).map((approval) => approval.person),
              approvers: this.undecided,
              escalationLevel: this.escalationLevel,
            },
          }),
      requestedAt: request.requestedAt,
      expiresAt: plan?.expiresAt ?? request.requestedAt,
      ...(deadlineMs === undefined ? {} : { deadlineAt: new Date(deadlineMs).toISOString() }),
      decisions: this.records,
      refusedCount: this.refusedCount,
      channels: this.channels.map((channel) => ({ ...channel })),
      ...(outcome === undefined ? {} : { outcome }),
      ...(endedAtMs === undefined ? {} : { endedAt: new Date(endedAtMs).toISOString() }),
      story: this.story,
    };
  }
}
