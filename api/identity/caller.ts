import type { Directory, DirectoryPerson } from '../../directory/port.js';
import { CountersignError } from '../../domain/errors.js';
import type { Principal } from '../../domain/principal.js';
import type { Viewer } from '../actions.js';
import type { VerifiedToken } from './verify-access-token.js';

/** Who calls: the principal, whether they are an operator, and the person where it is one. */
export type Caller = Viewer & {
  readonly person?: DirectoryPerson;
  /** Whether the configuration lets this token decide; see `identity.issuers[].decide`. */
  readonly mayDecide: boolean;
  /** Seconds since 1970 at which the token ends; nothing may be streamed past it. */
  readonly expiresAt: number;
};

/**
 * Who a verified token speaks for, as the directory knows them now.
 * Throws `principal-unknown` for an unknown or inactive subject, and `directory-unavailable`.
 */
export async function resolveCaller(token: VerifiedToken, directory: Directory, operators: readonly string[]): Promise<Caller> {
  const { issuer, subject, expiresAt } = token;
  if (token.kind === 'agent') {
    const agent = await directory.agentByAccount(issuer, subject);
    if (agent === undefined || !agent.active) throw new CountersignError('principal-unknown');
    const principal: Principal = { kind: 'agent', id: agent.id, name: agent.name, owner: agent.owner, issuer, subject };
    return { principal, operator: false, mayDecide: false, expiresAt };
  }
  const person = await directory.personByAccount(issuer, subject);
  if (person === undefined || !person.active) throw new CountersignError('principal-unknown');
  const principal: Principal = { kind: 'person', id: person.id, name: person.name, issuer, subject };
  return { principal, person, operator: person.groups.some((group) => operators.includes(group)), mayDecide: token.mayDecide, expiresAt };
}
