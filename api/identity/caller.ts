import type { Directory, DirectoryPerson } from '../../directory/port.js';
import { CountersignError } from '../../domain/errors.js';
import type { Principal } from '../../domain/principal.js';
import type { Delegation, Viewer } from '../actions.js';
import type { VerifiedToken } from './verify-access-token.js';

/** Who calls: the principal, whether they are an operator, and the person where it is one. */
export type Caller = Viewer & {
  readonly person?: DirectoryPerson;
  /** For whom an agent acts, when its token says so. */
  readonly delegation?: Delegation;
  /** Whether the configuration lets this token decide; see `identity.issuers[].decide`. */
  readonly mayDecide: boolean;
  /** Seconds since 1970 at which the token was issued. */
  readonly issuedAt: number;
  /** Seconds since 1970 at which the token ends; nothing may be streamed past it. */
  readonly expiresAt: number;
};

/**
 * Who a verified token speaks for, as the directory knows them now. A delegated token speaks for the agent that acts, on behalf of the person
 * it was issued about; everybody named in it has to be known.
 * Throws `principal-unknown` for an unknown or inactive subject or actor, and `directory-unavailable`.
 */
export async function resolveCaller(token: VerifiedToken, directory: Directory, operators: readonly string[]): Promise<Caller> {
  const { issuer, subject, issuedAt, expiresAt, actors } = token;
  if (actors !== undefined) {
    const [actor, ...before] = actors;
    const person = await directory.personByAccount(issuer, subject);
    if (person === undefined || !person.active) throw new CountersignError('principal-unknown');
    const principal = await agentOf(directory, issuer, actor ?? '');
    const via = await Promise.all(before.map((earlier) => principalOf(directory, issuer, earlier)));
    return { principal, operator: false, mayDecide: false, issuedAt, expiresAt, delegation: { onBehalfOf: person.id, via } };
  }
  if (token.kind === 'agent') return { principal: await agentOf(directory, issuer, subject), operator: false, mayDecide: false, issuedAt, expiresAt };
  const person = await directory.personByAccount(issuer, subject);
  if (person === undefined || !person.active) throw new CountersignError('principal-unknown');
  const principal: Principal = { kind: 'person', id: person.id, name: person.name, issuer, subject };
  return { principal, person, operator: person.groups.some((group) => operators.includes(group)), mayDecide: token.mayDecide, issuedAt, expiresAt };
}

async function agentOf(directory: Directory, issuer: string, subject: string): Promise<Principal> {
  const agent = await directory.agentByAccount(issuer, subject);
  if (agent === undefined || !agent.active) throw new CountersignError('principal-unknown');
  return { kind: 'agent', id: agent.id, name: agent.name, owner: agent.owner, issuer, subject };
}

/** Who held the token before: an agent, or a person. */
async function principalOf(directory: Directory, issuer: string, subject: string): Promise<Principal> {
  const person = await directory.personByAccount(issuer, subject);
  if (person === undefined) return agentOf(directory, issuer, subject);
  if (!person.active) throw new CountersignError('principal-unknown');
  return { kind: 'person', id: person.id, name: person.name, issuer, subject };
}
