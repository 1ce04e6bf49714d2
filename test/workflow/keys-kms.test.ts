import { CreateKeyCommand, KMSClient, type KeySpec, type KeyUsageType } from '@aws-sdk/client-kms';
import { createPublicKey } from 'node:crypto';
import { compactVerify, importJWK } from 'jose';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createKeys, listKeys } from '../../cli/keys-store.js';
import { createKmsSigningKey, kmsPublicJwk, type KmsKey } from '../../config/kms-key.js';
import { openKeys } from '../../config/keys.js';
import { sign, signCompact, verify } from '../../domain/signing.js';
import { RecordingConnector } from '../helpers/fakes.js';
import { keyConfig, keyFolder } from '../helpers/key-folder.js';
import { makeKeys } from '../helpers/keys.js';
import { startMoto, type Moto } from '../helpers/moto.js';
import { eventually, Rig } from '../helpers/rig.js';

const region = 'eu-central-1';
let moto: Moto;
const held = async (KeySpec: KeySpec, KeyUsage: KeyUsageType): Promise<KmsKey> => {
  const { KeyMetadata } = await new KMSClient({ region, endpoint: moto.endpoint }).send(new CreateKeyCommand({ KeySpec, KeyUsage }));
  return { keyId: KeyMetadata?.KeyId ?? '', region, endpoint: moto.endpoint };
};

describe('a key that AWS KMS holds', () => {
  // The first time it is installed.
  beforeAll(async () => {
    // For the whole file, and this process ends with it.
    Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' });
    moto = await startMoto();
  }, 500_000);
  afterAll(() => moto.stop());

  it('signs what JOSE verifies, as ES256 and with signatures of exactly 64 bytes', async () => {
    const kms = await held('ECC_NIST_P256', 'SIGN_VERIFY');
    const key = await createKmsSigningKey(kms, 'policy');
    const jwk = await kmsPublicJwk(kms, 'policy');
    expect(jwk).toMatchObject({ kid: key.kid, kty: 'EC', crv: 'P-256', alg: 'ES256', countersign_held: 'kms' });
    expect(createPublicKey({ key: jwk as never, format: 'jwk' }).asymmetricKeyType).toBe('ec');
    // Some of these have numbers that are shorter, or padded in DER.
    for (let turn = 0; turn < 24; turn += 1) {
      const jws = await signCompact(key, 'test+jwt', { turn });
      const { payload, protectedHeader } = await compactVerify(jws, await importJWK(jwk, 'ES256'), { algorithms: ['ES256'] });
      expect(protectedHeader).toEqual({ alg: 'ES256', kid: key.kid, typ: 'test+jwt' });
      expect(JSON.parse(new TextDecoder().decode(payload))).toEqual({ turn });
    }
  });

  it('is refused unless it is on P-256 and for signatures', async () => {
    for (const kms of [await held('RSA_2048', 'SIGN_VERIFY'), await held('ECC_NIST_P384', 'SIGN_VERIFY')])
      await expect(createKmsSigningKey(kms, 'policy')).rejects.toMatchObject({ code: 'config-invalid' });
    const missing = { keyId: '00000000-0000-0000-0000-000000000000', region, endpoint: moto.endpoint };
    await expect(createKmsSigningKey(missing, 'policy')).rejects.toMatchObject({ code: 'config-invalid', detail: expect.stringContaining('NotFound') });
  });

  it('is published by the command, and carries an action through the whole system', async () => {
    const folder = await keyFolder();
    const kms = await held('ECC_NIST_P256', 'SIGN_VERIFY');
    const config = keyConfig(folder.directory, { policy: { kms } as never }, 'development');
    await expect(
      openKeys(config, 'policy', () => {}),
      'not published yet',
    ).rejects.toMatchObject({ code: 'config-invalid' });
    expect(await createKeys(folder, ['policy'], { kms })).toEqual([(await kmsPublicJwk(kms, 'policy')).kid]);
    expect((await listKeys(folder.directory)).filter((key) => key.countersign_role === 'policy').map((key) => key.countersign_held)).toEqual([
      undefined,
      'kms',
    ]);

    const files = keyConfig(folder.directory, {}, 'development');
    const opened = [
      await openKeys(config, 'policy', () => {}),
      await openKeys(files, 'decision', () => {}),
      await openKeys(files, 'executor', () => {}),
    ] as const;
    const [policy, decision, executor] = opened;
    expect(policy.signing.alg).toBe('ES256');
    const signing = { ...(await makeKeys()).signing, policy: policy.signing, decision: decision.signing, executor: executor.signing };
    const connector = new RecordingConnector();
    const rig = await Rig.start({
      address: inject('temporalAddress'),
      connectors: [connector],
      keys: { signing, trusted: executor.trusted, jwks: { keys: [] } },
    });
    try {
      const view = await rig.submit(rig.request({ action: 'postgres.export', parameters: { columns: ['id', 'name'], limit: 500, format: 'csv' } }));
      expect(view.status).toBe('pending');
      expect(await rig.decide(view)).toMatchObject({ accepted: true });
      await eventually(async () => (await rig.view(view.id)).status === 'executed');
      expect(connector.ran.length).toBe(1);
      const opening = (await rig.evidence.ofAction(view.id)).find((entry) => entry.kind === 'opened');
      const plan = (opening?.body as unknown as { readonly result: { readonly signedPlan: string } }).result.signedPlan;
      expect(await verify('plan', plan, executor.trusted)).toMatchObject({ kid: policy.signing.kid });
      // The key of the file, which is still published, signs as before.
      const other = await openKeys(files, 'policy', () => {});
      expect(await verify('plan', await sign('plan', other.signing, {}, { issuedAt: 1, expiresAt: 2, id: 'x' }), executor.trusted)).toMatchObject({
        kid: other.signing.kid,
      });
      other.close();
    } finally {
      for (const keys of opened) keys.close();
      await rig.stop();
    }
  });
});
