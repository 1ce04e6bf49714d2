import { hkdfSync, randomBytes } from 'node:crypto';
import { EncryptJWT, jwtDecrypt, type JWTPayload } from 'jose';
import { CountersignError } from '../../domain/errors.js';

/** Who is signed in. Nothing about rights: those are asked of the directory on every request. */
export type Session = {
  readonly issuer: string;
  readonly subject: string;
  /** When the identity provider last saw the person, in seconds; absent if it does not say. */
  readonly authTime?: number;
  readonly acr?: string;
  /** The secret every form of this session carries. */
  readonly csrf: string;
  /** Start of the session and last page asked for, in seconds. */
  readonly startedAt: number;
  readonly seenAt: number;
};

/** A sign-in under way. */
export type LoginAttempt = {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  readonly returnTo: string;
  /** What the sign-in is for, when it starts no session. */
  readonly purpose?: SignInPurpose;
};

/** A sign-in of its own: for one decision, or for one passkey by the digest of its registration. */
export type SignInPurpose =
  { readonly kind: 'decision'; readonly actionId: string; readonly decisionId: string } | { readonly kind: 'passkey'; readonly registration: string };

/** What the page after a decision tells, once. */
export type Flash = { readonly actionId: string; readonly kind: 'approved' | 'rejected' };

/** Longest life of a session, longest silence in it, and how often silence is measured anew; in seconds. */
export const sessionLimits = { absolute: 8 * 3600, idle: 3600, refresh: 60 } as const;

/** Seals and opens the inbox's cookies: JWE, `dir` with A256GCM, one key a purpose. What cannot be opened is `undefined`. */
export type CookieJar = {
  sealSession(session: Session): Promise<string>;
  openSession(value: string | undefined): Promise<Session | undefined>;
  sealLogin(attempt: LoginAttempt): Promise<string>;
  openLogin(value: string | undefined): Promise<LoginAttempt | undefined>;
  sealFlash(flash: Flash): Promise<string>;
  openFlash(value: string | undefined): Promise<Flash | undefined>;
};

/** The cookies of one inbox. Throws `config-invalid` for a secret under 32 characters. */
export function createCookieJar(secret: string, now: () => Date): CookieJar {
  if (secret.length < 32) throw new CountersignError('config-invalid', 'The session secret is shorter than 32 characters.');
  // One key a purpose: a cookie of one kind never opens as another.
  const keyFor = (purpose: string) => new Uint8Array(hkdfSync('sha256', secret, new Uint8Array(0), `countersign inbox ${purpose} v1`, 32));
  const keys = { session: keyFor('session'), login: keyFor('login'), flash: keyFor('flash') };

  const seal = (key: Uint8Array, claims: JWTPayload, lifeSeconds: number) =>
    new EncryptJWT(claims)
      .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
      .setExpirationTime(Math.floor(now().getTime() / 1000) + lifeSeconds)
      .encrypt(key);
  const open = async (key: Uint8Array, value: string | undefined): Promise<JWTPayload | undefined> => {
    if (value === undefined || value.length > 4096) return undefined;
    try {
      const options = { keyManagementAlgorithms: ['dir'], contentEncryptionAlgorithms: ['A256GCM'], currentDate: now(), requiredClaims: ['exp'] };
      return (await jwtDecrypt(value, key, options)).payload;
    } catch {
      return undefined;
    }
  };

  return {
    sealSession: ({ issuer, subject, authTime, acr, csrf, startedAt, seenAt }) =>
      seal(
        keys.session,
        {
          iss: issuer,
          sub: subject,
          csrf,
          started: startedAt,
          seen: seenAt,
          ...(authTime === undefined ? {} : { auth_time: authTime }),
          ...(acr === undefined ? {} : { acr }),
        },
        Math.max(0, Math.min(sessionLimits.idle, startedAt + sessionLimits.absolute - Math.floor(now().getTime() / 1000))),
      ),
    openSession: async (value) => {
      const claims = await open(keys.session, value);
      if (claims?.iss === undefined || claims.sub === undefined) return undefined;
      const { auth_time: authTime, acr, csrf, started, seen } = claims;
      if (typeof csrf !== 'string' || typeof started !== 'number' || typeof seen !== 'number') return undefined;
      const at = now().getTime() / 1000;
      if (at >= started + sessionLimits.absolute || at >= seen + sessionLimits.idle) return undefined;
      return {
        issuer: claims.iss,
        subject: claims.sub,
        csrf,
        startedAt: started,
        seenAt: seen,
        ...(typeof authTime === 'number' ? { authTime } : {}),
        ...(typeof acr === 'string' ? { acr } : {}),
      };
    },
    sealLogin: (attempt) => seal(keys.login, { ...attempt }, 600),
    openLogin: async (value) => (await open(keys.login, value)) as LoginAttempt | undefined,
    sealFlash: (flash) => seal(keys.flash, { ...flash }, 60),
    openFlash: async (value) => (await open(keys.flash, value)) as Flash | undefined,
  };
}

/** A fresh secret of 256 bits. */
export function newSecret(): string {
  return randomBytes(32).toString('base64url');
}
