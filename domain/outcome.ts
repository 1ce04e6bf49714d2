import type { ExecutionOutcome, Fact, Preview } from './connector.js';
import { isJsonObject, type Json } from './json.js';

const maxFacts = 30;
const maxLabel = 100;
const maxText = 500;

const text = (value: Json | undefined, max: number): string => (typeof value === 'string' ? (value.length > max ? `${value.slice(0, max)}…` : value) : '');
const moment = (value: Json | undefined, fallback: string): string =>
  typeof value === 'string' && value.length <= 40 && Number.isFinite(Date.parse(value)) ? value : fallback;

/**
 * An outcome as it may be kept and shown: known members only, bounded in number and length. A customer's own activity
 * may answer anything; what is no outcome at all becomes `unknown`, since the action may have taken effect.
 */
export function boundOutcome(value: unknown, now: string): ExecutionOutcome {
  if (!isJsonObject(value)) return unreadable(now);
  const finishedAt = moment(value['finishedAt'], now);
  switch (value['status']) {
    case 'succeeded': {
      const digest = value['resultDigest'];
      const known = typeof digest === 'string' && /^sha256:[0-9a-f]{64}$/.test(digest) ? { resultDigest: digest as `sha256:${string}` } : {};
      return { status: 'succeeded', facts: facts(value['facts']), ...known, startedAt: moment(value['startedAt'], finishedAt), finishedAt };
    }
    case 'failed':
      return {
        status: 'failed',
        code: text(value['code'], maxLabel) || 'target-refused',
        detail: text(value['detail'], maxText),
        facts: facts(value['facts']),
        finishedAt,
      };
    case 'cancelled':
      return { status: 'cancelled', detail: text(value['detail'], maxText), finishedAt };
    case 'unknown':
      return { status: 'unknown', detail: text(value['detail'], maxText), check: text(value['check'], maxText) || unreadable(now).check, finishedAt };
    default:
      return unreadable(now);
  }
}

/** What the executor said would happen, as it may be kept and shown; `undefined` when it is no preview. */
export function boundPreview(value: unknown): Preview | undefined {
  if (!isJsonObject(value) || !Array.isArray(value['facts']) || !Array.isArray(value['warnings'])) return undefined;
  const warnings = (value['warnings'] as readonly Json[]).slice(0, maxFacts).map((warning) => text(warning, maxText));
  return { facts: facts(value['facts']), warnings: warnings.filter((warning) => warning !== '') };
}

function facts(value: Json | undefined): readonly Fact[] {
  if (!Array.isArray(value)) return [];
  return (value as readonly Json[])
    .slice(0, maxFacts)
    .filter(isJsonObject)
    .map((fact) => ({ label: text(fact['label'], maxLabel), value: text(fact['value'], maxText) }));
}

function unreadable(now: string): Extract<ExecutionOutcome, { status: 'unknown' }> {
  return {
    status: 'unknown',
    detail: 'The connector answered with something that is no outcome.',
    check: 'Look at the target for an effect of this action id; it is not run again.',
    finishedAt: now,
  };
}
