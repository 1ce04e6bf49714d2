import { Type } from 'typebox';
import { defaultRules, signalPoints, type RiskRules } from '../domain/risk/rules.js';
import { yamlReader } from './yaml-file.js';

const strict = { additionalProperties: false } as const;
const days = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'] as const;
const Name = Type.String({ minLength: 1, maxLength: 64 });
const Hour = (maximum: number) => Type.Integer({ minimum: 0, maximum });
const Points = Type.Optional(Type.Integer({ minimum: 0, maximum: 100 }));
const read = yamlReader(
  Type.Object(
    {
      weights: Type.Optional(Type.Object(Object.fromEntries(Object.keys(signalPoints).map((name) => [name, Points])), strict)),
      working_hours: Type.Optional(
        Type.Object(
          { days: Type.Array(Type.Union(days.map((day) => Type.Literal(day))), { minItems: 1, uniqueItems: true }), from: Hour(23), to: Hour(24) },
          strict,
        ),
      ),
      organisation: Type.Optional(Type.Array(Type.String({ pattern: '^[a-z0-9-]+([.][a-z0-9-]+)+$' }), { maxItems: 200 })),
      irreversible: Type.Optional(Type.Array(Type.String({ pattern: '^[A-Za-z0-9.*-]{1,128}$' }), { maxItems: 200 })),
      sizes: Type.Optional(
        Type.Record(
          Type.String({ minLength: 1, maxLength: 128 }),
          Type.Object(
            { parameter: Name, many: Type.Optional(Type.Integer({ minimum: 1 })), narrowed_by: Type.Optional(Type.Array(Name, { maxItems: 20 })) },
            strict,
          ),
        ),
      ),
      unusual_factor: Type.Optional(Type.Number({ minimum: 1, maximum: 1000 })),
    },
    strict,
  ),
);

/** Reads `risk.yaml`. What it leaves out stays as it comes. Throws `config-invalid` with file and line. */
export function parseRiskRules(file: string, text: string): RiskRules {
  const { data, wrong } = read(file, text);
  const { working_hours: hours, sizes = {} } = data;
  if (hours !== undefined && hours.from >= hours.to) throw wrong(['working_hours', 'to'], 'working hours end before they begin.');
  return {
    weights: data.weights ?? {},
    workingHours: hours === undefined ? defaultRules.workingHours : { days: hours.days.map((day) => days.indexOf(day) + 1), from: hours.from, to: hours.to },
    organisation: data.organisation ?? defaultRules.organisation,
    irreversible: [...defaultRules.irreversible, ...(data.irreversible ?? [])],
    sizes: {
      ...defaultRules.sizes,
      ...Object.fromEntries(
        Object.entries(sizes).map(([action, { parameter, many = Number.MAX_SAFE_INTEGER, narrowed_by: narrowedBy = [] }]) => [
          action,
          { parameter, many, narrowedBy },
        ]),
      ),
    },
    unusualFactor: data.unusual_factor ?? defaultRules.unusualFactor,
  };
}
