import { createHash, createPublicKey } from 'node:crypto';
import type { JWK } from 'jose';
import type { KMSClient } from '@aws-sdk/client-kms';
import { derToRaw } from '../domain/ecdsa.js';
import { CountersignError } from '../domain/errors.js';
import type { SigningKey } from '../domain/signing.js';
import type { ProcessRole } from './key-files.js';
import { publicJwk } from './public-jwk.js';

/** A key that AWS KMS holds. Credentials are found as the AWS SDK finds them. */
export type KmsKey = { readonly keyId: string; readonly region: string; readonly endpoint?: string | undefined };

// A decision waits for this, and so does a person.
const timeoutMs = 5_000;
const maxRawBytes = 4_096;

/**
 * A signing key of AWS KMS: ECDSA on P-256, whose private part never leaves the service. Asks for the public half at once.
 * Throws `config-invalid` if the service cannot be reached or the key is not for that.
 */
export async function createKmsSigningKey(kms: KmsKey, role: ProcessRole): Promise<SigningKey> {
  // Loaded only where it is needed.
  const { SignCommand } = await import('@aws-sdk/client-kms');
  const client = await connect(kms);
  const { kid } = await kmsPublicJwk(kms, role, client);
  return {
    role,
    kid: kid!,
    alg: 'ES256',
    sign: async (bytes) => {
      // The service hashes what is short itself; of what is longer it takes the digest only. The signature is the same.
      const message =
        bytes.length <= maxRawBytes
          ? ({ Message: bytes, MessageType: 'RAW' } as const)
          : ({ Message: createHash('sha256').update(bytes).digest(), MessageType: 'DIGEST' } as const);
      const reply = await client.send(new SignCommand({ KeyId: kms.keyId, SigningAlgorithm: 'ECDSA_SHA_256', ...message }));
      if (reply.Signature === undefined) throw new Error('KMS returned no signature');
      return derToRaw(reply.Signature, 32);
    },
  };
}

/** The public half of a key of AWS KMS, as it is published. Throws `config-invalid`. */
export async function kmsPublicJwk(kms: KmsKey, role: ProcessRole, client?: KMSClient): Promise<JWK> {
  const { GetPublicKeyCommand } = await import('@aws-sdk/client-kms');
  const asked = await (client ?? (await connect(kms))).send(new GetPublicKeyCommand({ KeyId: kms.keyId })).catch((error: unknown) => {
    const name = error instanceof Error ? error.name : 'unknown error';
    throw new CountersignError('config-invalid', `AWS KMS in ${kms.region} did not give the public half of the ${role} key (${name}).`, { cause: error });
  });
  const jwk = asked.PublicKey === undefined ? {} : publicHalf(asked.PublicKey);
  // Judged by the key itself and not by the name of its kind.
  if (jwk.kty !== 'EC' || jwk.crv !== 'P-256' || asked.KeyUsage !== 'SIGN_VERIFY')
    throw new CountersignError('config-invalid', `The ${role} key in AWS KMS must be of the kind ECC_NIST_P256 and for SIGN_VERIFY.`);
  return { ...publicJwk(jwk, role, 'ES256'), countersign_held: 'kms' } as JWK;
}

function publicHalf(der: Uint8Array): JWK {
  return createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' }).export({ format: 'jwk' });
}

async function connect({ region, endpoint }: KmsKey): Promise<KMSClient> {
  const { KMSClient } = await import('@aws-sdk/client-kms');
  return new KMSClient({
    region,
    ...(endpoint === undefined ? {} : { endpoint }),
    maxAttempts: 3,
    requestHandler: { requestTimeout: timeoutMs, connectionTimeout: timeoutMs },
  });
}
