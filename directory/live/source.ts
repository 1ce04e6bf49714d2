import type { PersonId } from '../../domain/principal.js';

/** One account of an identity provider, as it answers. */
export type SourceUser = {
  /** The provider's own id, which never changes and is never given to somebody else. */
  readonly id: string;
  readonly name: string;
  readonly active: boolean;
  readonly email?: string;
  /** Subject of the provider's tokens, where that is not the id. */
  readonly subject?: string;
  /** Value of the attribute that tells which accounts are one human. */
  readonly alias?: string;
  /** Object id in Microsoft Entra ID. */
  readonly aadObjectId?: string;
  /** The provider's id of the account they report to. */
  readonly managerId?: string;
};

/** A group somebody is in; `via` is the id of the group that puts them there, where they are not in it themselves. */
export type SourceGroup = { readonly id: string; readonly via?: string };

/** The budget of one lookup, however many requests it takes. */
export type Ask = { readonly deadlineMs: number; readonly signal: AbortSignal };

/**
 * What an adapter asks of one identity provider. Each call asks anew, to the last page, and throws {@link DirectoryTrouble}
 * when it has no whole answer. `undefined` means: the provider says that there is no such account.
 */
export interface DirectorySource {
  readonly kind: 'okta' | 'entra' | 'google' | 'scim';
  /** Where it asks, for people. */
  readonly address: string;
  /** An id in the provider's form that nobody has, for health checks. */
  readonly nobody: string;
  /** Asks what shows whether answers of this provider mean what they should. */
  check?(ask: Ask): Promise<void>;
  user(id: string, ask: Ask): Promise<SourceUser | undefined>;
  userByEmail(email: string, ask: Ask): Promise<readonly SourceUser[]>;
  /** Accounts whose token subject is this; the one with that id when absent. */
  usersBySubject?(subject: string, ask: Ask): Promise<readonly SourceUser[]>;
  /** Accounts whose alias attribute has this value. */
  usersByAlias(value: string, ask: Ask): Promise<readonly SourceUser[]>;
  usersByTeams(aadObjectId: string, ask: Ask): Promise<readonly SourceUser[]>;
  /** All groups of an account, nested ones included. */
  groupsOf(id: string, ask: Ask): Promise<readonly SourceGroup[]>;
  hasGroup(id: string, ask: Ask): Promise<boolean>;
  /** Active accounts in a group, in nested ones too, at most `limit`; without asking for each of them where the provider allows it. */
  membersOf(groupId: string, limit: number, ask: Ask): Promise<readonly SourceUser[]>;
}

/** Why an identity provider gave no answer that can be used. Says nothing of its secrets or of people. */
export class DirectoryTrouble extends Error {
  override readonly name = 'DirectoryTrouble';
  constructor(
    readonly kind: 'unreachable' | 'throttled' | 'refused' | 'nonsense',
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

// What our own schemas take as an id; anything else could not stand in a policy, a plan or a log line.
const id = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,127}$/;

/** The value as an id. Throws {@link DirectoryTrouble} for one of another form. */
export function requireId(value: string): PersonId {
  if (!id.test(value)) throw new DirectoryTrouble('nonsense', 'an id is not of the form that ids have');
  return value;
}

/** Whether a text that came from outside could be an id at all; nothing else is sent to a provider. */
export const isId = (value: string): boolean => id.test(value);

/** Text as people see it: bounded, without characters that steer. */
export function plainName(value: string | null | undefined, otherwise: string): string {
  const text = (value ?? '')
    .replace(/\p{C}+/gu, ' ')
    .trim()
    .slice(0, 200);
  return text === '' ? otherwise : text;
}
