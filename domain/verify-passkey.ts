import { verifyAuthenticationResponse } from '@simplewebauthn/server';
import { cose, decodeCredentialPublicKey, isoBase64URL } from '@simplewebauthn/server/helpers';
import type { PasskeyProof } from './proof.js';

/** The site that passkeys are made for. Only its pages can use them, whatever a page calls itself. */
export type RelyingParty = { readonly id: string; readonly origin: string };

/** What keys of passkeys may sign with, as COSE numbers, the preferred one first: EdDSA, ES256, RS256. */
export const passkeyAlgorithms = [-8, -7, -257] as const;

// Shorter ones can be factored, or will be while the registration is good.
const minRsaBytes = 256;

/**
 * The site at this address, or `undefined` where browsers offer no passkeys: they need a name, not an address of numbers, and https unless
 * the name is localhost.
 */
export function relyingPartyAt(publicUrl: string): RelyingParty | undefined {
  if (!URL.canParse(publicUrl)) return undefined;
  const { protocol, hostname, origin } = new URL(publicUrl);
  if (/^[\d.]+$|^\[/.test(hostname)) return undefined;
  return protocol === 'https:' || (protocol === 'http:' && hostname === 'localhost') ? { id: hostname, origin } : undefined;
}

/** How a passkey is asked to sign: the bytes of the challenge as base64url. */
export function challengeBytes(challenge: string): string {
  return isoBase64URL.fromUTF8String(challenge);
}

/** True for a public key (COSE, base64url) of an algorithm and a size that count here. */
export function isPasskeyKey(publicKey: string): boolean {
  try {
    const key = decodeCredentialPublicKey(isoBase64URL.toBuffer(publicKey));
    const algorithm = Number(key.get(cose.COSEKEYS.alg));
    if (!passkeyAlgorithms.some((known) => known === algorithm)) return false;
    return !cose.isCOSEPublicKeyRSA(key) || (key.get(cose.COSEKEYS.n)?.length ?? 0) >= minRsaBytes;
  } catch {
    return false;
  }
}

/** An assertion that holds, with the authenticator's count of its signatures (0 where it keeps none), or the reason against it. */
export type Asserted = { readonly counter: number } | { readonly reason: string };

/**
 * Checks that the authenticator of this key signed over this challenge, for this site, after it had verified the person. Whether the key
 * is the person's is for others to say. Never throws.
 */
export async function verifyAssertion(
  proof: Pick<PasskeyProof, 'credentialId' | 'clientDataJSON' | 'authenticatorData' | 'signature'>,
  publicKey: string,
  challenge: string,
  party: RelyingParty,
): Promise<Asserted> {
  const { credentialId, clientDataJSON, authenticatorData, signature } = proof;
  if (!isPasskeyKey(publicKey)) return { reason: 'The key of the passkey is none that counts here.' };
  const said = clientDataOf(clientDataJSON);
  if (said?.['type'] !== 'webauthn.get') return { reason: 'The passkey was not asked to sign in.' };
  if (said['challenge'] !== challengeBytes(challenge)) return { reason: 'The passkey did not sign for this decision.' };
  if (said['origin'] !== party.origin || (said['crossOrigin'] !== undefined && said['crossOrigin'] !== false) || said['topOrigin'] !== undefined)
    return { reason: 'The passkey was used on another site.' };
  try {
    const { verified, authenticationInfo } = await verifyAuthenticationResponse({
      response: {
        id: credentialId,
        rawId: credentialId,
        type: 'public-key',
        response: { clientDataJSON, authenticatorData, signature },
        clientExtensionResults: {},
      },
      expectedChallenge: challengeBytes(challenge),
      expectedOrigin: party.origin,
      expectedRPID: party.id,
      requireUserVerification: true,
      // Counts are compared where they are kept.
      credential: { id: credentialId, publicKey: isoBase64URL.toBuffer(publicKey), counter: -1 },
    });
    return verified ? { counter: authenticationInfo.newCounter } : { reason: 'The signature of the passkey does not hold.' };
  } catch (error) {
    return { reason: reasonOf(error) };
  }
}

function clientDataOf(clientDataJSON: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(isoBase64URL.toUTF8String(clientDataJSON));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

// The library's words hold what the other side sent; only which check failed is passed on.
function reasonOf(error: unknown): string {
  const text = error instanceof Error ? `${error.name} ${error.message}` : '';
  if (/user (?:verification|not present)|could not be verified/i.test(text)) return 'The authenticator did not verify the person.';
  if (/RPID|RP ID/i.test(text)) return 'The passkey was used on another site.';
  return 'What the passkey signed cannot be read.';
}
