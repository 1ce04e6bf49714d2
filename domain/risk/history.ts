import type { Digest } from '../digest.js';
import type { ActionRequest } from '../request.js';
import { sizeOf } from './content.js';
import { asRead, reasonDigest } from './reason.js';
import type { RiskRules } from './rules.js';

/** What is remembered of an earlier request. */
export type PastRequest = {
  readonly at: string;
  readonly action: string;
  readonly resource: { readonly type: string; readonly id: string };
  /** True when it was executed: what was only asked for makes nobody used to it. */
  readonly executed: boolean;
  readonly trace?: RequestTrace;
};

/** What evidence keeps of a request so that later ones can be held against it. */
export type RequestTrace = { readonly reason: Digest; readonly body: Digest; readonly size?: number | 'all' };

/** How far back a look at history goes. */
export const historyBounds = { days: 30, entries: 500 } as const;

const enough = 5;
const hourMs = 3_600_000;

/** The trace that a request leaves. */
export function traceOf(request: ActionRequest, rules: RiskRules): RequestTrace {
  const size = sizeOf(request, rules);
  return { reason: reasonDigest(request.reason), body: request.bodyDigest, ...(size === undefined ? {} : { size }) };
}

export type HistoryInput = { readonly request: ActionRequest; readonly rules: RiskRules; readonly history: readonly PastRequest[] };

export function isFirstAction({ request, history }: HistoryInput): boolean {
  return !history.some((past) => past.executed && past.action === request.action);
}

export function isFirstResource({ request, history }: HistoryInput): boolean {
  const { type, id } = request.resource;
  return !history.some((past) => past.executed && past.resource.type === type && past.resource.id === id);
}

/** More requests in the last hour than this requester makes in a usual hour in which it asks at all. */
export function isUnusualRate({ request, rules, history }: HistoryInput): boolean {
  const until = Date.parse(request.requestedAt);
  const ages = history.map((past) => until - Date.parse(past.at)).filter((age) => age >= 0);
  const now = ages.filter((age) => age < hourMs).length + 1;
  const hours = new Map<number, number>();
  for (const age of ages) if (age >= hourMs) hours.set(Math.floor(age / hourMs), (hours.get(Math.floor(age / hourMs)) ?? 0) + 1);
  return now > Math.max(2 * enough, rules.unusualFactor * median([...hours.values()]));
}

/** Asks for more than this requester was usually given by this action. */
export function isUnusualSize({ request, rules, history }: HistoryInput): boolean {
  const size = sizeOf(request, rules);
  if (size === undefined) return false;
  const past = history.flatMap(({ action, executed, trace }) => (executed && action === request.action && trace?.size !== undefined ? [trace.size] : []));
  if (past.length < enough || past.includes('all')) return false;
  return size === 'all' || size > rules.unusualFactor * median(past.filter((one) => one !== 'all'));
}

/** The same words were given for something else before. */
export function isCopied({ request, history }: HistoryInput): boolean {
  if (asRead(request.reason).length < 10) return false;
  const reason = reasonDigest(request.reason);
  return history.some(({ trace }) => trace?.reason === reason && trace.body !== request.bodyDigest);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
