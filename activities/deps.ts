import type { Directory } from '../directory/port.js';
import type { ConnectorDefinition } from '../domain/connector.js';
import type { FloorRule } from '../domain/floor.js';
import type { ProofVerifier } from '../domain/proof.js';
import type { SigningKey, TrustedKeys } from '../domain/signing.js';
import type { PolicyBundle } from '../policy/bundle.js';
import type { RecentHistory } from '../policy/plan.js';
import type { Channel, Connector, EvidenceLog, GrantStore } from './ports.js';

/** What the worker's activities work with. */
export type WorkerDeps = {
  readonly bundle: () => PolicyBundle;
  readonly directory: Directory;
  readonly connectors: ReadonlyMap<string, ConnectorDefinition>;
  readonly channels: ReadonlyMap<Channel['kind'], Channel>;
  readonly evidence: EvidenceLog;
  /** Earlier requests, for risk to look at. */
  readonly history?: RecentHistory;
  readonly policyKey: SigningKey;
  readonly trusted: TrustedKeys;
  /** Checks what decisions claim above `chat`; without it they are all worth `chat`. */
  readonly proofs?: ProofVerifier;
  readonly timeZone: string;
  readonly environment: string;
  readonly newId: () => string;
};

/** With what an executor evaluates policy itself. */
export type ExecutorPolicy = {
  /** The bundle in force, signed by the authors of policy. Throws `policy-unavailable` when there is none. */
  readonly bundle: () => PolicyBundle;
  readonly directory: Directory;
  readonly timeZone: string;
  readonly environment: string;
  /** What its operator demands whatever policy says. */
  readonly floor: readonly FloorRule[];
};

/** What the executor's activities work with. It holds none of the keys that sign plans or decisions. */
export type ExecutorDeps = {
  readonly connectors: ReadonlyMap<string, Connector>;
  readonly external: ReadonlyMap<string, ConnectorDefinition>;
  readonly grants: GrantStore;
  readonly policy: ExecutorPolicy;
  readonly executorKey: SigningKey;
  readonly trusted: TrustedKeys;
  /** The executor's own check of what approvals claim above `chat`; without it they are all worth `chat`. */
  readonly proofs?: ProofVerifier;
  readonly now: () => Date;
  readonly newId: () => string;
};
