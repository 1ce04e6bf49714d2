import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Ajv } from 'ajv';

const draft06 = createRequire(import.meta.url)('ajv/dist/refs/json-schema-draft-06.json') as object;
const file = new URL('../../testdata/teams/adaptive-card-1.5.schema.json', import.meta.url);
// Ajv knows the draft-06 keyword `id` by its later name only; nothing in the schema refers to it.
const { id: _id, ...schema } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
const ajv = new Ajv({ strict: false, validateFormats: false });
ajv.addMetaSchema(draft06);
const validate = ajv.compile(schema);

/** What Microsoft's schema of Adaptive Cards 1.5 has against a card; empty when it is valid. */
export function schemaErrors(card: unknown): string[] {
  return validate(card) ? [] : (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message ?? ''} ${JSON.stringify(error.params)}`);
}
