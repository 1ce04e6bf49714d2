import { deepFreeze } from './frozen.js';
import { digestJson, type Digest } from './digest.js';
import type { JsonObject } from './json.js';
import type { ReportKey } from './report.js';
import type { ConnectorRef } from './request.js';

/**
 * A connector as everybody but the executor sees it. `parameters` is a JSON Schema (draft 2020-12); members
 * marked `"x-display": true` may be shown in clear, all others by name and shape only; members marked
 * `"x-policy": true` reach policy as `context.parameters`.
 */
export type ConnectorDefinition = {
  readonly name: string;
  readonly version: string;
  readonly title: string;
  readonly description: string;
  readonly resourceTypes: readonly string[];
  readonly parameters: JsonObject;
  /** True when running the same grant twice has the effect of running it once. */
  readonly idempotent: boolean;
  /** True when it can say beforehand what would happen, without changing anything. */
  readonly previews: boolean;
  /** True when an execution can be taken back, so that a request may carry a duration. */
  readonly revocable: boolean;
  readonly executionTimeoutMs: number;
  /** For a customer's own activity: where it listens. Absent for connectors inside the executor. */
  readonly external?: {
    readonly taskQueue: string;
    readonly activity: string;
    /** With it, how the work ended is believed by this key's signature alone. */
    readonly reportKey?: ReportKey;
  };
};

/** Digest of a definition; a request made against another definition does not run. */
export function connectorDigest(definition: ConnectorDefinition): Digest {
  return digestJson(deepFreeze(definition));
}

/** The reference a request carries. */
export function connectorRef(definition: ConnectorDefinition): ConnectorRef {
  return { name: definition.name, version: definition.version, digest: connectorDigest(definition) };
}

/** One line of a preview or a result, already fit to be shown. */
export type Fact = { readonly label: string; readonly value: string };

/** What would happen, told before anyone decides. Holds no row and no secret of the target. */
export type Preview = { readonly facts: readonly Fact[]; readonly warnings: readonly string[] };

/**
 * How an execution ended. `unknown`: it may or may not have taken effect; `check` says where a person looks. `receipt` is the
 * executor's signature over it.
 */
export type ExecutionOutcome = (
  | { readonly status: 'succeeded'; readonly facts: readonly Fact[]; readonly resultDigest?: Digest; readonly startedAt: string; readonly finishedAt: string }
  | { readonly status: 'failed'; readonly code: string; readonly detail: string; readonly facts?: readonly Fact[]; readonly finishedAt: string }
  | { readonly status: 'cancelled'; readonly detail: string; readonly finishedAt: string }
  | { readonly status: 'unknown'; readonly detail: string; readonly check: string; readonly finishedAt: string }
) & { readonly receipt?: string };
