import { Ajv2020 } from 'ajv/dist/2020.js';
import type { ValidateFunction } from 'ajv';
import { Type, type Static, type TSchema } from 'typebox';

const ajv = new Ajv2020({ strict: true });

/** A check of one kind of answer. Members that nobody asked for are let pass, as providers add some without notice. */
export function answer<S extends TSchema>(schema: S): ValidateFunction<Static<S>> {
  return ajv.compile<Static<S>>(schema);
}

/** A text that may be absent or null. */
export const MaybeText = Type.Optional(Type.Union([Type.String({ maxLength: 4_096 }), Type.Null()]));
/** An id in whatever form; it is held against ours later. */
export const SomeId = Type.String({ minLength: 1, maxLength: 512 });

/** A member of an object that came from outside, if it is a text or a number. */
export function textAt(value: unknown, name: string): string | undefined {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  const found = (value as Readonly<Record<string, unknown>>)[name];
  if (typeof found === 'number') return String(found);
  return typeof found === 'string' && found !== '' ? found : undefined;
}

/** A query string in which spaces are `%20`, since not every provider takes `+`. */
export function query(parameters: Readonly<Record<string, string | number>>): string {
  return `?${Object.entries(parameters)
    .map(([name, value]) => `${encodeURIComponent(name).replaceAll('%24', '$')}=${encodeURIComponent(value)}`)
    .join('&')}`;
}
