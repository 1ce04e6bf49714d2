import type { Static } from 'typebox';
import type { Config as ConfigSchema, Config, IssuerConfig, LoginConfig, PresetConfig, ProofProviderConfig } from './schema.js';

/** A configuration as it stands in its file. */
export type Written = Static<typeof ConfigSchema>;
type Expanded = { readonly issuer: IssuerConfig; readonly login: LoginConfig; readonly provider?: ProofProviderConfig };

const algorithms: ['RS256'] = ['RS256'];
const maxAgeSeconds = 300;

/** What is wrong with an `identity` section that no schema can say, or undefined. */
export function presetTrouble({ identity, executor }: Written): { readonly at: readonly string[]; readonly what: string } | undefined {
  const at = ['identity'];
  const { preset, issuers, login } = identity;
  if (preset === undefined)
    return issuers === undefined || login === undefined ? { at, what: '"identity" needs "issuers" and "login", or a "preset" in their place.' } : undefined;
  if (issuers !== undefined || login !== undefined || executor.providers !== undefined)
    return { at, what: '"identity.preset" stands in place of "issuers", "login" and "executor.providers"; remove those, or the preset.' };
  if (preset.provider === 'entra' && !/^[0-9a-f-]{36}$/.test(preset.tenant))
    return { at, what: '"identity.preset.tenant" is the id of the tenant in Entra, in lower case; its name could be given to somebody else.' };
  return preset.authTime !== undefined && preset.provider !== 'entra' ? { at, what: '"identity.preset.authTime" is for entra.' } : undefined;
}

/** The configuration with its preset written out. Requires that {@link presetTrouble} found nothing. */
export function writtenOut(config: Written): Config {
  const { preset, issuers, login, operators } = config.identity;
  if (preset === undefined) return { ...config, identity: { issuers: issuers ?? [], login: login as LoginConfig, operators } };
  const expanded = expand(preset, config.api.publicUrl);
  return {
    ...config,
    identity: { issuers: [expanded.issuer], login: expanded.login, operators },
    executor: { ...config.executor, ...(expanded.provider === undefined ? {} : { providers: [expanded.provider] }) },
  };
}

/** What a preset stands for. Each value is one that the provider documents. */
export function expand({ provider, tenant, client, clientSecretEnv, authTime }: PresetConfig, publicUrl: string): Expanded {
  const secret = clientSecretEnv === undefined ? {} : { clientSecretEnv };
  const scopes = ['openid', 'profile', 'email'];
  switch (provider) {
    case 'okta': {
      const issuer = `https://${tenant}`;
      // Only tokens of a person carry a user id; one without is a service's, whose subject is its client.
      const principal: IssuerConfig['principal'] = { claim: 'uid', agent: [], person: ['*'], absent: 'agent' };
      const access = `${issuer}/oauth2/default`;
      return {
        issuer: { issuer: access, audience: 'api://default', algorithms, principal, subjectClaim: 'uid' },
        login: { issuer, clientId: client, ...secret, scopes, stepUp: { mfaAcr: ['urn:okta:loa:2fa:any'], maxAgeSeconds } },
        provider: {
          issuer,
          audience: client,
          algorithms,
          jwksUri: `${issuer}/oauth2/v1/keys`,
          mfaAcr: ['urn:okta:loa:2fa:any', 'phr', 'phrh'],
          maxAgeSeconds,
        },
      };
    }
    case 'entra': {
      const issuer = `https://login.microsoftonline.com/${tenant}/v2.0`;
      const jwksUri = `https://login.microsoftonline.com/${tenant}/discovery/v2.0/keys`;
      // `sub` is another one for each application; `oid` is the person.
      const subjectClaim = 'oid';
      const login = { issuer, clientId: client, ...secret, scopes, subjectClaim, claims: { tid: tenant } };
      return {
        issuer: { issuer, audience: client, algorithms, principal: { claim: 'idtyp', agent: ['app'], person: ['user'] }, subjectClaim },
        login: authTime === true ? { ...login, stepUp: { mfaAcr: [], maxAgeSeconds } } : { ...login, authTime: false },
        ...(authTime === true ? { provider: { issuer, audience: client, algorithms, jwksUri, subjectClaim, maxAgeSeconds } } : {}),
      };
    }
    case 'google': {
      const issuer = 'https://accounts.google.com';
      return {
        // People get no token for an audience of their choice, service accounts do. So whoever has one is a program.
        issuer: { issuer, audience: publicUrl, algorithms, principal: { claim: 'iss', agent: [issuer], person: [] } },
        login: { issuer, clientId: client, ...secret, scopes, claims: { hd: tenant }, authTime: false },
      };
    }
  }
}
