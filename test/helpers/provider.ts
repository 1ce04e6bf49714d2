import { exportJWK, generateKeyPair, SignJWT, type JWK } from 'jose';
import type { Decision } from '../../domain/decision.js';
import { challengeOf, type DecisionProof, type ProofVerifier } from '../../domain/proof.js';
import { verifyProof, type PasskeyRules, type ProofProvider } from '../../domain/verify-proof.js';

export const inboxClient = 'countersign-inbox';

/** What a token says instead of what an honest provider would have it say. */
export type TokenChange = { readonly claims?: Readonly<Record<string, unknown>>; readonly header?: Readonly<Record<string, unknown>> };

/** An identity provider with a real key, and the executor's view of it. */
export async function makeProvider(issuer = 'https://idp.example') {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  const jwk: JWK = { ...(await exportJWK(publicKey)), kid: 'idp-1', alg: 'ES256', use: 'sig' };

  const idToken = (nonce: string, subject: string, atMs: number, acr: string, { claims = {}, header = {} }: TokenChange = {}): Promise<string> => {
    const iat = Math.floor(atMs / 1000);
    const payload = { iss: issuer, aud: inboxClient, sub: subject, iat, exp: iat + 300, auth_time: iat - 10, nonce, acr, ...claims };
    return new SignJWT(payload).setProtectedHeader({ alg: 'ES256', kid: 'idp-1', ...header }).sign(privateKey);
  };
  const provider: ProofProvider = {
    issuer,
    audience: inboxClient,
    algorithms: ['ES256'],
    mfaAcr: ['mfa'],
    maxAgeSeconds: 300,
    keyFor: async (kid) => (kid === 'idp-1' ? jwk : undefined),
    personOf: async (subject) => (subject.startsWith('service-') ? undefined : subject),
  };
  return {
    issuer,
    jwk,
    idToken,
    provider,
    /** The proof that the person of a decision signed in for it. */
    proofOf: async (decision: Decision, acr = 'mfa', change: TokenChange = {}): Promise<DecisionProof> => ({
      kind: 'id-token',
      token: await idToken(challengeOf(decision), decision.person.id, Date.parse(decision.decidedAt), acr, change),
    }),
    verifier: (passkeys?: PasskeyRules): ProofVerifier => {
      const rules = { providers: [provider], ...(passkeys === undefined ? {} : { passkeys }) };
      return (decision, proof) => verifyProof(decision, proof, rules);
    },
  };
}
