import { Type } from 'typebox';
import { defaultClasses, defaultEnvironments, type Catalog } from '../domain/catalog.js';
import { yamlReader } from './yaml-file.js';

const strict = { additionalProperties: false } as const;
const Word = Type.String({ pattern: '^[a-z][a-z0-9-]{0,62}$' });
const read = yamlReader(
  Type.Object(
    {
      classes: Type.Optional(Type.Array(Word, { minItems: 1, maxItems: 20, uniqueItems: true })),
      environments: Type.Optional(Type.Array(Word, { minItems: 1, maxItems: 20, uniqueItems: true })),
      resources: Type.Array(
        Type.Object(
          {
            match: Type.String({ minLength: 1, maxLength: 512 }),
            type: Type.Optional(Type.String({ pattern: '^[A-Za-z][A-Za-z0-9]{0,62}$' })),
            classification: Word,
            environment: Word,
            team: Type.Optional(Type.String({ minLength: 1, maxLength: 128 })),
            personal_data: Type.Optional(Type.Boolean()),
          },
          strict,
        ),
        { maxItems: 5_000 },
      ),
    },
    strict,
  ),
);

/** Reads `catalog.yaml`. Throws `config-invalid` with file and line. */
export function parseCatalog(file: string, text: string): Catalog {
  const { data, wrong } = read(file, text);
  const { classes = defaultClasses, environments = defaultEnvironments } = data;
  const entries = data.resources.map(({ match, type, classification, environment, team, personal_data: personal = false }, index) => {
    const known = (what: 'classification' | 'environment', word: string, words: readonly string[]) => {
      if (!words.includes(word)) throw wrong(['resources', index, what], `"${word}" is none of: ${words.join(', ')}.`);
    };
    known('classification', classification, classes);
    known('environment', environment, environments);
    return { match, classification, environment, personal, ...(type === undefined ? {} : { type }), ...(team === undefined ? {} : { team }) };
  });
  return { classes, environments, entries };
}
