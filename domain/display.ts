import type { ConnectorDefinition } from './connector.js';
import { isJsonObject, type Json, type JsonObject } from './json.js';
import type { DisplayField } from './view.js';

const maxValueLength = 4_000;
const maxNameLength = 120;
const maxFields = 200;
const maxItems = 40;

/**
 * What people may see of the parameters. A member is shown in clear only where the connector's schema marks it
 * `"x-display": true`, lists of plain values included; of every other one, and of members the schema does not know, only name and shape are shown.
 * Bounded in number and length, with a visible mark where something did not fit.
 * @param mask parameters that policy wants hidden whatever the schema says: `columns`, or `filter.column` for a member of one
 */
export function displayFields(
  definition: Pick<ConnectorDefinition, 'parameters'>,
  parameters: JsonObject,
  mask: readonly string[] = [],
): readonly DisplayField[] {
  const fields: DisplayField[] = [];
  walk(parameters, definition.parameters, { path: '', label: '' }, fields, mask);
  if (fields.length <= maxFields) return fields;
  const left = fields.length - maxFields;
  return [...fields.slice(0, maxFields), { path: '', label: 'More parameters', value: `${left} more that are not shown here`, masked: true, truncated: true }];
}

/** A row that people read as one: a parameter, or the parts of one. */
export type FieldRow = { readonly title: string; readonly parts: readonly DisplayField[] };

/** Neighbours of one group as one row. */
export function fieldRows(fields: readonly DisplayField[]): readonly FieldRow[] {
  const rows: { readonly title: string; readonly group: string | undefined; readonly parts: DisplayField[] }[] = [];
  for (const field of fields) {
    const last = rows.at(-1);
    if (field.group !== undefined && last?.group === field.group) last.parts.push(field);
    else rows.push({ title: field.group ?? field.label, group: field.group, parts: [field] });
  }
  return rows;
}

type Place = { readonly path: string; readonly group?: string; readonly label: string };

function walk(value: Json, schema: Json | undefined, place: Place, fields: DisplayField[], mask: readonly string[]): void {
  const { path } = place;
  // What this is called as a whole, which is the group of its members.
  const name = place.group === undefined ? place.label : `${place.group} › ${place.label}`;
  if (isJsonObject(value)) {
    const entries = inSchemaOrder(value, schema);
    if (entries.length === 0 && path !== '') add(fields, { ...place, value: 'empty', masked: false, truncated: false });
    for (const [key, member] of entries) {
      // A mark on an object says nothing of its members: each is shown for its own mark only.
      const below = memberSchema(schema, key);
      const at = { path: path === '' ? key : `${path}.${key}`, label: titleOf(below, key) };
      walk(member, below, name === '' ? at : { ...at, group: name }, fields, mask);
    }
    return;
  }
  const items = isJsonObject(schema) ? schema['items'] : undefined;
  if (Array.isArray(value) && isJsonObject(items) && isJsonObject(items['properties'])) {
    for (const [index, item] of value.entries()) {
      if (index >= maxItems) {
        add(fields, { ...place, path: `${path}[…]`, value: `${value.length - maxItems} more entries`, masked: true, truncated: true });
        return;
      }
      const label = value.length === 1 ? place.label : `${place.label} ${index + 1}`;
      walk(item as Json, items, { ...place, path: `${path}[${index}]`, label }, fields, mask);
    }
    return;
  }
  const shown = isJsonObject(schema) && schema['x-display'] === true && !isMasked(path, mask);
  const text = shown ? textOf(value) : undefined;
  if (text === undefined) {
    add(fields, { ...place, value: shapeOf(value), masked: true, truncated: false });
    return;
  }
  add(fields, { ...place, value: clip(text, maxValueLength), masked: false, truncated: text.length > maxValueLength });
}

// Named with all that is in it, whatever place in a list it has.
function isMasked(path: string, mask: readonly string[]): boolean {
  const plain = path.replaceAll(/\[\d+\]/g, '');
  return mask.some((one) => plain === one || plain.startsWith(`${one}.`));
}

// The order in which a requester wrote members must not decide what people get to see first.
function inSchemaOrder(value: JsonObject, schema: Json | undefined): readonly (readonly [string, Json])[] {
  const known = isJsonObject(schema) && isJsonObject(schema['properties']) ? Object.keys(schema['properties']) : [];
  const place = (key: string) => (known.includes(key) ? known.indexOf(key) : known.length);
  // Long lists of objects come last, so that they push nothing out of sight.
  const long = (member: Json) => Number(Array.isArray(member) && member.some((item) => isJsonObject(item)));
  return Object.entries(value).sort(([a, first], [b, second]) => long(first) - long(second) || place(a) - place(b));
}

// Names of members the schema does not know are the requester's words too.
function add(fields: DisplayField[], field: DisplayField): void {
  const { path, group, label } = field;
  fields.push({
    ...field,
    path: clip(path, maxNameLength),
    ...(group === undefined ? {} : { group: clip(group, maxNameLength) }),
    label: clip(label, maxNameLength),
  });
}

/** The first `max` UTF-16 units with a visible mark where something was cut, never half of a surrogate pair. */
function clip(text: string, max: number): string {
  if (text.length <= max) return text;
  const splits = /[\uD800-\uDBFF]/.test(text.charAt(max - 1));
  return `${text.slice(0, splits ? max - 1 : max)}…`;
}

function memberSchema(schema: Json | undefined, key: string): Json | undefined {
  if (!isJsonObject(schema)) return undefined;
  const { properties, additionalProperties } = schema;
  if (isJsonObject(properties) && Object.hasOwn(properties, key)) return properties[key];
  return isJsonObject(additionalProperties) ? additionalProperties : undefined;
}

function titleOf(schema: Json | undefined, fallback: string): string {
  return isJsonObject(schema) && typeof schema['title'] === 'string' ? schema['title'] : fallback;
}

/** A marked value as text; undefined for one that has members of its own, for which the mark does not speak. */
function textOf(value: Json): string | undefined {
  if (typeof value === 'string') return value;
  if (!Array.isArray(value)) return isJsonObject(value) ? undefined : JSON.stringify(value);
  if (value.some((item) => typeof item === 'object' && item !== null)) return undefined;
  // One item with a comma in it must not read like two.
  const plain = value.every((item) => typeof item === 'number' || (typeof item === 'string' && /^[^\s,"](?:[^,"]*[^\s,"])?$/.test(item)));
  return plain && value.length > 0 ? value.join(', ') : JSON.stringify(value);
}

/** The shape of a hidden value: enough to notice something odd, too little to learn it. */
export function shapeOf(value: Json): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return `list of ${value.length}`;
  switch (typeof value) {
    case 'string':
      return `text of ${value.length} characters`;
    case 'number':
      return 'number';
    case 'boolean':
      return 'yes or no';
    default:
      return `object of ${Object.keys(value).length} members`;
  }
}

/**
 * The parameters that reach policy: top-level members that the schema marks `"x-policy": true`, and, as a list under
 * `<member>_<inner>`, the inner members so marked of a list of objects.
 */
export function policyParameters(definition: ConnectorDefinition, parameters: JsonObject): JsonObject {
  const properties = definition.parameters['properties'];
  if (!isJsonObject(properties)) return {};
  const seen: Record<string, Json> = {};
  for (const [key, value] of Object.entries(parameters)) {
    const schema = Object.hasOwn(properties, key) ? properties[key] : undefined;
    if (!isJsonObject(schema)) continue;
    if (schema['x-policy'] === true) seen[key] = value;
    const inner = isJsonObject(schema['items']) && isJsonObject(schema['items']['properties']) ? schema['items']['properties'] : {};
    for (const [name, member] of Object.entries(inner)) {
      if (!isJsonObject(member) || member['x-policy'] !== true || !Array.isArray(value)) continue;
      seen[`${key}_${name}`] = (value as readonly Json[]).flatMap((item) => (isJsonObject(item) && item[name] !== undefined ? [item[name]] : []));
    }
  }
  return seen;
}

type PolicyMember = { readonly name: string; readonly key: string; readonly inner?: string };

/** The names under which a connector can hand parameters to policy. */
export function policyParameterNames(definition: Pick<ConnectorDefinition, 'parameters'>): readonly string[] {
  return policyMembers(definition).map(({ name }) => name);
}

/** Most characters of parameters that are kept with an action. */
const maxKept = 16_384;

/**
 * Of the parameters that reach policy those that stand in clear among these rows, which is what people were shown, and the
 * names of the others. What is hidden from people, did not fit or is too much is withheld.
 */
export function shownPolicyParameters(
  definition: ConnectorDefinition,
  parameters: JsonObject,
  fields: readonly DisplayField[],
): { readonly shown: JsonObject; readonly withheld: readonly string[] } {
  const values = policyParameters(definition, parameters);
  const clear = new Set(fields.flatMap(({ path, masked, truncated }) => (masked || truncated ? [] : [path])));
  const isShown = ({ key, inner }: PolicyMember) => {
    const value = parameters[key];
    if (inner === undefined) return clear.has(key) && !isJsonObject(value);
    return Array.isArray(value) && value.every((item, index) => !isJsonObject(item) || item[inner] === undefined || clear.has(`${key}[${index}].${inner}`));
  };
  const present = policyMembers(definition).filter(({ name }) => Object.hasOwn(values, name));
  const shown = Object.fromEntries(present.filter(isShown).map(({ name }) => [name, values[name] ?? null]));
  const kept = JSON.stringify(shown).length <= maxKept ? shown : {};
  return { shown: kept, withheld: present.map(({ name }) => name).filter((name) => !Object.hasOwn(kept, name)) };
}

function policyMembers(definition: Pick<ConnectorDefinition, 'parameters'>): readonly PolicyMember[] {
  const { properties } = definition.parameters;
  const marked = (within: Json | undefined): readonly string[] =>
    Object.entries(isJsonObject(within) ? within : {}).flatMap(([name, schema]) => (isJsonObject(schema) && schema['x-policy'] === true ? [name] : []));
  const inner = Object.entries(isJsonObject(properties) ? properties : {}).flatMap(([key, schema]) =>
    isJsonObject(schema) && isJsonObject(schema['items'])
      ? marked(schema['items']['properties']).map((name) => ({ name: `${key}_${name}`, key, inner: name }))
      : [],
  );
  return [...marked(properties).map((name) => ({ name, key: name })), ...inner];
}
