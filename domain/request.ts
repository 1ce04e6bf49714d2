import { digestJson, type Digest } from './digest.js';
import type { JsonObject } from './json.js';
import type { Principal } from './principal.js';

/** `act_` and 32 lower-case base-32 characters; also the Temporal workflow id. */
export type ActionId = `act_${string}`;

/** What an agent asks for, frozen when the api accepted it. Times are RFC 3339 in UTC, lengths in milliseconds. */
export type ActionRequest = {
  readonly id: ActionId;
  /** The name of the action, for example `postgres.export`; also the name of its connector. */
  readonly action: string;
  readonly connector: ConnectorRef;
  readonly resource: { readonly type: string; readonly id: string };
  readonly parameters: JsonObject;
  /** The requester's own words; untrusted text. */
  readonly reason: string;
  readonly requester: Principal;
  /** The person for whom an agent acts, if it says so or its token was delegated by them; a directory id. */
  readonly onBehalfOf?: string;
  /** Who held the delegated token before the requester, latest first (RFC 8693, nested `act`). */
  readonly via?: readonly Principal[];
  readonly durationMs?: number;
  readonly requestedAt: string;
  /** When the token that asked was issued, as its issuer says. */
  readonly tokenIssuedAt?: string;
  /** Digest of the caller's body, to tell a repeated request from another one under the same key. */
  readonly bodyDigest: Digest;
};

/** What the api signs when it accepts a request: that this caller was verified and asked for exactly this. */
export type RequestSeal = { readonly actionId: ActionId; readonly digest: Digest };

/** The connector definition the request was checked against. */
export type ConnectorRef = { readonly name: string; readonly version: string; readonly digest: Digest };

/** Digest of everything the requester asked for. */
export function requestDigest(request: ActionRequest): Digest {
  return digestJson(request);
}

/**
 * The digest that people approve and the executor checks: SHA-256 over the canonical JSON of the whole
 * request, the digest of the plan and its expiry. It changes if any of them does.
 */
export function actionDigest(request: ActionRequest, planDigest: Digest, expiresAt: string): Digest {
  return digestJson({ kind: 'countersign.action.v1', request, planDigest, expiresAt });
}
