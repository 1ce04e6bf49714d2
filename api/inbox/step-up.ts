import { createHash, randomUUID } from 'node:crypto';
import { CountersignError } from '../../domain/errors.js';
import type { Digest } from '../../domain/digest.js';
import type { Assurance } from '../../domain/principal.js';
import { decisionChallenge } from '../../domain/proof.js';
import type { ActionView } from '../../domain/view.js';
import type { SignedInPerson } from './people.js';
import type { Session } from './session.js';

/** What a sign-in at the provider can prove. */
type Provable = Extract<Assurance, 'login' | 'mfa'>;

/** An approval that was asked for and waits for the person's proof. It decides nothing. */
export type PendingApproval = {
  readonly decisionId: string;
  readonly actionId: ActionView['id'];
  readonly digest: Digest;
  readonly planDigest: Digest;
  readonly personId: string;
  readonly assurance: Provable;
  readonly comment?: string;
  /** What provider or authenticator sign. */
  readonly challenge: Digest;
  readonly untilMs: number;
};

const lifeMs = 10 * 60_000;
const maxPending = 10_000;

/**
 * Approvals on their way through a sign-in: in this process, one for each session and action, for ten minutes. Whoever has them can
 * approve nothing, since the proof is made elsewhere.
 */
export class PendingApprovals {
  private readonly kept = new Map<string, PendingApproval>();

  constructor(private readonly now: () => Date) {}

  /** Notes what the person asked to approve, in place of what they asked of this action before. */
  put(who: SignedInPerson, view: ActionView, comment: string | undefined): PendingApproval {
    const assurance = view.stage?.assurance;
    if (assurance !== 'login' && assurance !== 'mfa') throw new CountersignError('decision-on-final', 'Nothing waits for a sign-in here.');
    const nowMs = this.now().getTime();
    for (const [key, { untilMs }] of this.kept) if (untilMs <= nowMs || this.kept.size >= maxPending) this.kept.delete(key);
    const decisionId = `dec_${randomUUID()}`;
    const { id: actionId, digest, planDigest } = view;
    const of = { decisionId, actionId, planDigest, verdict: 'approve', personId: who.person.id } as const;
    const pending: PendingApproval = {
      ...of,
      digest,
      assurance,
      challenge: decisionChallenge({ ...of, actionDigest: digest }),
      untilMs: nowMs + lifeMs,
      ...(comment === undefined ? {} : { comment }),
    };
    this.kept.set(keyOf(who.session, actionId), pending);
    return pending;
  }

  /** What this session asked to approve, if it still waits. */
  get(who: SignedInPerson, actionId: string): PendingApproval | undefined {
    const pending = this.kept.get(keyOf(who.session, actionId));
    return pending === undefined || pending.untilMs <= this.now().getTime() || pending.personId !== who.person.id ? undefined : pending;
  }

  /** The same, and it waits no longer. Throws `decision-expired` when there is none, or another than the sign-in was started for. */
  take(who: SignedInPerson, actionId: string, decisionId: string): PendingApproval {
    const pending = this.get(who, actionId);
    if (pending === undefined || pending.decisionId !== decisionId)
      throw new CountersignError('decision-expired', 'This sign-in took too long, or it was not asked for here.');
    this.drop(who, actionId);
    return pending;
  }

  /** Forgets what this session asked to approve: a sign-in that was started for it decides nothing. */
  drop(who: SignedInPerson, actionId: string): void {
    this.kept.delete(keyOf(who.session, actionId));
  }
}

function keyOf(session: Session, actionId: string): string {
  return `${createHash('sha256').update(session.csrf).digest('base64url')} ${actionId}`;
}
