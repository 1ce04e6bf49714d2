import type { Decision } from './decision.js';
import { digestJson, type Digest } from './digest.js';
import { isJsonObject } from './json.js';
import type { Assurance, PersonId } from './principal.js';
import type { ActionId } from './request.js';

/** An ID token of the person's own provider, whose `nonce` is the challenge of this very decision. */
export type IdTokenProof = { readonly kind: 'id-token'; readonly token: string };

/** A WebAuthn assertion over the challenge of this decision, with what ties the passkey to the person. Bytes as base64url. */
export type PasskeyProof = {
  readonly kind: 'passkey';
  readonly credentialId: string;
  readonly clientDataJSON: string;
  readonly authenticatorData: string;
  readonly signature: string;
  /** Made once, when the passkey was registered: an ID token whose `nonce` is the digest of person, credential and key. */
  readonly registration: { readonly publicKey: string; readonly idToken: string };
};

/** What lets others than the api believe a decision. It travels beside the decision, never inside it. */
export type DecisionProof = IdTokenProof | PasskeyProof;

/** Says why a proof does not carry the assurance that the decision claims; `undefined` when it does. Never throws. */
export type ProofVerifier = (decision: Decision, proof: DecisionProof) => Promise<string | undefined>;

/** Longest ID token, and longest other member, in characters. */
export const maxTokenLength = 8_192;
const maxMemberLength = 4_096;

/** What a proof is made over: it fits one decision of one person on one action under one plan. */
export type ChallengeOf = {
  readonly decisionId: string;
  readonly actionId: ActionId;
  readonly actionDigest: Digest;
  readonly planDigest: Digest;
  readonly verdict: 'approve' | 'reject';
  readonly personId: PersonId;
};

/** The OIDC `nonce` and the text of the WebAuthn challenge of a decision. */
export function decisionChallenge({ decisionId, actionId, actionDigest, planDigest, verdict, personId }: ChallengeOf): Digest {
  return digestJson({ kind: 'countersign.decision-challenge.v1', decisionId, actionId, actionDigest, planDigest, verdict, personId });
}

/** The challenge of a decision that was made. */
export function challengeOf(decision: Decision): Digest {
  return decisionChallenge({ ...decision, personId: decision.person.id });
}

/** The OIDC `nonce` with which a person takes a passkey as theirs. */
export function passkeyChallenge(of: { readonly personId: PersonId; readonly credentialId: string; readonly publicKey: string }): Digest {
  return digestJson({ kind: 'countersign.passkey.v1', personId: of.personId, credentialId: of.credentialId, publicKey: of.publicKey });
}

/** What evidence keeps of a proof. */
export function proofDigest(proof: DecisionProof): Digest {
  return digestJson(proof);
}

const token = (value: unknown): boolean => typeof value === 'string' && value.length <= maxTokenLength && /^[\w-]+\.[\w-]+\.[\w-]+$/.test(value);
const bytes = (value: unknown): boolean => typeof value === 'string' && value.length <= maxMemberLength && /^[\w-]+$/.test(value);

/** True for a value that has the shape and the size of a proof, and nothing besides. */
export function isDecisionProof(value: unknown): value is DecisionProof {
  if (!isJsonObject(value)) return false;
  const names = Object.keys(value).sort().join();
  if (value['kind'] === 'id-token') return names === 'kind,token' && token(value['token']);
  if (value['kind'] !== 'passkey' || names !== 'authenticatorData,clientDataJSON,credentialId,kind,registration,signature') return false;
  const { registration } = value;
  return (
    bytes(value['credentialId']) &&
    bytes(value['clientDataJSON']) &&
    bytes(value['authenticatorData']) &&
    bytes(value['signature']) &&
    isJsonObject(registration) &&
    Object.keys(registration).sort().join() === 'idToken,publicKey' &&
    bytes(registration['publicKey']) &&
    token(registration['idToken'])
  );
}

/** The verifier of those who know no provider: no proof carries anything. */
const noProofs: ProofVerifier = () => Promise.resolve('No identity provider is configured here, so no proof can be checked.');

/** What a decision is worth: what it claims if its proof carries that, `chat` otherwise, with the reason. */
export type Proven = { readonly assurance: Assurance; readonly reason?: string };

/** Weighs a decision. Nothing but the api stands behind a decision without a proof, so it is worth `chat` whatever it says. */
export async function weigh(decision: Decision, proof: unknown, verifier: ProofVerifier = noProofs): Promise<Proven> {
  if (decision.assurance === 'chat') return { assurance: 'chat' };
  if (proof === undefined) return { assurance: 'chat', reason: 'No proof came with the decision.' };
  if (!isDecisionProof(proof)) return { assurance: 'chat', reason: 'What came with the decision is no proof.' };
  const reason = await verifier(decision, proof);
  return reason === undefined ? { assurance: decision.assurance } : { assurance: 'chat', reason };
}
