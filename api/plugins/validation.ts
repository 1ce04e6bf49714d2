import { Ajv2020, type Options } from 'ajv/dist/2020.js';
import addFormatsModule from 'ajv-formats';
import type { FastifyInstance, FastifySchemaCompiler } from 'fastify';

const addFormats = addFormatsModule as unknown as (ajv: Ajv2020) => Ajv2020;
const options = { strict: true, allErrors: false, useDefaults: true, removeAdditional: false, unicodeRegExp: true } as const satisfies Options;

/**
 * Validates requests strictly: nothing unknown is dropped in silence and no body value is converted. Only the
 * query, which is text by nature, is read as the numbers and lists that its schema says.
 */
export function registerValidation(app: FastifyInstance): void {
  const exact = addFormats(new Ajv2020({ ...options, strictTypes: false, coerceTypes: false }));
  const text = addFormats(new Ajv2020({ ...options, strictTypes: false, coerceTypes: 'array' }));
  const compile: FastifySchemaCompiler<object> = ({ schema, httpPart }) => (httpPart === 'body' ? exact : text).compile(schema);
  app.setValidatorCompiler(compile);
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
}
