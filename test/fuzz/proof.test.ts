import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Decision } from '../../domain/decision.js';
import { isDecisionProof, weigh } from '../../domain/proof.js';
import { makeProvider } from '../helpers/provider.js';
import { budget } from './budget.js';
import { anything, edited, edits, forged, forgery, meaning } from './mutate.js';

const decision: Decision = {
  decisionId: 'dec_1',
  actionId: 'act_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
  actionDigest: 'sha256:01',
  planDigest: 'sha256:02',
  verdict: 'approve',
  person: { id: 'alice', name: 'Alice', groups: [] },
  channel: 'inbox',
  assurance: 'mfa',
  decidedAt: '2026-03-02T10:05:00.000Z',
};

let provider: Awaited<ReturnType<typeof makeProvider>>;
let tokens: readonly [string, string];
beforeAll(async () => {
  provider = await makeProvider();
  const tokenOf = async (of: Decision) => ((await provider.proofOf(of)) as { readonly token: string }).token;
  tokens = [await tokenOf(decision), await tokenOf({ ...decision, decisionId: 'dec_2' })];
});

describe('the verifier of proofs under attack', () => {
  it('takes for mfa nothing that was changed, or belongs to another decision, and never throws', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(1), forgery, edits, anything, async (at, how, changes, noise) => {
        const token = forged(tokens[at as 0 | 1], tokens[(1 - at) as 0 | 1], how);
        for (const proof of [{ kind: 'id-token', token }, edited({ kind: 'id-token', token: tokens[0] }, changes), noise]) {
          const { assurance, reason } = await weigh(decision, proof, provider.verifier());
          if (assurance === 'mfa') {
            expect(isDecisionProof(proof)).toBe(true);
            expect(meaning((proof as { readonly token: string }).token)).toBe(meaning(tokens[0]));
          } else expect([assurance, reason]).toEqual(['chat', expect.stringMatching(/^[A-Za-z ,]{10,120}\.$/)]);
        }
      }),
      budget(1_500),
    );
  });
});
