import { describe, expect, it } from 'vitest';
import { expand, presetTrouble, writtenOut, type Written } from '../../../config/presets.js';
import type { PresetConfig } from '../../../config/schema.js';

const tenant = 'd6d49420-f39b-4df7-a1dc-d59a935871db';
const config = (identity: object, executor: object = {}) =>
  ({ identity: { operators: ['g'], ...identity }, executor, api: { publicUrl: 'https://countersign.acme.example' } }) as unknown as Written;
const written = (preset: PresetConfig) => writtenOut(config({ preset }));

describe('a preset', () => {
  it('of Okta asks for two factors, and takes the id of a person and not their login name', () => {
    const { identity, executor } = written({ provider: 'okta', tenant: 'acme.okta.com', client: '0oa1' });
    expect(identity.login).toMatchObject({ issuer: 'https://acme.okta.com', clientId: '0oa1', stepUp: { mfaAcr: ['urn:okta:loa:2fa:any'] } });
    expect(identity.issuers).toMatchObject([
      { issuer: 'https://acme.okta.com/oauth2/default', audience: 'api://default', algorithms: ['RS256'], subjectClaim: 'uid' },
    ]);
    expect(executor.providers).toMatchObject([{ issuer: 'https://acme.okta.com', audience: '0oa1', jwksUri: 'https://acme.okta.com/oauth2/v1/keys' }]);
    expect(executor.providers?.[0]?.mfaAcr).toContain('urn:okta:loa:2fa:any');
    expect(identity.operators).toEqual(['g']);
  });

  it('of Entra takes the object id, of this tenant only, and proves a sign-in only where its time is told', () => {
    const preset: PresetConfig = { provider: 'entra', tenant, client: 'c', clientSecretEnv: 'SECRET' };
    const { identity, executor } = written(preset);
    const issuer = `https://login.microsoftonline.com/${tenant}/v2.0`;
    expect(identity.login).toMatchObject({ issuer, subjectClaim: 'oid', claims: { tid: tenant }, authTime: false, clientSecretEnv: 'SECRET' });
    expect(identity.issuers).toMatchObject([{ issuer, audience: 'c', subjectClaim: 'oid', principal: { claim: 'idtyp', agent: ['app'], person: ['user'] } }]);
    expect(executor.providers).toBeUndefined();
    const timed = written({ ...preset, authTime: true });
    expect(timed.identity.login.stepUp).toEqual({ mfaAcr: [], maxAgeSeconds: 300 });
    expect(timed.executor.providers).toMatchObject([{ issuer, subjectClaim: 'oid', audience: 'c' }]);
  });

  it('of Google keeps to one organisation, and takes every access token for a program', () => {
    const { issuer, login, provider } = expand({ provider: 'google', tenant: 'acme.example', client: 'c' }, 'https://countersign.acme.example');
    expect(login).toMatchObject({ issuer: 'https://accounts.google.com', claims: { hd: 'acme.example' }, authTime: false });
    expect(issuer).toMatchObject({ audience: 'https://countersign.acme.example', principal: { person: [] } });
    expect(provider).toBeUndefined();
  });

  it.each([
    ['beside issuers', { preset: { provider: 'okta', tenant: 'a.okta.com', client: 'c' }, issuers: [] }, /stands in place of/],
    ['with the name of an Entra tenant', { preset: { provider: 'entra', tenant: 'acme.onmicrosoft.com', client: 'c' } }, /is the id of the tenant/],
    ['that says of Okta what is for Entra', { preset: { provider: 'okta', tenant: 'a.okta.com', client: 'c', authTime: true } }, /is for entra/],
    ['that is missing, as are the issuers', {}, /needs "issuers" and "login"/],
  ])('%s is refused', (_name, identity, says) => expect(presetTrouble(config(identity))?.what).toMatch(says));

  it('beside providers of the executor is refused', () => {
    const preset = { provider: 'okta', tenant: 'a.okta.com', client: 'c' };
    expect(presetTrouble(config({ preset }, { providers: [] }))?.what).toMatch(/stands in place of/);
  });
});
