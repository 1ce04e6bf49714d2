import type * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import { attributePath, conjuncts, disjuncts, literal, sides, textOf, type Expr } from './expression.js';

/** What the context holds whoever asks: numbers within bounds, texts of a few. */
const bounds: Readonly<Record<string, readonly [number, number]>> = {
  'context.hour': [0, 23],
  'context.weekday': [1, 7],
  'context.risk': [0, 100],
};
const values: Readonly<Record<string, readonly string[]>> = { 'context.environment': ['development', 'production'] };

const mirrored: Readonly<Record<string, Operator>> = { '==': '==', '!=': '!=', '<': '>', '<=': '>=', '>': '<', '>=': '<=' };
const opposite: Readonly<Record<Operator, Operator>> = { '==': '!=', '!=': '==', '<': '>=', '<=': '>', '>': '<=', '>=': '<' };
type Operator = '==' | '!=' | '<' | '<=' | '>' | '>=';
type Comparison = { readonly path: string; readonly operator: Operator; readonly value: number | string };

/** True when the conditions hold for every request, as far as that is plain to see. */
export function alwaysHolds(conditions: readonly cedar.Clause[]): boolean {
  return conditions.every(({ kind, body }) => fold(body) === (kind === 'when'));
}

/** Why the conditions hold for no request, with a piece of the text that shows where; undefined when they may. Sound, and not complete. */
export function neverHolds(conditions: readonly cedar.Clause[]): { readonly text: string; readonly at: string } | undefined {
  for (const { kind, body } of conditions) {
    if (fold(body) !== (kind === 'unless')) continue;
    const culprit = kind === 'when' ? conjuncts(body).find((part) => fold(part) === false) : disjuncts(body).find((part) => fold(part) === true);
    const comparison = culprit === undefined ? undefined : comparisonOf(culprit);
    return { text: `"${textOf(culprit ?? body)}" is always ${String(kind === 'unless')}${domainOf(comparison)}`, at: comparison?.path ?? kind };
  }
  const demanded = conditions.flatMap(({ kind, body }) =>
    kind === 'when' ? conjuncts(body).flatMap((part) => comparisonOf(part) ?? []) : disjuncts(body).flatMap((part) => negated(comparisonOf(part))),
  );
  for (const path of new Set(demanded.map((comparison) => comparison.path))) {
    const about = demanded.filter((comparison) => comparison.path === path);
    if (contradictory(about)) return { text: `its conditions on ${path} exclude each other`, at: path };
  }
  return undefined;
}

function negated(comparison: Comparison | undefined): readonly Comparison[] {
  return comparison === undefined ? [] : [{ ...comparison, operator: opposite[comparison.operator] }];
}

/** The value of an expression where it is the same for every request. */
function fold(expr: Expr): boolean | undefined {
  const value = literal(expr);
  if (typeof value === 'boolean') return value;
  const not = (expr as { readonly '!'?: { readonly arg: Expr } })['!'];
  if (not !== undefined) {
    const inner = fold(not.arg);
    return inner === undefined ? undefined : !inner;
  }
  const and = conjuncts(expr);
  if (and.length > 1) return decide(and.map(fold), false);
  const or = disjuncts(expr);
  if (or.length > 1) return decide(or.map(fold), true);
  return foldComparison(expr);
}

/** One operand that has the value `settles` decides the chain; else all must be known. */
function decide(operands: readonly (boolean | undefined)[], settles: boolean): boolean | undefined {
  if (operands.includes(settles)) return settles;
  return operands.includes(undefined) ? undefined : !settles;
}

function foldComparison(expr: Expr): boolean | undefined {
  for (const operator of Object.keys(opposite) as Operator[]) {
    const found = sides(expr, operator);
    if (found === undefined) continue;
    const [left, right] = [literal(found.left), literal(found.right)];
    if (left !== undefined && right !== undefined) return typeof left === typeof right ? compare(left, operator, right) : undefined;
  }
  const comparison = comparisonOf(expr);
  if (comparison === undefined) return undefined;
  if (contradictory([comparison])) return false;
  return contradictory(negated(comparison)) ? true : undefined;
}

function compare(left: boolean | number | string, operator: Operator, right: boolean | number | string): boolean {
  switch (operator) {
    case '==':
      return left === right;
    case '!=':
      return left !== right;
    case '<':
      return left < right;
    case '<=':
      return left <= right;
    case '>':
      return left > right;
    case '>=':
      return left >= right;
  }
}

/** A comparison of an attribute with a literal, the attribute on the left. */
function comparisonOf(expr: Expr): Comparison | undefined {
  for (const operator of Object.keys(opposite) as Operator[]) {
    const found = sides(expr, operator);
    if (found === undefined) continue;
    for (const [at, other, as] of [
      [found.left, found.right, operator],
      [found.right, found.left, mirrored[operator] ?? operator],
    ] as const) {
      const [path, value] = [attributePath(at), literal(other)];
      if (path !== undefined && (typeof value === 'number' || typeof value === 'string')) return { path, operator: as, value };
    }
  }
  return undefined;
}

/** True when no value satisfies all of these comparisons of one path. */
function contradictory(comparisons: readonly Comparison[]): boolean {
  const [first] = comparisons;
  if (first === undefined) return false;
  const holds = (candidate: number | string) =>
    comparisons.every(({ operator, value }) => typeof value === typeof candidate && compare(candidate, operator, value));
  const domain = values[first.path];
  if (domain !== undefined) return !domain.some(holds);
  if (typeof first.value === 'string') {
    const equal = comparisons.find(({ operator }) => operator === '==');
    return equal !== undefined && !holds(equal.value);
  }
  const [least, most] = bounds[first.path] ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  let [low, high] = [least, most];
  for (const { operator, value } of comparisons) {
    if (typeof value !== 'number') return false;
    if (operator === '==' || operator === '>=') low = Math.max(low, value);
    if (operator === '==' || operator === '<=') high = Math.min(high, value);
    if (operator === '>') low = Math.max(low, value + 1);
    if (operator === '<') high = Math.min(high, value - 1);
  }
  if (low > high) return true;
  // A few whole numbers are left: those that must not be may be all of them.
  return high - low <= 1_000 && !Array.from({ length: high - low + 1 }, (_, index) => low + index).some(holds);
}

function domainOf(comparison: Comparison | undefined): string {
  if (comparison === undefined) return '';
  const range = bounds[comparison.path];
  if (range !== undefined) return `; ${comparison.path} is from ${range[0]} to ${range[1]}`;
  const known = values[comparison.path];
  return known === undefined ? '' : `; ${comparison.path} is ${known.map((value) => `"${value}"`).join(' or ')}`;
}
