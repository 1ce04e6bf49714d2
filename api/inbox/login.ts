import * as oidc from 'openid-client';
import { CountersignError } from '../../domain/errors.js';
import { isLoopbackHttp, type InboxOptions } from './options.js';
import { sessionLimits, type LoginAttempt } from './session.js';

/** Who the identity provider says has signed in. */
export type SignedIn = { readonly issuer: string; readonly subject: string; readonly authTime?: number; readonly acr?: string };

/** The sign-in of the inbox: authorization code with PKCE, state, nonce, and issuer check. */
export type Login = {
  /** Where to send the browser, and what to remember until it comes back. Throws `session-missing` if the provider cannot be reached. */
  start(returnTo: string, again: boolean): Promise<{ readonly url: URL; readonly attempt: LoginAttempt }>;
  /** Requires the query the provider sent back. Throws `session-missing` when anything about it is wrong. */
  finish(search: string, attempt: LoginAttempt): Promise<SignedIn>;
  /** Where to end the provider's own session, if it offers that. */
  endSessionUrl(): Promise<string | undefined>;
};

/** Sign-in with the configured provider, which is discovered at first use. */
export function createLogin(options: InboxOptions): Login {
  const { issuer, clientId, clientSecret, scopes } = options.login;
  const insecure = options.environment === 'development' && isLoopbackHttp(issuer);
  const redirectUri = new URL('/inbox/callback', options.publicUrl).href;
  let known: Promise<oidc.Configuration> | undefined;

  // A failed discovery is forgotten, so that the next person tries again.
  const provider = () =>
    (known ??= oidc
      .discovery(new URL(issuer), clientId, undefined, clientSecret === undefined ? oidc.None() : oidc.ClientSecretBasic(clientSecret), {
        timeout: 10,
        // The signature of the ID token is checked although it comes over TLS: it is the proof that decisions rest on.
        execute: [oidc.enableNonRepudiationChecks, ...(insecure ? [oidc.allowInsecureRequests] : [])],
      })
      .catch((error: unknown) => {
        known = undefined;
        throw new CountersignError('session-missing', 'The identity provider cannot be reached.', { cause: error });
      }));

  return {
    start: async (returnTo, again) => {
      const config = await provider();
      const attempt = { state: oidc.randomState(), nonce: oidc.randomNonce(), verifier: oidc.randomPKCECodeVerifier(), returnTo };
      const url = oidc.buildAuthorizationUrl(config, {
        redirect_uri: redirectUri,
        scope: [...new Set(['openid', ...(scopes ?? ['profile', 'email'])])].join(' '),
        state: attempt.state,
        nonce: attempt.nonce,
        code_challenge: await oidc.calculatePKCECodeChallenge(attempt.verifier),
        code_challenge_method: 'S256',
        max_age: String(sessionLimits.absolute),
        ...(again ? { prompt: 'login' } : {}),
      });
      return { url, attempt };
    },
    finish: async (search, attempt) => {
      const config = await provider();
      // Built from the configured URL: a Host header has no say in what is compared.
      const current = new URL(redirectUri);
      current.search = search;
      try {
        const tokens = await oidc.authorizationCodeGrant(config, current, {
          expectedState: attempt.state,
          expectedNonce: attempt.nonce,
          pkceCodeVerifier: attempt.verifier,
          idTokenExpected: true,
          maxAge: sessionLimits.absolute,
        });
        const claims = tokens.claims();
        if (claims === undefined || claims.iss !== config.serverMetadata().issuer) throw new Error('no ID token of the configured issuer');
        // Somebody else acts for the person whom it names (RFC 8693): nobody has signed in.
        if (claims['act'] !== undefined) throw new Error('a delegated token');
        return {
          issuer: claims.iss,
          subject: claims.sub,
          ...(typeof claims.auth_time === 'number' ? { authTime: claims.auth_time } : {}),
          ...(typeof claims['acr'] === 'string' ? { acr: claims['acr'] } : {}),
        };
      } catch (error) {
        throw new CountersignError('session-missing', 'The sign-in could not be verified.', { cause: error });
      }
    },
    endSessionUrl: async () => {
      const config = await provider();
      if (config.serverMetadata().end_session_endpoint === undefined) return undefined;
      return oidc.buildEndSessionUrl(config, { post_logout_redirect_uri: new URL('/inbox/signed-out', options.publicUrl).href }).href;
    },
  };
}
