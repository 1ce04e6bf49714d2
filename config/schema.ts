import { Type, type Static } from 'typebox';
import { DirectoryConfig } from './directory-schema.js';

const strict = { additionalProperties: false } as const;
const Text = Type.String({ minLength: 1, maxLength: 2048 });
const EnvName = Type.String({ pattern: '^[A-Z][A-Z0-9_]*$', description: 'Name of an environment variable that holds the secret' });
const Seconds = Type.Integer({ minimum: 0, maximum: 86_400 });

/** One OIDC issuer whose access tokens are accepted. */
export const IssuerConfig = Type.Object(
  {
    issuer: Text,
    audience: Text,
    /** Found through discovery when absent. */
    jwksUri: Type.Optional(Text),
    algorithms: Type.Array(Type.Union([Type.Literal('RS256'), Type.Literal('PS256'), Type.Literal('ES256'), Type.Literal('EdDSA')]), { minItems: 1 }),
    clockToleranceSeconds: Type.Optional(Seconds),
    maxTokenAgeSeconds: Type.Optional(Seconds),
    requiredClaims: Type.Optional(Type.Array(Text)),
    /** Which claim tells an agent from a person. A token that says neither is refused. */
    principal: Type.Object(
      {
        claim: Text,
        /** Values of the claim; `*` is any. */
        agent: Type.Array(Text),
        person: Type.Array(Text),
        /** What a token without the claim is; it is refused when this is absent. Nothing makes it a person's. */
        absent: Type.Optional(Type.Literal('agent')),
      },
      strict,
    ),
    /** The claim with a person's id where `sub` is something else, such as `uid` of Okta and `oid` of Microsoft Entra ID. */
    subjectClaim: Type.Optional(Text),
    /**
     * Which access tokens of people may decide through the API, by the client or scope they were issued for. Without it none may:
     * a token that some other program holds for a person is not that person's decision.
     */
    decide: Type.Optional(Type.Object({ claim: Text, values: Type.Array(Text, { minItems: 1 }) }, strict)),
    /**
     * Tokens that the issuer binds to a key (`cnf.jkt`, RFC 9449) are taken with a proof of that key only, always. `required`
     * refuses those that are not bound; `accepted` is the default.
     */
    dpop: Type.Optional(Type.Union([Type.Literal('accepted'), Type.Literal('required')])),
    /** Proofs have to carry a nonce of ours, so that none can be made beforehand. */
    dpopNonce: Type.Optional(Type.Boolean()),
  },
  strict,
);
export type IssuerConfig = Static<typeof IssuerConfig>;

export const TeamsConfig = Type.Object(
  {
    appId: Text,
    tenantId: Text,
    /** Absent for a managed identity or in tests that bring their own credentials. */
    appPasswordEnv: Type.Optional(EnvName),
    /** Where proactive messages go; Microsoft's public cloud when absent. */
    serviceUrl: Type.Optional(Text),
    /** Issuer and keys of tokens from the channel; Microsoft's when absent. */
    tokenIssuer: Type.Optional(Text),
    openIdMetadataUrl: Type.Optional(Text),
    /** Authority that issues the bot's own tokens; Microsoft's when absent. */
    loginAuthority: Type.Optional(Text),
  },
  strict,
);
export type TeamsConfig = Static<typeof TeamsConfig>;

export const TargetConfig = Type.Union([
  Type.Object(
    {
      kind: Type.Literal('postgres'),
      urlEnv: EnvName,
      statementTimeoutSeconds: Type.Optional(Type.Integer({ minimum: 1, maximum: 3600 })),
      maxRows: Type.Optional(Type.Integer({ minimum: 1 })),
    },
    strict,
  ),
  Type.Object(
    {
      kind: Type.Literal('http'),
      baseUrl: Text,
      methods: Type.Array(Text, { minItems: 1 }),
      signingSecretEnv: Type.Optional(EnvName),
      bearerTokenEnv: Type.Optional(EnvName),
      idempotent: Type.Optional(Type.Boolean()),
      timeoutSeconds: Type.Optional(Type.Integer({ minimum: 1, maximum: 3600 })),
    },
    strict,
  ),
]);
export type TargetConfig = Static<typeof TargetConfig>;

/** An identity provider whose ID tokens prove decisions to the executor, which asks nobody else about them. */
export const ProofProviderConfig = Type.Object(
  {
    issuer: Text,
    /** The client id of the inbox; tokens of other clients prove nothing. */
    audience: Text,
    algorithms: Type.Array(Type.Union([Type.Literal('RS256'), Type.Literal('PS256'), Type.Literal('ES256'), Type.Literal('EdDSA')]), { minItems: 1 }),
    /** Where the provider's keys are: a file for an executor without a way to the provider, or an address. */
    jwksFile: Type.Optional(Text),
    jwksUri: Type.Optional(Text),
    /** Values of `acr` that mean a second factor. */
    mfaAcr: Type.Optional(Type.Array(Text, { maxItems: 20 })),
    /** How long before a decision the person may have signed in; 300 when absent. */
    maxAgeSeconds: Type.Optional(Type.Integer({ minimum: 0, maximum: 3_600 })),
    /** The claim with a person's id where `sub` is something else. */
    subjectClaim: Type.Optional(Text),
    /** The claim that holds the person's directory id, for an executor without the directory's accounts. */
    personClaim: Type.Optional(Text),
    /** Ids of keys that count no more, whenever they signed. */
    distrustedKeys: Type.Optional(Type.Array(Text, { maxItems: 100 })),
  },
  strict,
);
export type ProofProviderConfig = Static<typeof ProofProviderConfig>;
const KeyId = Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$' });

/** Encryption of everything that goes through Temporal; required in production. */
export const EncryptionConfig = Type.Object(
  {
    /** AES-256 keys: 32 bytes as base64, or a JWK of type `oct`, in an environment variable or a file. All are read with. */
    keys: Type.Array(Type.Union([Type.Object({ id: KeyId, env: EnvName }, strict), Type.Object({ id: KeyId, file: Text }, strict)]), {
      minItems: 1,
      maxItems: 20,
    }),
    /** Id of the key that new payloads are written with. */
    writeWith: KeyId,
    /** Also takes payloads in clear: only while actions from before encryption are open. */
    readClear: Type.Optional(Type.Boolean()),
  },
  strict,
);

/** The least that the operator of an executor demands, whatever policy asks for. */
const FloorConfig = Type.Object(
  {
    /** Names of actions; `*` stands for any characters. */
    action: Type.String({ pattern: '^[A-Za-z0-9.*-]{1,128}$' }),
    /** Ids of resources in the same way; any when absent. */
    resource: Type.Optional(Text),
    /** Distinct people who must have approved. */
    quorum: Type.Integer({ minimum: 1, maximum: 20 }),
    assurance: Type.Union([Type.Literal('chat'), Type.Literal('login'), Type.Literal('mfa'), Type.Literal('passkey')]),
  },
  strict,
);

/** A private key that lies in an environment variable, as a JWK, or that AWS KMS holds. */
const KeySource = Type.Union([
  Type.Object({ env: EnvName }, strict),
  Type.Object({ kms: Type.Object({ keyId: Text, region: Text, endpoint: Type.Optional(Text) }, strict) }, strict),
]);

/** The provider people sign in with. */
export const LoginConfig = Type.Object(
  {
    issuer: Text,
    clientId: Text,
    clientSecretEnv: Type.Optional(EnvName),
    scopes: Type.Optional(Type.Array(Text)),
    /** The claim with a person's id where `sub` is something else. */
    subjectClaim: Type.Optional(Text),
    /** What else an ID token has to say, such as the organisation. */
    claims: Type.Optional(Type.Record(Text, Text)),
    /** False for a provider whose ID tokens do not say when the person signed in. Such a sign-in proves no decision. */
    authTime: Type.Optional(Type.Boolean()),
    /** What the provider is asked for when a decision needs a sign-in of its own (RFC 9470). Keep `executor.providers` in step. */
    stepUp: Type.Optional(Type.Object({ mfaAcr: Type.Array(Text, { maxItems: 20 }), maxAgeSeconds: Type.Integer({ minimum: 0, maximum: 3_600 }) }, strict)),
  },
  strict,
);
export type LoginConfig = Static<typeof LoginConfig>;

/** All that a well-known provider needs to be told. */
export const PresetConfig = Type.Object(
  {
    provider: Type.Union([Type.Literal('okta'), Type.Literal('entra'), Type.Literal('google')]),
    /** The domain of an Okta organisation or of a Google Workspace, or the id of an Entra tenant. */
    tenant: Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9.-]{0,252}$' }),
    client: Text,
    clientSecretEnv: Type.Optional(EnvName),
    /** True once the application in Entra gives out the optional claim `auth_time`; a sign-in then proves a decision. */
    authTime: Type.Optional(Type.Boolean()),
  },
  strict,
);
export type PresetConfig = Static<typeof PresetConfig>;

/** The whole of `countersign.yaml`. Paths are relative to the file; secrets are named, never written. */
export const Config = Type.Object(
  {
    version: Type.Literal(1),
    environment: Type.Union([Type.Literal('development'), Type.Literal('production')]),
    temporal: Type.Object(
      {
        address: Text,
        namespace: Text,
        apiKeyEnv: Type.Optional(EnvName),
        tls: Type.Optional(
          Type.Object({ serverName: Type.Optional(Text), caFile: Type.Optional(Text), certFile: Type.Optional(Text), keyFile: Type.Optional(Text) }, strict),
        ),
        uiUrl: Type.Optional(Text),
      },
      strict,
    ),
    encryption: Type.Optional(EncryptionConfig),
    keys: Type.Object(
      {
        /** Folder with `public/public.jwks.json`, and for each role a folder such as `policy/policy.private.jwk` that its process alone may read. */
        directory: Text,
        /** Where a role signs with something else than the file in its folder. */
        policy: Type.Optional(KeySource),
        decision: Type.Optional(KeySource),
        executor: Type.Optional(KeySource),
      },
      strict,
    ),
    api: Type.Object(
      {
        host: Text,
        port: Type.Integer({ minimum: 0, maximum: 65_535 }),
        publicUrl: Text,
        /** Number of proxies in front whose X-Forwarded-For entries are believed; 0 believes none. */
        trustedProxies: Type.Optional(Type.Integer({ minimum: 0, maximum: 10 })),
        sessionSecretEnv: EnvName,
        /** Where the passkeys of approvers are kept; without it the inbox registers none. */
        passkeys: Type.Optional(Type.Object({ file: Text }, strict)),
        limits: Type.Optional(
          Type.Object(
            {
              bodyBytes: Type.Optional(Type.Integer({ minimum: 1024, maximum: 1_048_576 })),
              bodyDepth: Type.Optional(Type.Integer({ minimum: 2, maximum: 64 })),
              stringLength: Type.Optional(Type.Integer({ minimum: 256, maximum: 262_144 })),
              requestsPerMinute: Type.Optional(Type.Integer({ minimum: 1 })),
              pendingPerSubject: Type.Optional(Type.Integer({ minimum: 1 })),
            },
            strict,
          ),
        ),
      },
      strict,
    ),
    identity: Type.Object(
      {
        /** A well-known provider, in place of issuers, login and `executor.providers`. */
        preset: Type.Optional(PresetConfig),
        issuers: Type.Optional(Type.Array(IssuerConfig, { minItems: 1, maxItems: 20 })),
        /** The provider people sign in with at the inbox. */
        login: Type.Optional(LoginConfig),
        /** Group ids whose members see every action. They get no right to approve by it. */
        operators: Type.Array(Text),
      },
      strict,
    ),
    directory: DirectoryConfig,
    policy: Type.Object({ directory: Text, timeZone: Text }, strict),
    evidence: Type.Object({ file: Text }, strict),
    teams: Type.Optional(TeamsConfig),
    /** Files (JSON) that define connectors outside the executor. */
    externalConnectors: Type.Optional(Type.Array(Text)),
    executor: Type.Object(
      {
        /** Which grants were consumed: a SQLite file of one host, or a PostgreSQL database that executors on several hosts share. */
        grants: Type.Union([Text, Type.Object({ postgres: Type.Object({ urlEnv: EnvName }, strict) }, strict)]),
        /** A file in which keys of identity providers outlive their rotation; the file of `grants` when absent. */
        providerKeys: Type.Optional(Text),
        exports: Text,
        /** Connectors this executor runs; everything else it refuses. */
        connectors: Type.Array(Text),
        /** Whose ID tokens prove decisions of assurance `login` and `mfa`. Without one no such stage can be passed. */
        providers: Type.Optional(Type.Array(ProofProviderConfig, { maxItems: 20 })),
        /** Passkeys that people registered in the inbox at this address. Without it they prove nothing here. */
        passkeys: Type.Optional(
          Type.Object(
            {
              origin: Text,
              /** How long a registration counts; 180 when absent. The keys of providers are kept for 400. */
              maxRegistrationAgeDays: Type.Optional(Type.Integer({ minimum: 1, maximum: 395 })),
              /** A list of the operator's own: which registrations count alone, and which no more. */
              file: Type.Optional(Text),
            },
            strict,
          ),
        ),
        /** Policy that its authors signed, and their public keys. An executor does not start without. */
        policy: Type.Optional(Type.Object({ bundle: Text, authorsKeys: Text }, strict)),
        floor: Type.Optional(Type.Array(FloorConfig, { maxItems: 100 })),
        targets: Type.Record(Type.String({ pattern: '^[a-z][a-z0-9-]{0,62}$' }), TargetConfig),
      },
      strict,
    ),
    /** Only with `environment: development`. */
    dev: Type.Optional(
      Type.Object({ idpPort: Type.Integer({ minimum: 0, maximum: 65_535 }), databasePort: Type.Integer({ minimum: 0, maximum: 65_535 }) }, strict),
    ),
  },
  strict,
);
/** A configuration after its preset was written out. */
export type Config = Omit<Static<typeof Config>, 'identity'> & {
  readonly identity: { readonly issuers: IssuerConfig[]; readonly login: LoginConfig; readonly operators: string[] };
};
