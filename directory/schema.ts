import { Type, type Static } from 'typebox';

const strict = { additionalProperties: false } as const;
const Id = Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._@-]{0,127}$' });
const Name = Type.String({ minLength: 1, maxLength: 200 });
const Accounts = Type.Array(
  Type.Object({ issuer: Type.String({ minLength: 1, maxLength: 500 }), subject: Type.String({ minLength: 1, maxLength: 255 }) }, strict),
  { maxItems: 20 },
);

const AgentEntries = Type.Array(
  Type.Object(
    {
      id: Id,
      name: Name,
      active: Type.Optional(Type.Boolean()),
      owner: Id,
      actsFor: Type.Optional(Type.Array(Id, { maxItems: 1_000 })),
      team: Type.Optional(Id),
      accounts: Accounts,
    },
    strict,
  ),
);

/** The agents of a deployment whose people are in an identity provider. */
export const AgentsFile = Type.Object({ agents: AgentEntries }, strict);
export type AgentsFile = Static<typeof AgentsFile>;

/** The directory file. `issuer: development` stands for the embedded development provider. */
export const DirectoryFile = Type.Object(
  {
    groups: Type.Array(Type.Object({ id: Id, name: Name }, strict)),
    people: Type.Array(
      Type.Object(
        {
          id: Id,
          name: Name,
          email: Type.Optional(Type.String({ maxLength: 320 })),
          active: Type.Optional(Type.Boolean()),
          groups: Type.Array(Id),
          /** Whom they report to. */
          manager: Type.Optional(Id),
          accounts: Accounts,
          teams: Type.Optional(Type.Object({ tenantId: Id, aadObjectId: Id }, strict)),
        },
        strict,
      ),
    ),
    agents: AgentEntries,
  },
  strict,
);
export type DirectoryFile = Static<typeof DirectoryFile>;
