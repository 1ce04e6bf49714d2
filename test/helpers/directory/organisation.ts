/** The organisation that every directory under test is given. `squad` is inside `owners` where groups can hold groups. */
export type Organisation = {
  readonly people: Map<string, Account>;
  readonly groups: Map<string, { readonly name: string; readonly people: Set<string>; readonly groups: Set<string> }>;
};
export type Account = {
  readonly id: string;
  readonly name: string;
  readonly email: string;
  active: boolean;
  readonly employee?: string;
  readonly manager?: string;
};

/** Ids in the form of one provider, by who they are. */
export type Ids = Readonly<Record<'ada' | 'ben' | 'benAdmin' | 'cleo' | 'dan' | 'owners' | 'squad', string>>;

export function organisation(ids: Ids): Organisation {
  const person = (id: string, name: string, more: Partial<Account> = {}): [string, Account] => [
    id,
    { id, name, email: `${name.toLowerCase().replaceAll(' ', '.')}@acme.example`, active: true, ...more },
  ];
  return {
    people: new Map([
      person(ids.ada, 'Ada Abel', { manager: ids.cleo }),
      person(ids.ben, 'Ben Beck', { employee: 'E7' }),
      person(ids.benAdmin, 'Ben Beck Admin', { employee: 'E7' }),
      person(ids.cleo, 'Cleo Cruz'),
      person(ids.dan, 'Dan Dorn', { active: false }),
    ]),
    groups: new Map([
      [ids.owners, { name: 'Owners', people: new Set([ids.ada, ids.dan]), groups: new Set([ids.squad]) }],
      // And the other way round: a circle must not hang anybody.
      [ids.squad, { name: 'Squad', people: new Set([ids.ben]), groups: new Set([ids.owners]) }],
    ]),
  };
}

/** Ids of the groups that hold a member directly. */
export function holders(of: Organisation, member: string): readonly string[] {
  return [...of.groups].filter(([, group]) => group.people.has(member) || group.groups.has(member)).map(([id]) => id);
}

/** The same, nested ones included. */
export function allHolders(of: Organisation, member: string): readonly string[] {
  const found = new Set<string>();
  const visit = (id: string): void => {
    for (const holder of holders(of, id))
      if (!found.has(holder)) {
        found.add(holder);
        visit(holder);
      }
  };
  visit(member);
  return [...found];
}

export function allMembers(of: Organisation, groupId: string): readonly Account[] {
  return [...of.people.values()].filter((account) => allHolders(of, account.id).includes(groupId));
}
