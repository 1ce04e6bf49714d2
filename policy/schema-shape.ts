import * as cedar from '@cedar-policy/cedar-wasm/nodejs';

/** Which attributes a schema declares: by action for the context, by type for entities. */
export type SchemaShape = { readonly contexts: ReadonlyMap<string, Attributes>; readonly entities: ReadonlyMap<string, Attributes> };

/** Names of attributes, with those of records inside. */
export type Attributes = ReadonlyMap<string, Attributes | undefined>;

type Json = { readonly type?: string; readonly name?: string; readonly attributes?: Readonly<Record<string, Json>> };
type Namespace = {
  readonly commonTypes?: Readonly<Record<string, Json>>;
  readonly entityTypes: Readonly<Record<string, { readonly shape?: Json }>>;
  readonly actions: Readonly<Record<string, { readonly appliesTo?: { readonly context?: Json } | null }>>;
};

const none: Attributes = new Map();

/**
 * What a schema that parses declares. The engine refuses a request with an attribute that its schema does not have, so a folder whose schema is
 * older than an attribute is asked without it.
 */
export function schemaShape(text: string): SchemaShape {
  const answer = cedar.schemaToJson(text);
  const namespace = (answer.type === 'success' ? answer.json[''] : undefined) as Namespace | undefined;
  if (namespace === undefined) return { contexts: new Map(), entities: new Map() };
  const common = namespace.commonTypes ?? {};
  return {
    contexts: new Map(Object.entries(namespace.actions).map(([name, { appliesTo }]) => [name, attributes(appliesTo?.context, common) ?? none])),
    entities: new Map(Object.entries(namespace.entityTypes).map(([name, { shape }]) => [name, attributes(shape, common) ?? none])),
  };
}

function attributes(json: Json | undefined, common: Readonly<Record<string, Json>>, depth = 0): Attributes | undefined {
  if (json === undefined || depth > 16) return undefined;
  if (json.attributes !== undefined) return new Map(Object.entries(json.attributes).map(([name, inner]) => [name, attributes(inner, common, depth + 1)]));
  const named = json.name ?? json.type ?? '';
  return Object.hasOwn(common, named) ? attributes(common[named], common, depth + 1) : undefined;
}

/** The members of a record that are declared. */
export function declared(record: Readonly<Record<string, unknown>>, known: Attributes = none): Record<string, cedar.CedarValueJson> {
  const kept: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(record)) {
    if (!known.has(name) || value === undefined) continue;
    kept[name] = value;
  }
  return kept as Record<string, cedar.CedarValueJson>;
}
