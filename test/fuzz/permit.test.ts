import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { postgresExport } from '../../domain/connectors/postgres-export.js';
import { permitLifetimeSeconds, permitPayload, permitType, verifyPermit } from '../../domain/permit.js';
import { signCompact } from '../../domain/signing.js';
import { makeKeys, type TestKeys } from '../helpers/keys.js';
import { requestOf } from '../unit/connectors/request.js';
import { budget } from './budget.js';
import { anything, edited, edits, forged, forgery, meaning } from './mutate.js';

const nowSeconds = 1_775_000_000;
const expected = { taskQueue: 'acme-releases', action: 'release.rollout', nowSeconds };
const payloadFor = (version: string) =>
  permitPayload({
    request: { ...requestOf(postgresExport, { type: 'Service', id: 'acme/shop' }, { version }), action: 'release.rollout' },
    actionDigest: `sha256:${'1'.repeat(64)}`,
    approvedBy: [{ id: 'alice', name: 'Alice' }],
    taskQueue: 'acme-releases',
    issuedAt: nowSeconds,
  });

let keys: TestKeys;
let permits: string[];
const signed = (claims: unknown) => signCompact(keys.signing.executor, permitType, claims);
beforeAll(async () => {
  keys = await makeKeys();
  permits = await Promise.all(['1.2.3', '6.6.6'].map((version) => signed(payloadFor(version))));
});

describe('the permit verifier under attack', () => {
  it('accepts nothing that was changed by somebody without a key', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(1), forgery, async (at, how) => {
        const presented = forged(permits[at] as string, permits[1 - at] as string, how);
        const answer = await verifyPermit(presented, keys.trusted, expected);
        if (typeof answer !== 'string') expect(permits.map(meaning)).toContain(meaning(presented));
        else expect(answer).toMatch(/^[a-z ]{3,60}$/i);
      }),
      budget(2_500),
    );
  });

  it('accepts of what the executor signed only what is for this queue, this action and this moment', async () => {
    await fc.assert(
      fc.asyncProperty(edits, anything, async (changes, noise) => {
        for (const claims of [edited(payloadFor('1.2.3'), changes), noise]) {
          const answer = await verifyPermit(await signed(claims), keys.trusted, expected);
          if (typeof answer === 'string') continue;
          expect(answer).toMatchObject({ iss: 'countersign-executor', aud: 'acme-releases', action: 'release.rollout' });
          expect(answer.exp - answer.iat).toBeLessThanOrEqual(permitLifetimeSeconds);
          expect(answer.exp).toBeGreaterThan(nowSeconds - 31);
          expect(answer.iat).toBeLessThanOrEqual(nowSeconds + 30);
          expect(typeof answer.parameters).toBe('object');
        }
      }),
      budget(1_200),
    );
  });
});
