import fc from 'fast-check';

/** Text that has hurt somebody before: markup, line ends, controls, half characters, names with a meaning, too much. */
export const nasty = fc.constantFrom(
  '',
  ' ',
  '<script>alert(1)</script>',
  '"\'`;--',
  '\r\nset-cookie: a=b',
  '\u0000',
  '\u202Eetad',
  '\u200B',
  '\uD800',
  '__proto__',
  'constructor',
  'toString',
  '../../etc/passwd',
  '%00%zz',
  '${7*7}',
  'x'.repeat(5_000),
  'é'.repeat(300),
);

/** Any JSON, with a preference for what is at an edge. */
export const anything: fc.Arbitrary<unknown> = fc.oneof(
  nasty,
  fc.constantFrom<unknown>(null, true, false, 0, -1, 0.5, 1e308, 2 ** 53, [], {}, [[]], [null], { length: 1 }),
  fc.jsonValue({ maxDepth: 3 }),
);

/** One change of a JSON value: where, by a number that is taken modulo the places there are, and what. */
export type Edit = { readonly at: number; readonly from: number; readonly kind: (typeof kinds)[number]; readonly value: unknown };
const kinds = ['drop', 'replace', 'nudge', 'graft', 'repeat', 'add'] as const;
export const edit: fc.Arbitrary<Edit> = fc.record({ at: fc.nat(9_999), from: fc.nat(9_999), kind: fc.constantFrom(...kinds), value: anything });
export const edits = fc.array(edit, { minLength: 1, maxLength: 3 });

type Place = { readonly holder: Record<string, unknown> | unknown[]; readonly key: string };

/** A changed copy of a JSON value. */
export function edited<T>(value: T, changes: readonly Edit[]): T {
  const copy = { root: structuredClone(value) };
  for (const change of changes) {
    const places = placesOf(copy, 0);
    const place = places[change.at % places.length];
    if (place !== undefined) apply(place, change, places[change.from % places.length]);
  }
  return copy.root;
}

function placesOf(value: unknown, depth: number): Place[] {
  if (typeof value !== 'object' || value === null || depth > 12) return [];
  const holder = value as Record<string, unknown>;
  return Object.keys(holder).flatMap((key) => [...(depth === 0 ? [] : [{ holder, key }]), ...placesOf(holder[key], depth + 1)]);
}

function apply({ holder, key }: Place, { kind, value: given }: Edit, other: Place | undefined): void {
  const value = structuredClone(given);
  const target = holder as Record<string, unknown>;
  const present = target[key];
  switch (kind) {
    case 'drop':
      if (Array.isArray(holder)) holder.splice(Number(key), 1);
      else delete target[key];
      return;
    case 'replace':
      target[key] = value;
      return;
    case 'nudge':
      target[key] = nudged(present);
      return;
    case 'graft':
      if (other !== undefined) target[key] = structuredClone((other.holder as Record<string, unknown>)[other.key]);
      return;
    case 'repeat':
      if (Array.isArray(holder)) holder.splice(Number(key), 0, structuredClone(present));
      else target[`${key}_`] = structuredClone(present);
      return;
    case 'add':
      if (typeof present === 'object' && present !== null && !Array.isArray(present)) (present as Record<string, unknown>)['extra'] = value;
      else if (Array.isArray(present)) present.push(value);
      else target[key] = [present, value];
  }
}

// The smallest changes are those that a comparison made too loosely lets through.
function nudged(value: unknown): unknown {
  switch (typeof value) {
    case 'string':
      return value === value.toUpperCase() ? `${value} ` : value.toUpperCase();
    case 'number':
      return value + 1;
    case 'boolean':
      return !value;
    default:
      return Array.isArray(value) ? [...(value as unknown[])].reverse() : value;
  }
}

const forgeries = ['flip', 'header', 'payload', 'algorithm', 'unsigned', 'swap', 'pad', 'cut', 'extra', 'text'] as const;
/** One way to forge a compact JWS without its key. */
export type Forgery = { readonly kind: (typeof forgeries)[number]; readonly at: number; readonly edits: readonly Edit[]; readonly text: string };
export const forgery: fc.Arbitrary<Forgery> = fc.record({ kind: fc.constantFrom(...forgeries), at: fc.nat(9_999), edits, text: nasty });

/** A forged JWS, made from a valid one and parts of another valid one. */
export function forged(jws: string, other: string, { kind, at, edits: changes, text }: Forgery): string {
  const parts = jws.split('.');
  const others = other.split('.');
  switch (kind) {
    case 'flip': {
      const place = at % jws.length;
      const now = jws.charAt(place);
      return `${jws.slice(0, place)}${now === 'A' ? 'B' : 'A'}${jws.slice(place + 1)}`;
    }
    case 'header':
      return [encode(edited(decode(parts[0]), changes)), parts[1], parts[2]].join('.');
    case 'payload':
      return [parts[0], encode(edited(decode(parts[1]), changes)), parts[2]].join('.');
    case 'algorithm': {
      const alg = ['none', 'None', 'HS256', 'RS256', 'ES256', 'EdDSA', 'Ed25519', '', 'ES256K'][at % 9];
      return [encode({ ...(decode(parts[0]) as object), alg }), parts[1], parts[2]].join('.');
    }
    case 'unsigned':
      return [parts[0], parts[1], ['', 'AA', 'A'.repeat(86), parts[0]][at % 4]].join('.');
    case 'swap':
      return parts.map((part, index) => ((at >> index) % 2 === 0 ? part : others[index])).join('.');
    case 'pad':
      return [`${jws}=`, ` ${jws}`, `${jws}\n`, jws.replace('.', '..'), jws.replaceAll('-', '+').replaceAll('_', '/')][at % 5] as string;
    case 'cut':
      return jws.slice(0, at % jws.length);
    case 'extra':
      return `${jws}.${others[at % 3]}`;
    case 'text':
      return text;
  }
}

/** What a JWS says: two that differ in unused bits of their last character only, or in padding, say the same. */
export function meaning(jws: unknown): string {
  if (typeof jws !== 'string') return JSON.stringify(jws) ?? 'undefined';
  const [header = '', payload = '', signature = '', ...rest] = jws.split('.');
  return JSON.stringify([header, payload, Buffer.from(signature, 'base64url').toString('hex'), rest]);
}

export function decode(part: string | undefined): unknown {
  return JSON.parse(Buffer.from(part ?? '', 'base64url').toString('utf8')) as unknown;
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value) ?? 'undefined').toString('base64url');
}
