import type { ExecutionOutcome } from './connector.js';
import { digestJson, type Digest } from './digest.js';
import type { ErrorCode } from './errors.js';
import { sign, verify, type SigningKey, type TrustedKeys } from './signing.js';

/** The executor's word on how one action ended, signed by its own key. */
export type Receipt = {
  readonly actionId: string;
  readonly actionDigest: Digest;
  /** `executor`: it ran this itself. `connector`: it permitted a customer's activity, and this is what it was told. */
  readonly source: 'executor' | 'connector';
  readonly status: ExecutionOutcome['status'];
  /** Digest of the whole outcome, without the receipt. */
  readonly outcomeDigest: Digest;
  readonly resultDigest?: Digest;
  readonly startedAt: string;
  readonly finishedAt: string;
};

/** How a receipt fared. The marker goes into evidence. */
export type ReceiptVerdict =
  | { readonly state: 'verified'; readonly source: Receipt['source'] }
  | { readonly state: 'none' }
  | { readonly state: 'missing' | 'invalid'; readonly code: Extract<ErrorCode, 'receipt-missing' | 'receipt-invalid'>; readonly detail: string };

// A receipt is evidence: it is read for as long as the action is of interest, and its key may have retired since.
const lifetimeSeconds = 10 * 366 * 86_400;

/** Digest of an outcome without its receipt. */
export function outcomeDigest(outcome: ExecutionOutcome): Digest {
  const { receipt: _receipt, ...bare } = outcome;
  return digestJson(bare);
}

/** Signs what the executor knows of the end of an action, and returns the outcome with this receipt. */
export async function withReceipt(
  outcome: ExecutionOutcome,
  action: Pick<Receipt, 'actionId' | 'actionDigest' | 'source' | 'startedAt'>,
  key: SigningKey,
): Promise<ExecutionOutcome> {
  const issuedAt = Math.floor(Date.parse(outcome.finishedAt) / 1000);
  const resultDigest = outcome.status === 'succeeded' ? outcome.resultDigest : undefined;
  const receipt: Receipt = {
    ...action,
    status: outcome.status,
    outcomeDigest: outcomeDigest(outcome),
    ...(resultDigest === undefined ? {} : { resultDigest }),
    finishedAt: outcome.finishedAt,
  };
  const signed = await sign('receipt', key, receipt, { issuedAt, expiresAt: issuedAt + lifetimeSeconds, id: `receipt_${action.actionId}` });
  return { ...outcome, receipt: signed };
}

/**
 * Whether the executor vouches for this outcome of this action. An outcome that claims an effect needs a receipt; one that
 * claims none may come without, since the executor may never have been reached. Never throws on bad input.
 */
export async function verifyReceipt(
  outcome: ExecutionOutcome,
  action: { readonly actionId: string; readonly actionDigest: Digest | undefined; readonly source: Receipt['source'] },
  keys: TrustedKeys,
): Promise<ReceiptVerdict> {
  if (outcome.receipt === undefined)
    return outcome.status === 'succeeded'
      ? { state: 'missing', code: 'receipt-missing', detail: 'The engine reported a success for which the executor signed no receipt.' }
      : { state: 'none' };
  const invalid = (why: string): ReceiptVerdict => ({
    state: 'invalid',
    code: 'receipt-invalid',
    detail: `The receipt of the executor does not hold: ${why}.`,
  });
  const signed = await verify('receipt', outcome.receipt, keys);
  if (typeof signed === 'string') return invalid(signed);
  const { actionId, actionDigest, outcomeDigest: vouched, source } = signed.content;
  if (actionId !== action.actionId || action.actionDigest === undefined || actionDigest !== action.actionDigest) return invalid('it is of another action');
  if (source !== action.source) return invalid(`it is the word of the ${source === 'connector' ? 'connector' : 'executor'}`);
  if (vouched !== digestOf(outcome)) return invalid('it is for another outcome');
  return { state: 'verified', source: action.source };
}

function digestOf(outcome: ExecutionOutcome): Digest | undefined {
  try {
    return outcomeDigest(outcome);
  } catch {
    // Whoever wrote the outcome into the engine chose its members, and not all have a canonical form.
    return undefined;
  }
}
