import * as oidc from 'openid-client';
import { CountersignError } from '../../domain/errors.js';
import { registrationFreshSeconds } from '../../domain/verify-proof.js';
import { isLoopbackHttp, type InboxOptions } from './options.js';
import { sessionLimits, type LoginAttempt, type SignInPurpose } from './session.js';

/** Who the identity provider says has signed in. */
export type SignedIn = { readonly issuer: string; readonly subject: string; readonly authTime?: number; readonly acr?: string; readonly idToken: string };

/** What a sign-in of its own asks for: a nonce that is signed, and perhaps a second factor. */
export type SignInFor = { readonly nonce: string; readonly mfa: boolean; readonly purpose: SignInPurpose };

/** The sign-in of the inbox: authorization code with PKCE, state, nonce, and issuer check. */
export type Login = {
  /** Where to send the browser, and what to remember until it comes back. Throws `session-missing` if the provider cannot be reached. */
  start(returnTo: string, again: boolean, signInFor?: SignInFor): Promise<{ readonly url: URL; readonly attempt: LoginAttempt }>;
  /** Requires the query the provider sent back. Throws `session-missing` when anything about it is wrong. */
  finish(search: string, attempt: LoginAttempt): Promise<SignedIn>;
  /** Where to end the provider's own session, if it offers that. */
  endSessionUrl(): Promise<string | undefined>;
};

/** Sign-in with the configured provider, which is discovered at first use. */
export function createLogin(options: InboxOptions): Login {
  const { issuer, clientId, clientSecret, scopes, stepUp, subjectClaim, claims: wanted = {}, authTime } = options.login;
  const insecure = options.environment === 'development' && isLoopbackHttp(issuer);
  const redirectUri = new URL('/inbox/callback', options.publicUrl).href;
  let known: Promise<oidc.Configuration> | undefined;

  // A failed discovery is forgotten, so that the next person tries again.
  const maxAgeOf = ({ purpose }: LoginAttempt) => {
    if (purpose === undefined) return sessionLimits.absolute;
    const most = stepUp?.maxAgeSeconds ?? 0;
    return purpose.kind === 'passkey' ? Math.min(most, registrationFreshSeconds) : most;
  };
  // A sign-in for a decision is worth nothing without its time.
  const datesOf = ({ purpose }: LoginAttempt) => purpose !== undefined || authTime !== false;
  const provider = () =>
    (known ??= oidc
      .discovery(new URL(issuer), clientId, undefined, clientSecret === undefined ? oidc.None() : clientAuth(clientSecret), {
        timeout: 10,
        // The signature of the ID token is checked although it comes over TLS: it is the proof that decisions rest on.
        execute: [oidc.enableNonRepudiationChecks, ...(insecure ? [oidc.allowInsecureRequests] : [])],
      })
      .catch((error: unknown) => {
        known = undefined;
        throw new CountersignError('session-missing', 'The identity provider cannot be reached.', { cause: error });
      }));

  return {
    start: async (returnTo, again, signInFor) => {
      if (signInFor !== undefined && stepUp === undefined)
        throw new CountersignError('assurance-too-low', 'Operators have not set up signing in for a decision.');
      if (signInFor?.mfa === true && stepUp?.mfaAcr.length === 0)
        throw new CountersignError('assurance-too-low', 'This identity provider does not say that somebody signed in with a second factor.');
      const config = await provider();
      const attempt = {
        state: oidc.randomState(),
        nonce: signInFor?.nonce ?? oidc.randomNonce(),
        verifier: oidc.randomPKCECodeVerifier(),
        returnTo,
        ...(signInFor === undefined ? {} : { purpose: signInFor.purpose }),
      };
      const url = oidc.buildAuthorizationUrl(config, {
        redirect_uri: redirectUri,
        scope: [...new Set(['openid', ...(scopes ?? ['profile', 'email'])])].join(' '),
        state: attempt.state,
        nonce: attempt.nonce,
        code_challenge: await oidc.calculatePKCECodeChallenge(attempt.verifier),
        code_challenge_method: 'S256',
        ...(datesOf(attempt) ? { max_age: String(maxAgeOf(attempt)) } : {}),
        ...(signInFor?.mfa === true ? { acr_values: stepUp?.mfaAcr.join(' ') ?? '' } : {}),
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
          ...(datesOf(attempt) ? { maxAge: maxAgeOf(attempt) } : {}),
        });
        const claims = tokens.claims();
        if (tokens.id_token === undefined || claims === undefined || claims.iss !== config.serverMetadata().issuer)
          throw new Error('no ID token of the configured issuer');
        // Somebody else acts for the person whom it names (RFC 8693): nobody has signed in.
        if (claims['act'] !== undefined) throw new Error('a delegated token');
        for (const [name, value] of Object.entries(wanted)) if (claims[name] !== value) throw new Error(`the claim ${name} is another one`);
        const subject = subjectClaim === undefined ? claims.sub : claims[subjectClaim];
        if (typeof subject !== 'string' || subject === '') throw new Error('no id of the person');
        return {
          issuer: claims.iss,
          subject,
          idToken: tokens.id_token,
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

/** Shows the secret in the first way that the provider says it takes: in a header, or in the form. */
function clientAuth(secret: string): oidc.ClientAuth {
  const ways: Readonly<Record<string, oidc.ClientAuth>> = {
    client_secret_basic: oidc.ClientSecretBasic(secret),
    client_secret_post: oidc.ClientSecretPost(secret),
  };
  return (server, client, body, headers) => {
    const first = server.token_endpoint_auth_methods_supported?.find((method) => Object.hasOwn(ways, method)) ?? 'client_secret_basic';
    ways[first]?.(server, client, body, headers);
  };
}
