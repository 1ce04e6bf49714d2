import { describe, expect, it } from 'vitest';
import { isDecisionProof, maxTokenLength } from '../../../domain/proof.js';

const token = 'aaa.bbb.ccc';
const idToken = { kind: 'id-token', token };
const passkey = {
  kind: 'passkey',
  credentialId: 'Y3JlZA',
  clientDataJSON: 'Y2xpZW50',
  authenticatorData: 'YXV0aA',
  signature: 'c2ln',
  registration: { publicKey: 'a2V5', idToken: token },
};
const longest = `${'a'.repeat(maxTokenLength - 4)}.b.c`;

describe('the shape of a proof', () => {
  it('is that of an ID token, or of a passkey with its registration, in whatever order their members stand', () => {
    expect(isDecisionProof(idToken)).toBe(true);
    expect(isDecisionProof({ token: longest, kind: 'id-token' })).toBe(true);
    expect(isDecisionProof(passkey)).toBe(true);
    expect(isDecisionProof(Object.fromEntries(Object.entries(passkey).reverse()))).toBe(true);
    expect(isDecisionProof({ ...passkey, registration: { idToken: token, publicKey: 'a2V5' } })).toBe(true);
    expect(isDecisionProof({ ...passkey, signature: 'a'.repeat(4_096) })).toBe(true);
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['a text', token],
    ['of no kind', { token }],
    ['of another kind', { ...idToken, kind: 'saml' }],
    ['an ID token with a member more', { ...idToken, note: 'x' }],
    ['an ID token without the token', { kind: 'id-token' }],
    ['a token of two parts', { ...idToken, token: 'aaa.bbb' }],
    ['a token with something before it', { ...idToken, token: ` ${token}` }],
    ['a token with something behind it', { ...idToken, token: `${token}.ddd` }],
    ['a token that is no text', { ...idToken, token: [token] }],
    ['a token that is too long', { ...idToken, token: `a${longest}` }],
    ['a passkey of the kind of a token', { ...passkey, kind: 'id-token' }],
    ['a token of the kind of a passkey', { ...idToken, kind: 'passkey' }],
    ['a passkey with a member more', { ...passkey, userHandle: 'eA' }],
    ['a passkey whose registration is a text', { ...passkey, registration: token }],
    ['a passkey whose registration has a member more', { ...passkey, registration: { ...passkey.registration, name: 'x' } }],
    ['a passkey whose registration lacks the token', { ...passkey, registration: { publicKey: 'a2V5' } }],
    ['a passkey whose registration has a token of two parts', { ...passkey, registration: { ...passkey.registration, idToken: 'a.b' } }],
  ])('is not %s', (_name, value) => expect(isDecisionProof(value)).toBe(false));

  for (const member of ['credentialId', 'clientDataJSON', 'authenticatorData', 'signature'])
    it.each<[unknown]>([[undefined], [7], [''], ['a b'], [' aa'], ['aa='], ['a'.repeat(4_097)]])(`is not a passkey with %j as ${member}`, (value) =>
      expect(isDecisionProof({ ...passkey, [member]: value })).toBe(false),
    );
  it.each<[unknown]>([[7], [''], ['a b'], ['a'.repeat(4_097)]])('is not a passkey with %j as the key it registered', (publicKey) =>
    expect(isDecisionProof({ ...passkey, registration: { ...passkey.registration, publicKey } })).toBe(false),
  );
});
