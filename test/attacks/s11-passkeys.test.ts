import { describe, expect, it } from 'vitest';
import type { Decision } from '../../domain/decision.js';
import { challengeOf, type DecisionProof } from '../../domain/proof.js';
import { verifyAssertion } from '../../domain/verify-passkey.js';
import { decideUpdate } from '../../workflows/contract.js';
import { Authenticator, party } from '../helpers/authenticator.js';
import { policiesWith } from '../helpers/policies.js';
import { makeProvider } from '../helpers/provider.js';
import type { Rig } from '../helpers/rig.js';
import { ended, expectUntouched, grantOf, refusalInEvidence, Scene } from './attacker.js';

const policies = policiesWith('  by-passkey:\n    stages: [{ name: One, approvers: { groups: [g-data-owners] }, expires_in: 1h, assurance: passkey }]\n');
const idp = await makeProvider();
const [alices, bobs, attackers] = [await Authenticator.make(), await Authenticator.make('EdDSA'), await Authenticator.make()];
const removed = await Authenticator.make();
const verifier = idp.verifier({
  maxRegistrationAgeSeconds: 86_400,
  checkAssertion: async (proof, challenge) => {
    const asserted = await verifyAssertion(proof, proof.registration.publicKey, challenge, party);
    return 'reason' in asserted ? asserted.reason : undefined;
  },
  refuse: (registration) => (registration === removed.registrationOf('alice') ? 'The passkey was removed by the operator of the executor.' : undefined),
});
const beforeMs = (decision: Decision) => Date.parse(decision.decidedAt) - 600_000;

/** The provider's word, given in a sign-in with a second factor, that this person takes this credential as theirs. */
const registered = (device: Authenticator, personId: string, decision: Decision, acr = 'mfa') =>
  idp.idToken(device.registrationOf(personId), personId, beforeMs(decision), acr);

/** What somebody can make who holds the decision key, the api's store and Temporal. The keys of devices and of the provider they have not. */
const forgeries: readonly { readonly name: string; readonly proof: (decision: Decision) => Promise<DecisionProof>; readonly reason: RegExp }[] = [
  {
    name: 'an assertion over another decision of the same person',
    proof: async (decision) => {
      const idToken = await registered(alices, 'alice', decision);
      return alices.proofOf({ ...decision, decisionId: 'another' }, idToken);
    },
    reason: /did not sign for this decision/,
  },
  {
    name: 'an assertion over a rejection',
    proof: async (decision) => alices.proofOf({ ...decision, verdict: 'reject' }, await registered(alices, 'alice', decision)),
    reason: /did not sign for this decision/,
  },
  {
    name: 'an assertion of a device that did not verify the person',
    proof: async (decision) => alices.proofOf(decision, await registered(alices, 'alice', decision), { flags: 0x01 }),
    reason: /did not verify the person/,
  },
  {
    name: "another person's passkey, with that person's registration",
    proof: async (decision) => bobs.proofOf(decision, await registered(bobs, 'bob', decision)),
    reason: /not registered for this person/,
  },
  {
    name: "another person's passkey, with a registration by that person in this one's name",
    proof: async (decision) => bobs.proofOf(decision, await idp.idToken(bobs.registrationOf('alice'), 'bob', beforeMs(decision), 'mfa')),
    reason: /registered by somebody else/,
  },
  {
    name: 'a credential that the api alone registered, with a token it made itself',
    proof: async (decision) => {
      const own = await makeProvider(idp.issuer);
      return attackers.proofOf(decision, await own.idToken(attackers.registrationOf('alice'), 'alice', beforeMs(decision), 'mfa'));
    },
    reason: /signature of the token does not hold/,
  },
  {
    name: 'a credential that the api alone registered, with the token of an approval that the person once signed in for',
    proof: async (decision) => attackers.proofOf(decision, await idp.idToken(challengeOf(decision), 'alice', beforeMs(decision), 'mfa')),
    reason: /not registered for this person/,
  },
  {
    name: 'a credential put in the place of the one that the person registered',
    proof: async (decision) => ({ ...(await attackers.proofOf(decision, await registered(alices, 'alice', decision))), credentialId: alices.credentialId }),
    reason: /not registered for this person/,
  },
  {
    name: 'a credential that was registered in a sign-in with one factor',
    proof: async (decision) => attackers.proofOf(decision, await registered(attackers, 'alice', decision, 'login')),
    reason: /without a second factor/,
  },
  {
    name: 'an assertion that a page of theirs got',
    proof: async (decision) => alices.proofOf(decision, await registered(alices, 'alice', decision), { origin: 'https://countersign.evil.example' }),
    reason: /another site/,
  },
  {
    name: 'an assertion by a passkey that the operator of the executor has removed',
    proof: async (decision) => removed.proofOf(decision, await registered(removed, 'alice', decision)),
    reason: /was removed/,
  },
];

async function pending(rig: Rig) {
  const request = rig.request({ action: 'postgres.export', resource: { type: 'Table', id: 'crm/public.by-passkey' } });
  return { request, view: await rig.submit(request) };
}

describe("S11: passkeys, with the api, its decision key and Temporal in the attacker's hands", () => {
  const scene = Scene.forFile();

  it('an honest passkey counts once: for this decision, and for no other', async () => {
    const { rig, connector } = await scene.start({ policies, proofs: verifier });
    const [first, second] = [await pending(rig), await pending(rig)];
    const draft = rig.draft(first.view, { assurance: 'passkey', channel: 'inbox' });
    const proof = await alices.proofOf(draft, await registered(alices, 'alice', draft));
    const reply = await rig.handle(first.view.id).executeUpdate(decideUpdate, { args: [{ decision: await rig.signDecision(draft), proof }] });
    expect(reply).toMatchObject({ accepted: true });
    expect(await ended(rig, first.view.id)).toMatchObject({ status: 'executed', decisions: [{ accepted: true }] });
    expect(connector.ran).toHaveLength(1);

    const again = rig.draft(second.view, { assurance: 'passkey', channel: 'inbox', decisionId: draft.decisionId });
    const decision = await rig.signDecision(again);
    const replayed = await rig.handle(second.view.id).executeUpdate(decideUpdate, { args: [{ decision, proof }] });
    expect(replayed).toMatchObject({ accepted: false, detail: expect.stringMatching(/did not sign for this decision/) });
    const grant = await grantOf(rig, second.request, [{ stage: 0, decision, proof }]);
    expect(await scene.callExecutor(rig, grant)).toMatchObject({ refused: 'assurance-too-low', message: expect.stringMatching(/did not sign/) });
    expect(connector.ran).toHaveLength(1);
    const evidence = JSON.stringify(await rig.evidence.ofAction(first.view.id));
    expect(evidence).toContain('"proofDigest":"sha256:');
    expect(evidence).not.toContain(proof.signature);
  });

  for (const { name, proof: forged, reason } of forgeries)
    it(`${name} runs nothing, with its reason in the workflow and at the executor`, async () => {
      const { rig, connector } = await scene.start({ policies, proofs: verifier });
      const { request, view } = await pending(rig);
      const draft = rig.draft(view, { assurance: 'passkey', channel: 'inbox' });
      const decision = await rig.signDecision(draft);
      const proof = await forged(draft);
      const reply = await rig.handle(view.id).executeUpdate(decideUpdate, { args: [{ decision, proof }] });
      expect(reply).toMatchObject({ accepted: false, code: 'assurance-too-low', detail: expect.stringMatching(reason) });
      await refusalInEvidence(rig, view.id, 'assurance-too-low');
      const grant = await grantOf(rig, request, [{ stage: 0, decision, proof }]);
      expect(await scene.callExecutor(rig, grant)).toMatchObject({ refused: 'assurance-too-low', message: expect.stringMatching(reason) });
      await expectUntouched(rig, connector, view.id);
    });
});
