import { createHash, randomBytes } from 'node:crypto';
import { verifyRegistrationResponse } from '@simplewebauthn/server';
import { isoBase64URL } from '@simplewebauthn/server/helpers';
import { CountersignError } from '../../domain/errors.js';
import { isPasskeyKey, passkeyAlgorithms, type RelyingParty } from '../../domain/verify-passkey.js';
import type { Passkey } from './store.js';

/** What a browser sent after it had made a credential. Bytes as base64url. */
export type CreatedForm = {
  readonly credentialId: string;
  readonly clientDataJSON: string;
  readonly attestationObject: string;
  readonly transports: readonly string[];
  readonly label: string;
};

/** A credential that was made and is nobody's yet. */
export type Created = Pick<Passkey, 'credentialId' | 'publicKey' | 'transports' | 'label' | 'synced'> & { readonly counter: number };

/** A challenge that was never used. */
export function newChallenge(): string {
  return randomBytes(32).toString('base64url');
}

/** What the browser is asked for: a credential of this person for this site, whose authenticator verifies the person. */
export function creationOptions(
  person: { readonly id: string; readonly name: string },
  challenge: string,
  party: RelyingParty,
  known: readonly Pick<Passkey, 'credentialId' | 'transports'>[],
): unknown {
  return {
    challenge,
    rp: { id: party.id, name: 'Countersign' },
    // Authenticators show it to whoever holds them, so it tells nothing.
    user: { id: createHash('sha256').update(`countersign.user.v1 ${person.id}`).digest('base64url'), name: person.name, displayName: person.name },
    pubKeyCredParams: passkeyAlgorithms.map((alg) => ({ type: 'public-key', alg })),
    excludeCredentials: known.map(descriptor),
    authenticatorSelection: { userVerification: 'required', residentKey: 'preferred' },
    attestation: 'none',
    timeout: 300_000,
  };
}

/** What the browser is asked for: a signature over this challenge by one of these passkeys. */
export function requestOptions(challenge: string, party: RelyingParty, passkeys: readonly Pick<Passkey, 'credentialId' | 'transports'>[]): unknown {
  return { challenge, rpId: party.id, allowCredentials: passkeys.map(descriptor), userVerification: 'required', timeout: 300_000 };
}

/** Reads what the browser made. Throws `assurance-too-low` if it is not for this site and challenge, or the person was not verified. */
export async function readCreated(form: CreatedForm, challenge: string, party: RelyingParty): Promise<Created> {
  const { credentialId, clientDataJSON, attestationObject, transports, label } = form;
  const refuse = (cause?: unknown) =>
    new CountersignError(
      'assurance-too-low',
      'Your browser or your device did not make a passkey that counts here.',
      cause === undefined ? undefined : { cause },
    );
  try {
    const { verified, registrationInfo } = await verifyRegistrationResponse({
      response: {
        id: credentialId,
        rawId: credentialId,
        type: 'public-key',
        response: { clientDataJSON, attestationObject },
        clientExtensionResults: {},
      },
      expectedChallenge: challenge,
      expectedOrigin: party.origin,
      expectedRPID: party.id,
      requireUserVerification: true,
      supportedAlgorithmIDs: [...passkeyAlgorithms],
    });
    if (!verified) throw refuse();
    const { credential, credentialDeviceType } = registrationInfo;
    const publicKey = isoBase64URL.fromBuffer(credential.publicKey);
    if (credential.id !== credentialId || !isPasskeyKey(publicKey)) throw refuse();
    return { credentialId, publicKey, counter: credential.counter, synced: credentialDeviceType === 'multiDevice', transports, label };
  } catch (error) {
    throw error instanceof CountersignError ? error : refuse(error);
  }
}

function descriptor({ credentialId, transports }: Pick<Passkey, 'credentialId' | 'transports'>): unknown {
  return { type: 'public-key', id: credentialId, ...(transports.length === 0 ? {} : { transports }) };
}
