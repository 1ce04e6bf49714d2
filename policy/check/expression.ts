import * as cedar from '@cedar-policy/cedar-wasm/nodejs';

export type Expr = cedar.Expr;

/** An entity that a policy names. */
export type NamedEntity = { readonly type: string; readonly id: string };

/** The operands of a chain of `&&`, left to right. */
export function conjuncts(expr: Expr): readonly Expr[] {
  return '&&' in expr ? [...conjuncts((expr['&&'] as Binary).left), ...conjuncts((expr['&&'] as Binary).right)] : [expr];
}

/** The operands of a chain of `||`, left to right. */
export function disjuncts(expr: Expr): readonly Expr[] {
  return '||' in expr ? [...disjuncts((expr['||'] as Binary).left), ...disjuncts((expr['||'] as Binary).right)] : [expr];
}

export type Binary = { readonly left: Expr; readonly right: Expr };

/** The two sides if the expression is this operator applied to them. */
export function sides(expr: Expr, operator: string): Binary | undefined {
  const found = (expr as Record<string, unknown>)[operator];
  return isObject(found) && 'left' in found && 'right' in found ? (found as unknown as Binary) : undefined;
}

/** A literal boolean, number or text; undefined for anything else. */
export function literal(expr: Expr): boolean | number | string | undefined {
  const value = (expr as { readonly Value?: unknown }).Value;
  if (typeof value === 'boolean' || typeof value === 'number' || typeof value === 'string') return value;
  const negated = (expr as { readonly neg?: { readonly arg: Expr } }).neg;
  const inner = negated === undefined ? undefined : literal(negated.arg);
  return typeof inner === 'number' ? -inner : undefined;
}

/** `context.parameters.limit` as `context.parameters.limit`; undefined for what is no path of attributes. */
export function attributePath(expr: Expr): string | undefined {
  const variable = (expr as { readonly Var?: string }).Var;
  if (variable !== undefined) return variable;
  const access = (expr as Record<string, unknown>)['.'];
  if (!isObject(access)) return undefined;
  const left = attributePath(access['left'] as Expr);
  return left === undefined ? undefined : `${left}.${String(access['attr'])}`;
}

/** Every attribute path that an expression reads or asks for with `has`, at any depth. */
export function pathsIn(node: unknown, found = new Set<string>()): ReadonlySet<string> {
  if (Array.isArray(node)) for (const item of node) pathsIn(item, found);
  if (!isObject(node)) return found;
  const path = attributePath(node as unknown as Expr);
  if (path !== undefined) found.add(path);
  const has = node['has'];
  if (isObject(has)) {
    const left = attributePath(has['left'] as Expr);
    // An extended `has a.b` may come as a list of names.
    const attr = Array.isArray(has['attr']) ? has['attr'].join('.') : String(has['attr']);
    if (left !== undefined) found.add(`${left}.${attr}`);
  }
  for (const value of Object.values(node)) pathsIn(value, found);
  return found;
}

/** Every entity that a policy names in its head or its conditions. */
export function entitiesIn(node: unknown, found: NamedEntity[] = []): readonly NamedEntity[] {
  if (Array.isArray(node)) for (const item of node) entitiesIn(item, found);
  if (!isObject(node)) return found;
  const { type, id } = node;
  if (typeof type === 'string' && typeof id === 'string' && Object.keys(node).length === 2) found.push({ type, id });
  for (const value of Object.values(node)) entitiesIn(value, found);
  return found;
}

/** A policy with this one condition and no scope. */
export function policyWhen(body: Expr): cedar.PolicyJson {
  return { effect: 'permit', principal: { op: 'All' }, action: { op: 'All' }, resource: { op: 'All' }, conditions: [{ kind: 'when', body }] };
}

/** An expression as text, in the engine's own words. */
export function textOf(expr: Expr): string {
  const answer = cedar.policyToText(policyWhen(expr));
  if (answer.type === 'failure') return JSON.stringify(expr);
  return /when \{ ([^]*) \};$/.exec(answer.text)?.[1] ?? answer.text;
}

/** The head of a policy as text: `principal is Agent`, `action == Action::"x"`, `resource`. */
export function scopeTexts(json: cedar.PolicyJson): { readonly principal: string; readonly action: string; readonly resource: string } {
  const only = (scope: Partial<cedar.PolicyJson>): string => {
    const answer = cedar.policyToText({ ...policyWhen({ Value: true }), conditions: [], ...scope });
    return answer.type === 'failure' ? '' : answer.text.slice('permit('.length, answer.text.lastIndexOf(')'));
  };
  return {
    principal: only({ principal: json.principal }).replace(/, action, resource$/, ''),
    action: only({ action: json.action })
      .replace(/^principal, /, '')
      .replace(/, resource$/, ''),
    resource: only({ resource: json.resource }).replace(/^principal, action, /, ''),
  };
}

/** An entity without the wrapping that JSON may give it. */
export function bare(entity: cedar.EntityUidJson): NamedEntity {
  return '__entity' in entity ? entity.__entity : entity;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
