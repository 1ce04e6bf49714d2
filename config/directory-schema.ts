import { Type, type Static } from 'typebox';

const strict = { additionalProperties: false } as const;
const Text = Type.String({ minLength: 1, maxLength: 2048 });
const EnvName = Type.String({ pattern: '^[A-Z][A-Z0-9_]*$', description: 'Name of an environment variable that holds the secret' });
const Attribute = Type.String({ pattern: '^[A-Za-z][A-Za-z0-9_.:-]{0,199}$' });
const Issuers = Type.Optional(Type.Array(Text, { minItems: 1, maxItems: 10 }));

/** An attribute that only administrators can write; accounts with the same value are one human. */
const Aliases = Type.Optional(Type.Object({ attribute: Attribute }, strict));
/** The attribute in which the provider keeps a person's object id of Microsoft Entra ID, for decisions in Teams. */
const Teams = Type.Optional(Type.Object({ tenantId: Text, attribute: Attribute }, strict));

export const OktaDirectory = Type.Object(
  {
    /** Such as https://acme.okta.com. */
    url: Text,
    /** Holds an API token, or, with `clientId`, the private key (JWK) of a service app. */
    secretEnv: EnvName,
    clientId: Type.Optional(Text),
    /** Issuers of people's tokens; the organisation's own and its default authorization server when absent. */
    issuers: Issuers,
    aliases: Aliases,
    teams: Teams,
  },
  strict,
);
export type OktaDirectory = Static<typeof OktaDirectory>;

export const EntraDirectory = Type.Object(
  {
    /** The tenant's id, not its name. */
    tenant: Type.String({ pattern: '^[0-9a-fA-F-]{36}$' }),
    clientId: Text,
    secretEnv: EnvName,
    /** Microsoft's public cloud when absent. */
    authority: Type.Optional(Text),
    graphUrl: Type.Optional(Text),
    issuers: Issuers,
    aliases: Aliases,
  },
  strict,
);
export type EntraDirectory = Static<typeof EntraDirectory>;

export const GoogleDirectory = Type.Object(
  {
    /** Holds the service account's key file, as JSON. */
    secretEnv: EnvName,
    /** The administrator in whose name the service account reads (domain-wide delegation). */
    administrator: Text,
    /** `my_customer`, the service account's own, when absent. */
    customer: Type.Optional(Text),
    url: Type.Optional(Text),
    issuers: Issuers,
    aliases: Aliases,
    teams: Teams,
  },
  strict,
);
export type GoogleDirectory = Static<typeof GoogleDirectory>;

export const ScimDirectory = Type.Object(
  {
    /** Such as https://idp.example/scim/v2. */
    url: Text,
    secretEnv: EnvName,
    /** Issuers of people's tokens; a SCIM server does not say. */
    issuers: Type.Array(Text, { minItems: 1, maxItems: 10 }),
    /** What the subject of a token is in SCIM; the id when absent. */
    subject: Type.Optional(Type.Union([Type.Literal('id'), Type.Literal('externalId')])),
    /** How to ask for somebody's groups: by a filter on groups, which is the default, or from the person's own `groups`. */
    membership: Type.Optional(Type.Union([Type.Literal('filter'), Type.Literal('user')])),
    aliases: Aliases,
    teams: Teams,
  },
  strict,
);
export type ScimDirectory = Static<typeof ScimDirectory>;

/** Who is who: one file for all, or people from one identity provider and agents from a file. */
export const DirectoryConfig = Type.Object(
  {
    file: Type.Optional(Text),
    okta: Type.Optional(OktaDirectory),
    entra: Type.Optional(EntraDirectory),
    google: Type.Optional(GoogleDirectory),
    scim: Type.Optional(ScimDirectory),
    /** File of the agents, beside a provider. */
    agents: Type.Optional(Text),
    /** How long an answer of the provider may be used again, where nothing is decided or executed by it; 5 when absent. */
    cacheSeconds: Type.Optional(Type.Number({ minimum: 0, maximum: 10 })),
    /** How long one request may take, and one lookup with all its requests and repetitions; 3 and 8 when absent. */
    timeoutSeconds: Type.Optional(Type.Number({ minimum: 0.1, maximum: 30 })),
    deadlineSeconds: Type.Optional(Type.Number({ minimum: 0.2, maximum: 60 })),
  },
  strict,
);
export type DirectoryConfig = Static<typeof DirectoryConfig>;
