import { randomUUID } from 'node:crypto';
import { CountersignError } from '../../domain/errors.js';
import type { Digest } from '../../domain/digest.js';
import type { Assurance } from '../../domain/principal.js';
import { decisionChallenge } from '../../domain/proof.js';
import type { ActionView } from '../../domain/view.js';
import { Pending } from './pending.js';
import type { SignedInPerson } from './people.js';
import type { Session } from './session.js';

/** An approval that was asked for and waits for the person's proof. It decides nothing. */
export type PendingApproval = {
  readonly decisionId: string;
  readonly actionId: ActionView['id'];
  readonly digest: Digest;
  readonly planDigest: Digest;
  readonly personId: string;
  readonly assurance: Exclude<Assurance, 'chat'>;
  readonly comment?: string;
  /** What provider or authenticator sign. */
  readonly challenge: Digest;
};

/**
 * Approvals on their way through a sign-in or to a passkey. Whoever has them can approve nothing, since the proof is made elsewhere.
 */
export class PendingApprovals {
  private readonly kept: Pending<PendingApproval>;

  constructor(now: () => Date) {
    this.kept = new Pending(now);
  }

  /** Notes what the person asked to approve, in place of what they asked of this action before. */
  put(who: SignedInPerson, view: ActionView, comment: string | undefined): PendingApproval {
    const assurance = view.stage?.assurance ?? 'chat';
    if (assurance === 'chat') throw new CountersignError('decision-on-final', 'Nothing waits for a proof here.');
    const decisionId = `dec_${randomUUID()}`;
    const { id: actionId, digest, planDigest } = view;
    const of = { decisionId, actionId, planDigest, verdict: 'approve', personId: who.person.id } as const;
    const pending: PendingApproval = {
      ...of,
      digest,
      assurance,
      challenge: decisionChallenge({ ...of, actionDigest: digest }),
      ...(comment === undefined ? {} : { comment }),
    };
    this.kept.put(who.session, actionId, pending);
    return pending;
  }

  /** What this session asked to approve, if it still waits. */
  get(who: SignedInPerson, actionId: string): PendingApproval | undefined {
    const pending = this.kept.get(who.session, actionId);
    return pending?.personId === who.person.id ? pending : undefined;
  }

  /** The same, and it waits no longer. Throws `decision-expired` when there is none, or another than the proof was made for. */
  take(who: SignedInPerson, actionId: string, decisionId: string): PendingApproval {
    const pending = this.get(who, actionId);
    if (pending === undefined || pending.decisionId !== decisionId)
      throw new CountersignError('decision-expired', 'This took too long, or it was not asked for here.');
    this.drop(who.session, actionId);
    return pending;
  }

  /** Forgets what this session asked to approve: a proof that is made for it decides nothing. */
  drop(session: Session, actionId: string): void {
    this.kept.drop(session, actionId);
  }
}
