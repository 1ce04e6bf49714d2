import type { PolicyJson } from '@cedar-policy/cedar-wasm/nodejs';
import type { FreezeWindow } from '../domain/calendar.js';
import { defaultClasses, type Catalog } from '../domain/catalog.js';
import { signalPoints } from '../domain/risk/rules.js';

/** What a folder gives names to. */
export type KnownNames = { readonly catalog: Catalog | undefined; readonly windows: readonly FreezeWindow[] };

const comparisons = ['==', '!=', 'contains', 'containsAll', 'containsAny', 'in'];

/**
 * The first word that a policy compares with signals, freeze windows, classes or environments of resources and that nothing is called by. The engine
 * takes it for a text like any other, and the policy would never match.
 */
export function unknownWord(policy: PolicyJson, { catalog, windows }: KnownNames): string | undefined {
  const known: Readonly<Record<string, readonly string[] | undefined>> = {
    'context.signals': Object.keys(signalPoints),
    'context.frozen': windows.map(({ name }) => name),
    'resource.classification': catalog?.classes ?? defaultClasses,
    'resource.environment': catalog?.environments,
  };
  for (const [place, text] of compared(policy.conditions)) {
    const words = known[place];
    if (words !== undefined && !words.includes(text))
      return `compares ${place} with "${text}", which is none of: ${words.length === 0 ? '(none is defined)' : words.join(', ')}.`;
  }
  return undefined;
}

/** Attributes and the texts that they are compared with, throughout an expression. */
function* compared(node: unknown): Generator<readonly [string, string]> {
  if (typeof node !== 'object' || node === null) return;
  for (const [key, value] of Object.entries(node)) {
    const { left, right } = (typeof value === 'object' && value !== null ? value : {}) as { readonly left?: unknown; readonly right?: unknown };
    if (comparisons.includes(key))
      for (const [attribute, other] of [
        [left, right],
        [right, left],
      ] as const) {
        const place = placeOf(attribute);
        if (place !== undefined) for (const text of textsOf(other)) yield [place, text];
      }
    yield* compared(value);
  }
}

function placeOf(node: unknown): string | undefined {
  const dot = (node as { readonly '.'?: { readonly left?: { readonly Var?: string }; readonly attr?: string } } | undefined)?.['.'];
  return dot?.left?.Var === undefined || dot.attr === undefined ? undefined : `${dot.left.Var}.${dot.attr}`;
}

function textsOf(node: unknown): readonly string[] {
  const { Value: value, Set: set } = (node ?? {}) as { readonly Value?: unknown; readonly Set?: readonly unknown[] };
  if (typeof value === 'string') return [value];
  return Array.isArray(set) ? set.flatMap(textsOf) : [];
}
