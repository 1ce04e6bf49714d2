import { createHash, type webcrypto } from 'node:crypto';
import { isoBase64URL, isoCBOR } from '@simplewebauthn/server/helpers';
import type { Decision } from '../../domain/decision.js';
import { challengeOf, passkeyChallenge, type PasskeyProof } from '../../domain/proof.js';
import { challengeBytes, type RelyingParty } from '../../domain/verify-passkey.js';

export const party: RelyingParty = { id: 'countersign.example', origin: 'https://countersign.example' };
export type PasskeyAlgorithm = 'ES256' | 'EdDSA' | 'RS256';

/** What an assertion says instead of what an honest authenticator and browser would have it say. */
export type AssertionChange = {
  readonly challenge?: string;
  readonly origin?: string;
  readonly rpId?: string;
  readonly flags?: number;
  readonly counter?: number;
  readonly client?: Readonly<Record<string, unknown>>;
};

const userPresent = 0x01;
const userVerified = 0x04;
const attested = 0x40;
const text = (value: ArrayBuffer | Uint8Array): string => Buffer.from(value as Uint8Array).toString('base64url');
const bytes = (value: string | undefined): Uint8Array => new Uint8Array(Buffer.from(value ?? '', 'base64url'));
const sha256 = (value: Uint8Array | string): Buffer => createHash('sha256').update(value).digest();

/** An authenticator in software with one credential, whose signatures are real. */
export class Authenticator {
  private constructor(
    readonly credentialId: string,
    readonly publicKey: string,
    private readonly sign: (data: Uint8Array) => Promise<Uint8Array>,
  ) {}

  static async make(algorithm: PasskeyAlgorithm = 'ES256', modulusLength = 2048): Promise<Authenticator> {
    const parameters = {
      ES256: { name: 'ECDSA', namedCurve: 'P-256' },
      EdDSA: { name: 'Ed25519' },
      RS256: { name: 'RSASSA-PKCS1-v1_5', modulusLength, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' },
    }[algorithm];
    const pair = (await crypto.subtle.generateKey(parameters, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
    const { x, y, n, e } = await crypto.subtle.exportKey('jwk', pair.publicKey);
    const members: Record<PasskeyAlgorithm, [number, number | Uint8Array][]> = {
      ES256: [[1, 2], [3, -7], [-1, 1], [-2, bytes(x)], [-3, bytes(y)]], // prettier-ignore
      EdDSA: [[1, 1], [3, -8], [-1, 6], [-2, bytes(x)]], // prettier-ignore
      RS256: [[1, 3], [3, -257], [-1, bytes(n)], [-2, bytes(e)]], // prettier-ignore
    };
    const sign = async (data: Uint8Array): Promise<Uint8Array> => {
      const raw = new Uint8Array(
        await crypto.subtle.sign(algorithm === 'ES256' ? { name: 'ECDSA', hash: 'SHA-256' } : parameters.name, pair.privateKey, data.slice()),
      );
      return algorithm === 'ES256' ? rawToDer(raw) : raw;
    };
    return new Authenticator(text(crypto.getRandomValues(new Uint8Array(16))), isoBase64URL.fromBuffer(isoCBOR.encode(new Map(members[algorithm]))), sign);
  }

  /** What a browser on our page gets for this challenge. */
  async assert(challenge: string, change: AssertionChange = {}): Promise<Omit<PasskeyProof, 'kind' | 'registration'>> {
    const client = {
      type: 'webauthn.get',
      challenge: challengeBytes(change.challenge ?? challenge),
      origin: change.origin ?? party.origin,
      crossOrigin: false,
      ...change.client,
    };
    const clientDataJSON = Buffer.from(JSON.stringify(client));
    const counter = Buffer.alloc(4);
    counter.writeUInt32BE(change.counter ?? 1);
    const authenticatorData = Buffer.concat([sha256(change.rpId ?? party.id), Buffer.from([change.flags ?? userPresent | userVerified]), counter]);
    const signature = await this.sign(new Uint8Array(Buffer.concat([authenticatorData, sha256(clientDataJSON)])));
    return { credentialId: this.credentialId, clientDataJSON: text(clientDataJSON), authenticatorData: text(authenticatorData), signature: text(signature) };
  }

  /** What a browser on our page gets when it makes this credential. The challenge is one of the server's own. */
  register(challenge: string, change: Omit<AssertionChange, 'challenge'> = {}): Readonly<Record<'credential' | 'client_data' | 'attestation', string>> {
    const client = { type: 'webauthn.create', challenge, origin: change.origin ?? party.origin, crossOrigin: false, ...change.client };
    const id = Buffer.from(this.credentialId, 'base64url');
    const flags = Buffer.from([(change.flags ?? userPresent | userVerified) | attested]);
    const authData = Buffer.concat([
      sha256(change.rpId ?? party.id),
      flags,
      Buffer.alloc(4),
      Buffer.alloc(16),
      Buffer.from([id.length >> 8, id.length & 0xff]),
      id,
      Buffer.from(this.publicKey, 'base64url'),
    ]);
    const attestation = new Map<string, unknown>([
      ['fmt', 'none'],
      ['attStmt', new Map()],
      ['authData', new Uint8Array(authData)],
    ]);
    return {
      credential: this.credentialId,
      client_data: text(Buffer.from(JSON.stringify(client))),
      attestation: text(isoCBOR.encode(attestation as never)),
    };
  }

  /** The `nonce` with which a person takes this credential as theirs. */
  registrationOf(personId: string): string {
    return passkeyChallenge({ personId, credentialId: this.credentialId, publicKey: this.publicKey });
  }

  /** The proof of a decision, with the ID token of a registration. */
  async proofOf(decision: Decision, idToken: string, change: AssertionChange = {}): Promise<PasskeyProof> {
    return { kind: 'passkey', ...(await this.assert(challengeOf(decision), change)), registration: { publicKey: this.publicKey, idToken } };
  }
}

function rawToDer(raw: Uint8Array): Uint8Array {
  const integer = (part: Uint8Array): number[] => {
    let digits = [...part];
    while (digits.length > 1 && digits[0] === 0) digits = digits.slice(1);
    if ((digits[0] ?? 0) >= 0x80) digits = [0, ...digits];
    return [2, digits.length, ...digits];
  };
  const body = [...integer(raw.slice(0, 32)), ...integer(raw.slice(32))];
  return new Uint8Array([0x30, body.length, ...body]);
}
