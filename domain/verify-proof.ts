import { decodeJwt, errors, importJWK, jwtVerify, type JWK, type JWTPayload } from 'jose';
import type { Decision } from './decision.js';
import { assertNever } from './errors.js';
import type { PersonId } from './principal.js';
import { challengeOf, passkeyChallenge, type DecisionProof, type PasskeyProof } from './proof.js';

/** What the verifier itself was told of one identity provider. */
export type ProofProvider = {
  readonly issuer: string;
  /** The client id of the inbox; tokens that were issued to another client prove nothing here. */
  readonly audience: string;
  readonly algorithms: readonly string[];
  /** Values of `acr` that mean a second factor. */
  readonly mfaAcr: readonly string[];
  /** How long before the decision the person may have signed in. */
  readonly maxAgeSeconds: number;
  /** The provider's key of this id, if it was in use at this time (seconds since 1970); rotated ones included. */
  readonly keyFor: (kid: string, atSeconds: number) => Promise<JWK | undefined>;
  /** The person this account belongs to, asked of the verifier's own directory or read from a configured claim. */
  readonly personOf: (subject: string, claims: Readonly<Record<string, unknown>>) => Promise<PersonId | undefined>;
};

/** How passkeys are checked. */
export type PasskeyRules = {
  /** Longest time between the registration of a passkey and a decision with it. */
  readonly maxRegistrationAgeSeconds: number;
  /** Checks signature, origin, relying party and user verification of an assertion. Returns the reason against it. */
  readonly checkAssertion: (proof: PasskeyProof, challenge: string) => Promise<string | undefined>;
  /** What the verifier's own operator holds against a passkey, by the digest of its registration. */
  readonly refuse?: (registration: string) => string | undefined;
};

export type ProofRules = { readonly providers: readonly ProofProvider[]; readonly passkeys?: PasskeyRules };

// Clocks of two machines may differ by this much.
const skewSeconds = 60;
// From the provider's answer to the api's signature there is one request; a token that was kept for later is not this decision's.
const freshSeconds = 120;
/** How long before the provider vouches for a new passkey the person may have signed in: for this passkey, and not for something earlier. */
export const registrationFreshSeconds = 120;

/**
 * Checks that a proof carries the assurance which the decision claims: the person's own provider or authenticator signed over this
 * very decision, judged at the time of the decision. Returns the reason if it does not. Never throws on bad input.
 */
export async function verifyProof(decision: Decision, proof: DecisionProof, rules: ProofRules): Promise<string | undefined> {
  try {
    switch (proof.kind) {
      case 'id-token':
        return await verifyIdToken(decision, proof.token, rules);
      case 'passkey':
        return await verifyPasskey(decision, proof, rules);
      default:
        return assertNever(proof);
    }
  } catch {
    return 'The proof cannot be checked.';
  }
}

async function verifyIdToken(decision: Decision, token: string, { providers }: ProofRules): Promise<string | undefined> {
  const decidedAt = Date.parse(decision.decidedAt) / 1000;
  const read = await readIdToken(token, providers, decidedAt);
  if (typeof read === 'string') return read;
  const { claims, provider } = read;
  if (claims['nonce'] !== challengeOf(decision)) return 'The ID token was not issued for this decision.';
  if (Math.abs(claims.iat - decidedAt) > freshSeconds) return 'The ID token was not issued when the decision was made.';
  if (decidedAt - claims.authTime > provider.maxAgeSeconds + skewSeconds) return 'The person signed in too long before the decision.';
  if ((await provider.personOf(claims.sub, claims)) !== decision.person.id) return 'The ID token is of somebody else.';
  switch (decision.assurance) {
    case 'chat':
    case 'login':
      return undefined;
    case 'mfa':
      return provider.mfaAcr.includes(claims.acr) ? undefined : 'The ID token does not say that a second factor was used.';
    case 'passkey':
      return 'The decision claims a passkey, but comes with an ID token.';
    default:
      return assertNever(decision.assurance);
  }
}

async function verifyPasskey(decision: Decision, proof: PasskeyProof, { providers, passkeys }: ProofRules): Promise<string | undefined> {
  if (passkeys === undefined) return 'Passkeys are not configured here.';
  const { credentialId, registration } = proof;
  const decidedAt = Date.parse(decision.decidedAt) / 1000;
  const read = await readIdToken(registration.idToken, providers);
  if (typeof read === 'string') return `Registration of the passkey: ${read}`;
  const { claims, provider } = read;
  const bound = passkeyChallenge({ personId: decision.person.id, credentialId, publicKey: registration.publicKey });
  if (claims['nonce'] !== bound) return 'The passkey was not registered for this person.';
  if ((await provider.personOf(claims.sub, claims)) !== decision.person.id) return 'The passkey was registered by somebody else.';
  if (!provider.mfaAcr.includes(claims.acr)) return 'The passkey was registered without a second factor.';
  // Both are the provider's own times, so no clocks differ.
  if (claims.iat - claims.authTime > registrationFreshSeconds) return 'The passkey was registered too long after the sign-in.';
  if (claims.iat > decidedAt + skewSeconds) return 'The passkey was registered after the decision.';
  if (decidedAt - claims.iat > passkeys.maxRegistrationAgeSeconds) return 'The registration of the passkey is too old; it has to be registered again.';
  return passkeys.refuse?.(bound) ?? passkeys.checkAssertion(proof, challengeOf(decision));
}

type Claims = JWTPayload & { readonly sub: string; readonly iat: number; readonly authTime: number; readonly acr: string };

/**
 * Reads an ID token of a configured provider: signature, issuer, audience, and that it is an ID token at all. An access token or one of a
 * client that signed in as itself is none, whatever `acr` it carries.
 * @param atSeconds when it must be in force; the time of its issue when absent
 */
async function readIdToken(
  token: string,
  providers: readonly ProofProvider[],
  atSeconds?: number,
): Promise<{ readonly claims: Claims; readonly provider: ProofProvider } | string> {
  const unread = peek(token);
  const provider = providers.find((known) => known.issuer === unread?.iss);
  if (provider === undefined) return 'No configured provider issued the token.';
  const iat = unread?.iat;
  if (typeof iat !== 'number' || !Number.isFinite(iat)) return 'The token does not say when it was issued.';
  let payload: JWTPayload;
  try {
    const verified = await jwtVerify(token, async ({ kid, alg }) => keyOf(provider, kid, alg, iat), {
      issuer: provider.issuer,
      audience: provider.audience,
      algorithms: [...provider.algorithms],
      currentDate: new Date((atSeconds ?? iat) * 1000),
      clockTolerance: skewSeconds,
      requiredClaims: ['sub', 'exp', 'iat'],
    });
    if (verified.protectedHeader.typ !== undefined && verified.protectedHeader.typ !== 'JWT') return 'The token is not an ID token.';
    payload = verified.payload;
  } catch (error) {
    return reasonOf(error);
  }
  const { sub, iat: issuedAt, auth_time: authTime, acr, nonce, aud, azp, typ, act } = payload;
  if (act !== undefined) return 'Somebody else acts with the token for the person it names.';
  if (Array.isArray(aud) && aud.length > 1 && azp === undefined) return 'The token is for several clients and names none.';
  if (azp !== undefined && azp !== provider.audience) return 'The token was issued to another client.';
  // Keycloak names the kind of a token in a claim: its access tokens and those of services are no ID tokens.
  if (typ !== undefined && typ !== 'ID') return 'The token is not an ID token.';
  if (typeof nonce !== 'string' || typeof authTime !== 'number') return 'The token does not come from a person who signed in.';
  if (typeof sub !== 'string' || typeof issuedAt !== 'number') return 'Claims are missing.';
  if (authTime > issuedAt + skewSeconds) return 'The token was issued before the sign-in it tells of.';
  return { provider, claims: { ...payload, sub, iat: issuedAt, authTime, acr: typeof acr === 'string' ? acr : '' } };
}

async function keyOf(provider: ProofProvider, kid: string | undefined, alg: string, atSeconds: number) {
  const jwk = kid === undefined ? undefined : await provider.keyFor(kid, atSeconds);
  if (jwk === undefined || jwk.kty === 'oct' || (jwk.use !== undefined && jwk.use !== 'sig') || (jwk.alg !== undefined && jwk.alg !== alg)) throw new NoKey();
  const key = await importJWK(jwk, alg);
  if (key instanceof Uint8Array) throw new NoKey();
  return key;
}

class NoKey extends Error {}

function reasonOf(error: unknown): string {
  if (error instanceof NoKey) return 'The token is not signed with a key that its provider had in use.';
  if (error instanceof errors.JWTExpired) return 'The token had expired when the decision was made.';
  if (error instanceof errors.JWTClaimValidationFailed && error.claim === 'aud') return 'The token was issued to another client.';
  return 'The signature of the token does not hold.';
}

// What the token says of itself chooses the key to check it with, and is believed only then.
function peek(token: string): JWTPayload | undefined {
  try {
    return decodeJwt(token);
  } catch {
    return undefined;
  }
}
