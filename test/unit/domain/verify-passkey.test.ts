import { describe, expect, it } from 'vitest';
import { challengeBytes, isPasskeyKey, relyingPartyAt, verifyAssertion } from '../../../domain/verify-passkey.js';
import { Authenticator, party, type AssertionChange } from '../../helpers/authenticator.js';

const challenge = `sha256:${'ab'.repeat(32)}`;

describe('an assertion over a challenge', () => {
  it.each(['ES256', 'EdDSA', 'RS256'] as const)('of %s holds, and tells the count', async (algorithm) => {
    const device = await Authenticator.make(algorithm);
    expect(await verifyAssertion(await device.assert(challenge, { counter: 7 }), device.publicKey, challenge, party)).toEqual({ counter: 7 });
    expect(await verifyAssertion(await device.assert(challenge, { counter: 0 }), device.publicKey, challenge, party)).toEqual({ counter: 0 });
  });

  const refused: Record<string, { readonly change: AssertionChange; readonly reason: RegExp }> = {
    'another challenge': { change: { challenge: `${challenge}0` }, reason: /did not sign for this decision/ },
    'no verified person': { change: { flags: 0x01 }, reason: /did not verify the person/ },
    'nobody present': { change: { flags: 0x04 }, reason: /did not verify the person/ },
    'another site': { change: { origin: 'https://countersign.example.evil.example' }, reason: /another site/ },
    'the same site without encryption': { change: { origin: 'http://countersign.example' }, reason: /another site/ },
    'another relying party': { change: { rpId: 'evil.example' }, reason: /another site/ },
    'a page of ours inside of another': { change: { client: { crossOrigin: true } }, reason: /another site/ },
    'a page of ours inside of one that is named': { change: { client: { topOrigin: 'https://evil.example' } }, reason: /another site/ },
    'a registration instead of a use': { change: { client: { type: 'webauthn.create' } }, reason: /not asked to sign in/ },
  };
  for (const [name, { change, reason }] of Object.entries(refused))
    it(`is refused for ${name}`, async () => {
      const device = await Authenticator.make();
      expect(await verifyAssertion(await device.assert(challenge, change), device.publicKey, challenge, party)).toEqual({
        reason: expect.stringMatching(reason),
      });
    });

  it('is refused with the key of another credential', async () => {
    const [one, other] = [await Authenticator.make(), await Authenticator.make()];
    expect(await verifyAssertion(await one.assert(challenge), other.publicKey, challenge, party)).toEqual({ reason: expect.stringMatching(/does not hold/) });
  });

  it('is refused when anything it signed was changed afterwards', async () => {
    const device = await Authenticator.make();
    const honest = await device.assert(challenge);
    const other = await device.assert(challenge, { counter: 2 });
    for (const change of [{ authenticatorData: other.authenticatorData }, { signature: other.signature }])
      expect(await verifyAssertion({ ...honest, ...change }, device.publicKey, challenge, party)).toEqual({ reason: expect.stringMatching(/does not hold/) });
  });

  it('is refused, and nothing throws, for what is no assertion', async () => {
    const device = await Authenticator.make();
    const honest = await device.assert(challenge);
    const said = (value: string) => Buffer.from(value).toString('base64url');
    for (const change of [
      { clientDataJSON: said('{') },
      { clientDataJSON: said('null') },
      { clientDataJSON: said('[]') },
      { authenticatorData: 'AAAA' },
      { authenticatorData: honest.authenticatorData.slice(0, 40) },
      { signature: 'AAAA' },
    ])
      expect(await verifyAssertion({ ...honest, ...change }, device.publicKey, challenge, party)).toEqual({ reason: expect.any(String) });
  });
});

describe('a public key', () => {
  it('of an algorithm that is listed counts', async () => expect(isPasskeyKey((await Authenticator.make('EdDSA')).publicKey)).toBe(true));
  it('of RSA with few bits does not', async () => {
    const weak = await Authenticator.make('RS256', 1024);
    expect(isPasskeyKey(weak.publicKey)).toBe(false);
    expect(await verifyAssertion(await weak.assert(challenge), weak.publicKey, challenge, party)).toEqual({
      reason: expect.stringMatching(/none that counts/),
    });
  });
  it('of another algorithm, or none at all, does not', async () => {
    const { publicKey } = await Authenticator.make('ES256');
    // The same point under the number of ES384.
    const other = Buffer.from(publicKey, 'base64url').toString('hex').replace('0326', '033822');
    for (const key of [Buffer.from(other, 'hex').toString('base64url'), '', 'AAAA', 'not base64!']) expect(isPasskeyKey(key)).toBe(false);
  });
});

describe('the site of passkeys', () => {
  it.each(['https://countersign.example', 'https://countersign.example:8443/inbox', 'http://localhost:7780'])('is %s', (url) => {
    expect(relyingPartyAt(url)).toEqual({ id: new URL(url).hostname, origin: new URL(url).origin });
  });
  it.each(['http://countersign.example', 'https://10.0.0.1', 'http://127.0.0.1:7780', 'https://[::1]', 'nothing'])('cannot be %s', (url) => {
    expect(relyingPartyAt(url)).toBeUndefined();
  });
  it('asks for the text of the challenge', () => expect(Buffer.from(challengeBytes(challenge), 'base64url').toString()).toBe(challenge));
});
