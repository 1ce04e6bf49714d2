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
  /** Whom they report to, where the directory says so. */
  readonly manager?: PersonId;
};

/** Somebody as the list of a group has them. Their other groups are not asked for: a list may be long. */
export type DirectoryMember = Omit<DirectoryPerson, 'groups' | 'manager'>;

/** An agent or workload as the directory knows it now. */
export type DirectoryAgent = {
  readonly id: AgentId;
  readonly name: string;
  readonly active: boolean;
  readonly owner: PersonId;
  /** The people on whose behalf it may ask; its owner alone when absent. */
  readonly actsFor?: readonly PersonId[];
  /** The team it belongs to, for policies to look at. */
  readonly team?: string;
  readonly accounts: readonly { readonly issuer: string; readonly subject: string }[];
};

/** How an answer is to be had. `fresh` takes nothing that was asked for before; what lets an action through demands it. */
export type Lookup = { readonly fresh?: boolean };

/**
 * Answers, live, who is who. Every call throws `directory-unavailable` when it cannot be answered; callers
 * treat that as "not eligible". `undefined` means: not known.
 */
export interface Directory {
  personByAccount(issuer: string, subject: string, lookup?: Lookup): Promise<DirectoryPerson | undefined>;
  personByTeams(tenantId: string, aadObjectId: string, lookup?: Lookup): Promise<DirectoryPerson | undefined>;
  person(id: PersonId, lookup?: Lookup): Promise<DirectoryPerson | undefined>;
  agentByAccount(issuer: string, subject: string): Promise<DirectoryAgent | undefined>;
  agent(id: AgentId): Promise<DirectoryAgent | undefined>;
  /** Ids of the agents that this person owns, active or not, at most 200. */
  agentsOwnedBy(owner: PersonId): Promise<readonly AgentId[]>;
  /** The active people in a set, each once, in a stable order; at most `limit`. */
  members(approvers: ApproverSet, limit: number): Promise<readonly DirectoryMember[]>;
  /** True when the group exists. */
  hasGroup(id: string): Promise<boolean>;
  /** Rejects while the directory cannot be asked; for health checks. A directory without it is always there. */
  check?(): Promise<void>;
}

/** The same directory, which answers about people with nothing that was asked for before. */
export function fresh(directory: Directory): Directory {
  const lookup: Lookup = { fresh: true };
  return {
    personByAccount: (issuer, subject) => directory.personByAccount(issuer, subject, lookup),
    personByTeams: (tenantId, aadObjectId) => directory.personByTeams(tenantId, aadObjectId, lookup),
    person: (id) => directory.person(id, lookup),
    agentByAccount: (issuer, subject) => directory.agentByAccount(issuer, subject),
    agent: (id) => directory.agent(id),
    agentsOwnedBy: (owner) => directory.agentsOwnedBy(owner),
    members: (approvers, limit) => directory.members(approvers, limit),
    hasGroup: (id) => directory.hasGroup(id),
  };
}
