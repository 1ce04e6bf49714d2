import type { Directory } from '../../directory/port.js';
import type { ConnectorDefinition } from '../../domain/connector.js';
import type { Actions } from '../actions.js';
import type { InboxPasskeys } from './passkey-routes.js';

/** What the inbox needs from the api process. */
export type InboxOptions = {
  readonly actions: Actions;
  readonly directory: Directory;
  /** Whose titles name actions that cannot be read at the moment. */
  readonly connectors?: readonly Pick<ConnectorDefinition, 'name' | 'title'>[];
  /** Where browsers reach the api, for example `https://countersign.example`. Never taken from a header. */
  readonly publicUrl: string;
  /** At least 32 characters; every cookie key is derived from it. */
  readonly sessionSecret: string;
  readonly login: {
    readonly issuer: string;
    readonly clientId: string;
    readonly clientSecret?: string;
    readonly scopes?: readonly string[];
    /** The claim with the person's id where `sub` is something else. */
    readonly subjectClaim?: string;
    /** What else an ID token has to say. */
    readonly claims?: Readonly<Record<string, string>>;
    /** False for a provider whose ID tokens do not say when the person signed in. */
    readonly authTime?: boolean;
    /** What is asked of the provider for an approval that needs a proof. Without it such approvals are not offered. */
    readonly stepUp?: { readonly mfaAcr: readonly string[]; readonly maxAgeSeconds: number };
  };
  /** Where approvers keep passkeys. Without it none can be registered or used. */
  readonly passkeys?: InboxPasskeys;
  /** Group ids whose members see every action. */
  readonly operators: readonly string[];
  /** Plain http to a loopback issuer is accepted in development only. */
  readonly environment: 'development' | 'production';
  /** Requests a minute of one person who is signed in; 600 when absent. */
  readonly requestsPerMinute?: number;
  readonly now?: () => Date;
};

/** True for an http URL of this very machine, the one place where a cookie may do without `Secure`. */
export function isLoopbackHttp(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'http:' && (hostname === '127.0.0.1' || hostname === 'localhost' || hostname === '[::1]');
}
