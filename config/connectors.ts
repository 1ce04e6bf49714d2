import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormatsModule from 'ajv-formats';
import { Type, type Static } from 'typebox';
import type { ConnectorDefinition } from '../domain/connector.js';
import { builtinConnectors } from '../domain/connectors/index.js';
import { CountersignError } from '../domain/errors.js';
import type { JsonObject } from '../domain/json.js';
import { describe, parseYaml, type LoadedConfig } from './load.js';

const addFormats = addFormatsModule as unknown as (ajv: Ajv2020) => Ajv2020;
const strict = { additionalProperties: false } as const;
const Name = Type.String({ pattern: '^[a-z][a-z0-9-]*(\\.[a-z][a-z0-9-]*)*$', maxLength: 128 });
const Queue = Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$' });

/** An Ed25519 public key as a JWK. */
const ReportKeyFile = Type.Object({ kty: Type.Literal('OKP'), crv: Type.Literal('Ed25519'), x: Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' }) }, strict);

/** The file of a connector that is a customer's own activity. */
const ExternalConnectorFile = Type.Object(
  {
    name: Name,
    version: Type.String({ pattern: '^[0-9A-Za-z][0-9A-Za-z.+-]{0,63}$' }),
    title: Type.String({ minLength: 1, maxLength: 200 }),
    description: Type.String({ minLength: 1, maxLength: 4_000 }),
    resourceTypes: Type.Array(Type.String({ pattern: '^[A-Za-z][A-Za-z0-9._-]{0,63}$' }), { minItems: 1, maxItems: 20 }),
    parameters: Type.Unsafe<JsonObject>({ type: 'object' }),
    idempotent: Type.Boolean(),
    previews: Type.Boolean(),
    revocable: Type.Boolean(),
    executionTimeoutMs: Type.Integer({ minimum: 1_000, maximum: 86_400_000 }),
    external: Type.Object({ taskQueue: Queue, activity: Queue, reportKey: Type.Optional(ReportKeyFile) }, strict),
  },
  strict,
);

const validate = new Ajv2020({ strict: true, strictTypes: false }).compile<Static<typeof ExternalConnectorFile>>(ExternalConnectorFile);

/** Keywords with which a connector's JSON Schema says what may be shown and what policy sees. */
export const connectorKeywords = ['x-display', 'x-policy'] as const;

/** A validator for the JSON Schemas of connectors: strict, and it changes nothing in what it checks. */
export function connectorAjv(): Ajv2020 {
  const ajv = new Ajv2020({
    strict: true,
    strictTypes: false,
    strictTuples: false,
    strictRequired: false,
    allErrors: false,
    validateSchema: true,
    unicodeRegExp: true,
    logger: false,
  });
  for (const keyword of connectorKeywords) ajv.addKeyword({ keyword, schemaType: 'boolean' });
  return addFormats(ajv);
}

/**
 * All connectors of this deployment: those that Countersign brings and those of the configured files, by name.
 * The same in api, worker and executor. Throws `config-invalid` that names the file.
 */
export function loadConnectors(
  config: Pick<LoadedConfig, 'externalConnectors' | 'resolve'>,
  builtin: readonly ConnectorDefinition[] = builtinConnectors,
): readonly ConnectorDefinition[] {
  const external = (config.externalConnectors ?? []).map((file) => readExternal(config.resolve(file)));
  const names = new Set<string>();
  for (const { name } of [...builtin, ...external]) {
    if (names.has(name)) throw new CountersignError('config-invalid', `Two connectors are named ${name}; rename the one in externalConnectors.`);
    names.add(name);
  }
  return [...builtin, ...external];
}

function readExternal(file: string): ConnectorDefinition {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    throw new CountersignError('config-invalid', `${file} cannot be read; externalConnectors names it.`);
  }
  // JSON is YAML, and the YAML reader knows lines and refuses names that stand twice.
  const { document, lines, data } = parseYaml(file, text);
  if (!validate(data)) throw new CountersignError('config-invalid', describe(file, document, lines, validate.errors?.at(-1)));
  const { parameters } = data;
  // Without this a parameter nobody thought of would reach the target unseen.
  if (parameters['type'] !== 'object' || parameters['additionalProperties'] !== false)
    throw new CountersignError('config-invalid', `${file}: "parameters" must have "type": "object" and "additionalProperties": false.`);
  try {
    connectorAjv().compile(parameters);
  } catch (error) {
    throw new CountersignError(
      'config-invalid',
      `${file}: "parameters" is not a strict JSON Schema: ${error instanceof Error ? error.message : 'unknown reason'}.`,
    );
  }
  return data;
}
