import { describe, expect, it } from 'vitest';
import type { Decision } from '../../domain/decision.js';
import { challengeOf, type DecisionProof } from '../../domain/proof.js';
import { decideUpdate } from '../../workflows/contract.js';
import type { Rig } from '../helpers/rig.js';
import { makeProvider } from '../helpers/provider.js';
import { policiesWith } from '../helpers/policies.js';
import { ended, expectUntouched, grantOf, refusalInEvidence, Scene } from './attacker.js';

const stage = (assurance: string) => `    stages: [{ name: One, approvers: { groups: [g-data-owners] }, expires_in: 1h, assurance: ${assurance} }]\n`;
const policies = policiesWith(`  by-login:\n${stage('login')}  by-mfa:\n${stage('mfa')}  by-passkey:\n${stage('passkey')}`);
const idp = await makeProvider();
const verifier = idp.verifier({ maxRegistrationAgeSeconds: 86_400, checkAssertion: async () => 'The signature of the passkey does not hold.' });

type Forged = (decision: Decision) => Promise<DecisionProof | undefined>;
const atOf = (decision: Decision) => Date.parse(decision.decidedAt);
const seconds = (decision: Decision) => Math.floor(atOf(decision) / 1000);

/** What the attacker has collected: tokens of real sign-ins, and tokens which the provider gives to programs. The provider's key they have not. */
const forgeries: readonly {
  readonly name: string;
  readonly assurance: readonly ('login' | 'mfa' | 'passkey')[];
  readonly proof: Forged;
  readonly reason: RegExp;
}[] = [
  { name: 'no proof at all', assurance: ['login', 'mfa', 'passkey'], proof: async () => undefined, reason: /No proof came with the decision/ },
  {
    name: 'the proof of another decision of the same person',
    assurance: ['login', 'mfa'],
    proof: (decision) => idp.proofOf({ ...decision, decisionId: 'another' }),
    reason: /not issued for this decision/,
  },
  {
    name: 'the proof of the same person on another action',
    assurance: ['login', 'mfa'],
    proof: (decision) => idp.proofOf({ ...decision, actionDigest: 'sha256:ff' }),
    reason: /not issued for this decision/,
  },
  {
    name: 'the proof of another person, who signed in for this very digest',
    assurance: ['login', 'mfa'],
    proof: (decision) => idp.proofOf(decision, 'mfa', { claims: { sub: 'bob' } }),
    reason: /of somebody else/,
  },
  {
    name: 'a token of a client that signed in as itself, with the acr',
    assurance: ['mfa'],
    proof: async (decision) => ({
      kind: 'id-token',
      token: await idp.idToken(challengeOf(decision), 'service-deploy', atOf(decision), 'mfa', {
        claims: { nonce: undefined, auth_time: undefined, typ: 'Bearer' },
      }),
    }),
    reason: /not an ID token/,
  },
  {
    name: 'a token that another client of the same provider asked for',
    assurance: ['login', 'mfa'],
    proof: (decision) => idp.proofOf(decision, 'mfa', { claims: { aud: 'a-client-of-the-attacker' } }),
    reason: /another client/,
  },
  {
    name: 'a sign-in with one factor',
    assurance: ['mfa'],
    proof: (decision) => idp.proofOf(decision, 'login'),
    reason: /second factor/,
  },
  {
    name: 'a sign-in of this morning',
    assurance: ['login', 'mfa'],
    proof: (decision) => idp.proofOf(decision, 'mfa', { claims: { auth_time: seconds(decision) - 3_600 } }),
    reason: /signed in too long before/,
  },
  {
    name: 'a token that was issued long before',
    assurance: ['login', 'mfa'],
    proof: (decision) => idp.proofOf(decision, 'mfa', { claims: { iat: seconds(decision) - 240, auth_time: seconds(decision) - 250 } }),
    reason: /not issued when the decision was made/,
  },
  {
    name: 'a token of a provider of their own',
    assurance: ['login', 'mfa'],
    proof: async (decision) => (await makeProvider('https://attacker.example')).proofOf(decision),
    reason: /No configured provider/,
  },
  {
    name: 'a token signed with a key of their own',
    assurance: ['login', 'mfa'],
    proof: async (decision) => (await makeProvider(idp.issuer)).proofOf(decision),
    reason: /signature of the token does not hold/,
  },
  {
    name: 'a sign-in with two factors where a passkey is asked for',
    assurance: ['passkey'],
    proof: (decision) => idp.proofOf(decision),
    reason: /claims a passkey/,
  },
  {
    name: 'an assertion of a passkey that nobody registered',
    assurance: ['passkey'],
    proof: async (decision) => ({
      kind: 'passkey',
      credentialId: 'AAAA',
      clientDataJSON: 'e30',
      authenticatorData: 'AAAA',
      signature: 'AAAA',
      registration: { publicKey: 'AAAA', idToken: await idp.idToken(challengeOf(decision), decision.person.id, atOf(decision), 'mfa') },
    }),
    reason: /not registered for this person/,
  },
];

async function pending(rig: Rig, assurance: string) {
  const request = rig.request({ action: 'postgres.export', resource: { type: 'Table', id: `crm/public.by-${assurance}` } });
  return { request, view: await rig.submit(request) };
}

describe("S11: the api's decision key and Temporal in the attacker's hands", () => {
  const scene = Scene.forFile();

  it('an honest sign-in for this decision counts, so that what follows can fail', async () => {
    const { rig, connector } = await scene.start({ policies, proofs: verifier });
    const { view } = await pending(rig, 'mfa');
    const draft = rig.draft(view, { assurance: 'mfa' });
    const reply = await rig
      .handle(view.id)
      .executeUpdate(decideUpdate, { args: [{ decision: await rig.signDecision(draft), proof: await idp.proofOf(draft) }] });
    expect(reply.accepted).toBe(true);
    expect((await ended(rig, view.id)).status).toBe('executed');
    expect(connector.ran).toHaveLength(1);
    const evidence = JSON.stringify(await rig.evidence.ofAction(view.id));
    expect(evidence).toContain('"proofDigest":"sha256:');
    expect(evidence).not.toContain('id-token');
  });

  for (const assurance of ['login', 'mfa', 'passkey'] as const)
    it(`a faked approval of assurance ${assurance} runs nothing, with its reason in the workflow and at the executor`, async () => {
      const { rig, connector } = await scene.start({ policies, proofs: verifier });
      for (const forgery of forgeries.filter((one) => one.assurance.includes(assurance))) {
        const { request, view } = await pending(rig, assurance);
        const draft = rig.draft(view, { assurance, channel: 'inbox' });
        const decision = await rig.signDecision(draft);
        const proof = await forgery.proof(draft);
        const beside = proof === undefined ? {} : { proof };
        const reply = await rig.handle(view.id).executeUpdate(decideUpdate, { args: [{ decision, ...beside }] });
        expect(reply, forgery.name).toMatchObject({ accepted: false, code: 'assurance-too-low', detail: expect.stringMatching(forgery.reason) });
        await refusalInEvidence(rig, view.id, 'assurance-too-low');
        const grant = await grantOf(rig, request, [{ stage: 0, decision, ...beside }]);
        expect(await scene.callExecutor(rig, grant), forgery.name).toMatchObject({
          refused: 'assurance-too-low',
          message: expect.stringMatching(forgery.reason),
        });
        await expectUntouched(rig, connector, view.id);
      }
    });

  it('a proof that was used cannot be presented for a second action', async () => {
    const { rig, connector } = await scene.start({ policies, proofs: verifier });
    const [first, second] = [await pending(rig, 'mfa'), await pending(rig, 'mfa')];
    const draft = rig.draft(first.view, { assurance: 'mfa' });
    const proof = await idp.proofOf(draft);
    await rig.handle(first.view.id).executeUpdate(decideUpdate, { args: [{ decision: await rig.signDecision(draft), proof }] });
    await ended(rig, first.view.id);
    const again = rig.draft(second.view, { assurance: 'mfa', decisionId: draft.decisionId });
    const grant = await grantOf(rig, second.request, [{ stage: 0, decision: await rig.signDecision(again), proof }]);
    expect(await scene.callExecutor(rig, grant)).toMatchObject({
      refused: 'assurance-too-low',
      message: expect.stringMatching(/not issued for this decision/),
    });
    expect(connector.ran).toHaveLength(1);
  });
});
