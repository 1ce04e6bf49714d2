import fc from 'fast-check';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import type { Decision } from '../../../domain/decision.js';
import { challengeOf, decisionChallenge, isDecisionProof, passkeyChallenge, weigh, type DecisionProof, type PasskeyProof } from '../../../domain/proof.js';
import { verifyProof } from '../../../domain/verify-proof.js';
import { inboxClient, makeProvider, type TokenChange } from '../../helpers/provider.js';

const atMs = Date.parse('2026-03-02T10:05:00.000Z');
const at = atMs / 1000;
const idp = await makeProvider();

function decision(change: Partial<Decision> = {}): Decision {
  return {
    decisionId: 'dec_1',
    actionId: 'act_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
    actionDigest: 'sha256:01',
    planDigest: 'sha256:02',
    verdict: 'approve',
    person: { id: 'alice', name: 'Alice', groups: [] },
    channel: 'inbox',
    assurance: 'mfa',
    decidedAt: new Date(atMs).toISOString(),
    ...change,
  };
}

const check = async (of: Decision, proof: DecisionProof) => idp.verifier()(of, proof);

describe('an ID token for this very decision', () => {
  it('carries mfa with the acr that means a second factor', async () => expect(await check(decision(), await idp.proofOf(decision()))).toBeUndefined());
  it('carries login with any acr, or none', async () => {
    const of = decision({ assurance: 'login' });
    expect(await check(of, await idp.proofOf(of, 'whatever'))).toBeUndefined();
    expect(await check(of, await idp.proofOf(of, 'mfa', { claims: { acr: undefined } }))).toBeUndefined();
  });
  it('is judged at the time of the decision, however late it is looked at', async () => {
    const proof = await idp.proofOf(decision());
    expect(at + 300).toBeLessThan(Date.now() / 1000);
    expect(await check(decision(), proof)).toBeUndefined();
  });
});

// Each tampers with one thing, and the reason says which check stood against it.
const refused: Record<string, { readonly of?: Partial<Decision>; readonly acr?: string; readonly change?: TokenChange; readonly reason: RegExp }> = {
  'the nonce of another decision': { change: { claims: { nonce: challengeOf(decision({ decisionId: 'dec_2' })) } }, reason: /not issued for this decision/ },
  'no nonce': { change: { claims: { nonce: undefined } }, reason: /does not come from a person/ },
  'no auth_time, as of a client that signed in as itself': { change: { claims: { auth_time: undefined } }, reason: /does not come from a person/ },
  'another person': { change: { claims: { sub: 'bob' } }, reason: /somebody else/ },
  'a service account with the right nonce and acr': { change: { claims: { sub: 'service-deploy' } }, reason: /somebody else/ },
  'an agent that acts for the person': { change: { claims: { act: { sub: 'invoice-bot' } } }, reason: /Somebody else acts/ },
  'another client': { change: { claims: { aud: 'other-app' } }, reason: /another client/ },
  'several clients, none of them named': { change: { claims: { aud: [inboxClient, 'other-app'] } }, reason: /several clients/ },
  'several clients, another one named': { change: { claims: { aud: [inboxClient, 'other-app'], azp: 'other-app' } }, reason: /another client/ },
  'one client, another one named': { change: { claims: { azp: 'other-app' } }, reason: /another client/ },
  'another issuer': { change: { claims: { iss: 'https://other.example' } }, reason: /No configured provider/ },
  'an access token by its header': { change: { header: { typ: 'at+jwt' } }, reason: /not an ID token/ },
  'an access token by its claim': { change: { claims: { typ: 'Bearer' } }, reason: /not an ID token/ },
  'somebody who acts for the person': { change: { claims: { act: { sub: 'assistant' } } }, reason: /Somebody else acts/ },
  'a key that the provider never had': { change: { header: { kid: 'idp-2' } }, reason: /not signed with a key/ },
  'no key id': { change: { header: { kid: undefined } }, reason: /not signed with a key/ },
  'one factor where two are claimed': { acr: 'login', reason: /second factor/ },
  'no acr where two factors are claimed': { change: { claims: { acr: undefined } }, reason: /second factor/ },
  'an acr that is a list': { change: { claims: { acr: ['mfa'] } }, reason: /second factor/ },
  'a claim of a passkey': { of: { assurance: 'passkey' }, reason: /comes with an ID token/ },
  'a sign-in of long ago': { change: { claims: { auth_time: at - 361 } }, reason: /too long before/ },
  'a sign-in of the future': { change: { claims: { auth_time: at + 120 } }, reason: /before the sign-in/ },
  'a token kept from before': { change: { claims: { iat: at - 121, auth_time: at - 130 } }, reason: /not issued when the decision was made/ },
  'a token made long after': { change: { claims: { iat: at + 121, auth_time: at - 10 } }, reason: /not issued when|signature/ },
  'a token that had expired': { change: { claims: { exp: at - 61, iat: at - 100 } }, reason: /expired/ },
};

describe('an ID token is refused for', () => {
  for (const [name, { of, acr, change, reason }] of Object.entries(refused))
    it(name, async () => expect(await check(decision(of), await idp.proofOf(decision(of), acr ?? 'mfa', change))).toMatch(reason));

  it('a key of somebody else under the id of the provider', async () => {
    const { privateKey } = await generateKeyPair('ES256');
    const claims = { iss: idp.issuer, aud: inboxClient, sub: 'alice', iat: at, exp: at + 300, auth_time: at, nonce: challengeOf(decision()), acr: 'mfa' };
    const token = await new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'idp-1' }).sign(privateKey);
    expect(await check(decision(), { kind: 'id-token', token })).toMatch(/signature/);
  });

  it('an algorithm that nobody configured, with a key that would fit', async () => {
    const { privateKey, publicKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
    const jwk = { ...(await exportJWK(publicKey)), kid: 'idp-1' };
    const claims = { iss: idp.issuer, aud: inboxClient, sub: 'alice', iat: at, exp: at + 300, auth_time: at, nonce: challengeOf(decision()), acr: 'mfa' };
    const token = await new SignJWT(claims).setProtectedHeader({ alg: 'EdDSA', kid: 'idp-1' }).sign(privateKey);
    const rules = { providers: [{ ...idp.provider, keyFor: async () => jwk }] };
    expect(await verifyProof(decision(), { kind: 'id-token', token }, rules)).toMatch(/signature/);
    expect(
      await verifyProof(decision(), { kind: 'id-token', token }, { providers: [{ ...idp.provider, algorithms: ['EdDSA'], keyFor: async () => jwk }] }),
    ).toBe(undefined);
  });

  it('a key that serves encryption', async () => {
    const rules = { providers: [{ ...idp.provider, keyFor: async () => ({ ...idp.jwk, use: 'enc' }) }] };
    expect(await verifyProof(decision(), await idp.proofOf(decision()), rules)).toMatch(/not signed with a key/);
  });

  it('a directory that cannot answer', async () => {
    const rules = { providers: [{ ...idp.provider, personOf: () => Promise.reject(new Error('down')) }] };
    expect(await verifyProof(decision(), await idp.proofOf(decision()), rules)).toBe('The proof cannot be checked.');
  });

  it('no signature at all', async () => {
    const token = (await idp.idToken(challengeOf(decision()), 'alice', atMs, 'mfa')).split('.');
    const header = Buffer.from(JSON.stringify({ alg: 'none' })).toString('base64url');
    expect(await check(decision(), { kind: 'id-token', token: `${header}.${token[1]}.x` })).toMatch(/signature/);
  });
});

const day = 86_400;
const publicKey = 'cHVibGlj';
const credentialId = 'Y3JlZA';
type Registered = {
  readonly personId?: string;
  readonly credentialId?: string;
  readonly publicKey?: string;
  readonly atMs?: number;
  readonly acr?: string;
  readonly change?: TokenChange;
};

/** A passkey that alice registered a day before, unless told otherwise. */
async function passkeyProof(registered: Registered = {}): Promise<PasskeyProof> {
  const { atMs: registeredMs = atMs - day * 1000, acr = 'mfa', change, ...bound } = registered;
  const nonce = passkeyChallenge({ personId: 'alice', credentialId, publicKey, ...bound });
  const idToken = await idp.idToken(nonce, 'alice', registeredMs, acr, change);
  return { kind: 'passkey', credentialId, clientDataJSON: 'e30', authenticatorData: 'AAAA', signature: 'AAAA', registration: { publicKey, idToken } };
}

describe('a passkey', () => {
  const of = decision({ assurance: 'passkey' });
  const asserted: { readonly proof: PasskeyProof; readonly challenge: string }[] = [];
  const passkeys = {
    maxRegistrationAgeSeconds: 90 * day,
    checkAssertion: async (proof: PasskeyProof, challenge: string) => {
      asserted.push({ proof, challenge });
      return undefined;
    },
  };
  const verify = idp.verifier(passkeys);

  it('that the person registered with a second factor is held against the challenge of this decision', async () => {
    const proof = await passkeyProof();
    expect(await verify(of, proof)).toBeUndefined();
    expect(asserted.at(-1)).toEqual({ proof, challenge: challengeOf(of) });
  });

  it('may be registered up to two minutes after the sign-in', async () =>
    expect(await verify(of, await passkeyProof({ change: { claims: { auth_time: at - day - 120 } } }))).toBeUndefined());

  it('carries what is weaker than itself, too', async () => expect(await verify(decision({ assurance: 'mfa' }), await passkeyProof())).toBeUndefined());

  it('carries nothing where the authenticator did not sign this', async () => {
    const never = idp.verifier({ ...passkeys, checkAssertion: async () => 'The signature does not hold.' });
    expect(await never(of, await passkeyProof())).toBe('The signature does not hold.');
  });

  it('carries nothing where none are configured', async () => expect(await check(of, await passkeyProof())).toMatch(/not configured/));

  const refusals: Record<string, { readonly registered: Registered; readonly reason: RegExp }> = {
    'registered by another person': { registered: { change: { claims: { sub: 'bob' } } }, reason: /by somebody else/ },
    'registered for another person': { registered: { personId: 'bob' }, reason: /not registered for this person/ },
    'whose registration is of another credential': { registered: { credentialId: 'b3RoZXI' }, reason: /not registered for this person/ },
    'whose registration is of another key': { registered: { publicKey: 'b3RoZXI' }, reason: /not registered for this person/ },
    'registered with one factor': { registered: { acr: 'login' }, reason: /without a second factor/ },
    'registered long after the sign-in': { registered: { change: { claims: { auth_time: at - day - 400 } } }, reason: /too long after the sign-in/ },
    'registered on a sign-in for something else': { registered: { change: { claims: { auth_time: at - day - 121 } } }, reason: /too long after the sign-in/ },
    'registered after the decision': { registered: { atMs: atMs + 61_000 }, reason: /after the decision/ },
    'registered too long ago': { registered: { atMs: atMs - 91 * day * 1000 }, reason: /too old/ },
    'registered through another client': { registered: { change: { claims: { aud: 'other-app' } } }, reason: /another client/ },
    'registered at another provider': { registered: { change: { claims: { iss: 'https://other.example' } } }, reason: /No configured provider/ },
  };
  for (const [name, { registered, reason }] of Object.entries(refusals))
    it(`${name} carries nothing`, async () => {
      const before = asserted.length;
      expect(await verify(of, await passkeyProof(registered))).toMatch(reason);
      expect(asserted).toHaveLength(before);
    });
});

describe('a challenge', () => {
  it('differs as soon as any member of the decision that matters differs', () => {
    const members = ['decisionId', 'actionId', 'actionDigest', 'planDigest', 'verdict', 'personId'] as const;
    const base = { decisionId: 'd', actionId: 'act_1', actionDigest: 'sha256:1', planDigest: 'sha256:2', verdict: 'approve', personId: 'p' } as const;
    const all = members.map((name) => decisionChallenge({ ...base, [name]: 'other' }));
    expect(new Set([...all, decisionChallenge(base)]).size).toBe(members.length + 1);
  });
});

describe('garbage', () => {
  it('is never a proof, never crashes and never carries anything', async () => {
    const member = fc.oneof(fc.string(), fc.constant('a.b.c'), fc.integer(), fc.constant(null), fc.object());
    const proofs = fc.oneof(
      fc.anything(),
      fc.record({ kind: fc.constant('id-token'), token: member }),
      fc.record({
        kind: fc.constant('passkey'),
        credentialId: member,
        clientDataJSON: member,
        authenticatorData: member,
        signature: member,
        registration: fc.record({ publicKey: member, idToken: member }),
      }),
    );
    await fc.assert(
      fc.asyncProperty(proofs, async (value) => {
        expect(await weigh(decision(), value, idp.verifier())).toMatchObject({ assurance: 'chat', reason: expect.any(String) });
      }),
      { numRuns: 500 },
    );
  });

  it('a proof with every byte changed once no longer holds', async () => {
    const { token } = (await idp.proofOf(decision())) as { readonly token: string };
    // The last character of a part may hold bits that stand for nothing.
    const places = [...token].map((_c, index) => index).filter((index) => token[index] !== '.' && token[index + 1] !== '.' && index + 1 < token.length);
    for (const index of places.filter((_place, count) => count % 7 === 0)) {
      const changed = `${token.slice(0, index)}${token[index] === 'A' ? 'B' : 'A'}${token.slice(index + 1)}`;
      expect(await check(decision(), { kind: 'id-token', token: changed })).toEqual(expect.any(String));
    }
  });

  it('that is too long is refused by its shape', () => {
    expect(isDecisionProof({ kind: 'id-token', token: `a.b.${'c'.repeat(8_000)}` })).toBe(true);
    expect(isDecisionProof({ kind: 'id-token', token: `a.b.${'c'.repeat(9_000)}` })).toBe(false);
  });
});
