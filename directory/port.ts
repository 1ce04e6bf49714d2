import type { AgentId, PersonId, PersonRef } from '../domain/principal.js';
import type { ApproverSet } from '../domain/plan.js';

/** A human as the directory knows them now. */
export type DirectoryPerson = PersonRef & {
  readonly active: boolean;
  readonly email?: string;
  /** Ids of all groups, nested ones included. */
  readonly groups: readonly string[];
  /** Every token identity of this human. */
  readonly accounts: readonly { readonly issuer: string; readonly subject: string }[];
  readonly teams?: { readonly tenantId: string; readonly aadObjectId: string };
};

/** An agent or workload as the directory knows it now. */
export type DirectoryAgent = {
  readonly id: AgentId;
  readonly name: string;
  readonly active: boolean;
  readonly owner: PersonId;
  /** The people on whose behalf it may ask; its owner alone when absent. */
  readonly actsFor?: readonly PersonId[];
  readonly accounts: readonly { readonly issuer: string; readonly subject: string }[];
};

/**
 * Answers, live, who is who. Every call throws `directory-unavailable` when it cannot be answered; callers
 * treat that as "not eligible". `undefined` means: not known.
 */
export interface Directory {
  personByAccount(issuer: string, subject: string): Promise<DirectoryPerson | undefined>;
  personByTeams(tenantId: string, aadObjectId: string): Promise<DirectoryPerson | undefined>;
  person(id: PersonId): Promise<DirectoryPerson | undefined>;
  agentByAccount(issuer: string, subject: string): Promise<DirectoryAgent | undefined>;
  agent(id: AgentId): Promise<DirectoryAgent | undefined>;
  /** Ids of the agents that this person owns, active or not, at most 200. */
  agentsOwnedBy(owner: PersonId): Promise<readonly AgentId[]>;
  /** The active people in a set, each once, in a stable order; at most `limit`. */
  members(approvers: ApproverSet, limit: number): Promise<readonly DirectoryPerson[]>;
  /** True when the group exists. */
  hasGroup(id: string): Promise<boolean>;
}
