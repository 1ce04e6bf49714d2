import { Ajv2020 } from 'ajv/dist/2020.js';
import type { Static, TSchema } from 'typebox';
import { describe, lineOf, parseYaml } from '../config/load.js';
import { CountersignError } from '../domain/errors.js';

/** One YAML file of a policy folder that fits its schema, with a way to complain about a place in it. */
export type YamlFile<T> = { readonly data: T; readonly wrong: (keys: readonly (string | number)[], detail: string) => CountersignError };

/** A reader of files of this shape; it throws `config-invalid` with file and line. */
export function yamlReader<T extends TSchema>(schema: T): (file: string, text: string) => YamlFile<Static<T>> {
  const validate = new Ajv2020({ strict: true, allowUnionTypes: true }).compile<Static<T>>(schema);
  return (file, text) => {
    const { document, lines, data } = parseYaml(file, text);
    if (!validate(data)) throw new CountersignError('config-invalid', describe(file, document, lines, validate.errors?.at(-1)));
    return {
      data,
      wrong: (keys, detail) => new CountersignError('config-invalid', `${file}:${lineOf(document, lines, keys.map(String))}: ${detail}`),
    };
  };
}
