import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { boundOutcome, boundPreview } from '../../../domain/outcome.js';

const now = '2026-11-21T10:00:00.000Z';

describe('an outcome as it is kept', () => {
  it('keeps what connectors report', () => {
    const good = { status: 'succeeded', facts: [{ label: 'Rows', value: '5' }], resultDigest: `sha256:${'a'.repeat(64)}`, startedAt: now, finishedAt: now };
    expect(boundOutcome(good, now)).toEqual(good);
  });

  it('is unknown where the answer is no outcome', () => {
    for (const answer of [null, 'done', 7, [], {}, { status: 'approved' }]) expect(boundOutcome(answer, now).status).toBe('unknown');
  });

  it('is bounded whatever a connector answers', () => {
    const fact = fc.record({ label: fc.string({ maxLength: 5_000 }), value: fc.string({ maxLength: 5_000 }) });
    const answer = fc.record({
      status: fc.constantFrom('succeeded', 'failed', 'cancelled', 'unknown'),
      facts: fc.array(fc.oneof(fact, fc.anything()), { maxLength: 100 }),
      code: fc.string({ maxLength: 5_000 }),
      detail: fc.string({ maxLength: 50_000 }),
      extra: fc.anything(),
    });
    fc.assert(fc.property(answer, (value) => JSON.stringify(boundOutcome(value, now)).length < 240_000 && !('extra' in boundOutcome(value, now))));
  });
});

describe('a preview as it is kept', () => {
  it('keeps what the executor said', () => {
    const good = { facts: [{ label: 'Rows', value: 'at most 20' }], warnings: ['Personal data.'] };
    expect(boundPreview(good)).toEqual(good);
  });

  it('is none where the answer is no preview', () => {
    for (const answer of [undefined, null, 'rows', {}, { unreadable: true }, { facts: [] }, { facts: {}, warnings: [] }])
      expect(boundPreview(answer)).toBeUndefined();
  });

  it('is bounded and keeps known members only', () => {
    const long = 'x'.repeat(10_000);
    const bounded = boundPreview({ facts: Array.from({ length: 99 }, () => ({ label: long, value: long, more: 1 })), warnings: [long, 7], more: long });
    expect(bounded?.facts.length).toBe(30);
    expect(bounded?.warnings.length).toBe(1);
    expect(JSON.stringify(bounded).length).toBeLessThan(30_000);
    expect(JSON.stringify(bounded)).not.toContain('more');
  });
});
