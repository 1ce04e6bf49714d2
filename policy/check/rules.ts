import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import type { ActionRequest } from '../../domain/request.js';
import type { PolicyBundle } from '../bundle.js';
import { cedarRequest, type PolicyFacts } from '../context.js';
import { attributePath, bare, conjuncts, disjuncts, pathsIn, policyWhen, scopeTexts, textOf, type Expr } from './expression.js';
import { withEffect, type SourcePolicy } from './source.js';

/** One rule, whether it matched this request, and if not, what was in the way. */
export type RuleExplanation = {
  readonly id: string;
  readonly effect: 'permit' | 'forbid';
  readonly review?: string;
  readonly file: string;
  readonly line: number;
  readonly result: 'matched' | 'other-scope' | 'condition-false' | 'excepted' | 'failed';
  /** The part of the rule that decided that it does not match; alternatives of which none holds are one each. */
  readonly part?: readonly string[];
  /** What the request has there. */
  readonly found?: string;
};

type Question = ReturnType<typeof cedarRequest>;
type Answers = { readonly true: ReadonlySet<string>; readonly failed: ReadonlyMap<string, string> };

const maxValue = 120;

/** Holds every rule by itself against the request, part by part, with the engine that decides. */
export function explainRules(policies: readonly SourcePolicy[], bundle: PolicyBundle, request: ActionRequest, facts: PolicyFacts): readonly RuleExplanation[] {
  const question = cedarRequest(bundle, request, facts);
  const parts: Record<string, cedar.Policy> = {};
  for (const [index, { json, text }] of policies.entries()) {
    const free = { ...policyWhen({ Value: true }), conditions: [] };
    // As it was written: numbers of 64 bits do not survive JSON. What matched is told of permits alone.
    parts[`${index}`] = withEffect(text, 'permit');
    parts[`${index}:principal`] = { ...free, principal: json.principal };
    parts[`${index}:action`] = { ...free, action: json.action };
    parts[`${index}:resource`] = { ...free, resource: json.resource };
    for (const [at, { kind, body }] of json.conditions.entries())
      for (const [piece, expr] of pieces(kind, body).entries()) if (isExact(expr)) parts[`${index}:${at}:${piece}`] = policyWhen(expr);
  }
  const answers = ask(parts, bundle.preparsed.schema, question);
  return policies.map((policy, index) => explain(policy, index, answers, question));
}

function pieces(kind: cedar.Clause['kind'], body: Expr): readonly Expr[] {
  return kind === 'when' ? conjuncts(body) : disjuncts(body);
}

/** False where reading the policy as JSON has changed a number. */
function isExact(expr: Expr): boolean {
  return !/\d{16}/.test(JSON.stringify(expr));
}

function ask(policies: Record<string, cedar.Policy>, schemaName: string, question: Question): Answers {
  const name = 'explained-parts';
  const parsed = cedar.preparsePolicySet(name, { staticPolicies: policies });
  if (parsed.type === 'failure') throw new Error(parsed.errors[0]?.message ?? 'the parts of the rules could not be parsed');
  const answer = cedar.statefulIsAuthorized({ ...question, preparsedPolicySetId: name, preparsedSchemaName: schemaName, validateRequest: false });
  if (answer.type === 'failure') throw new Error(answer.errors[0]?.message ?? 'the parts of the rules could not be evaluated');
  const { reason, errors } = answer.response.diagnostics;
  return { true: new Set(reason), failed: new Map(errors.map(({ policyId, error }) => [policyId, error.message])) };
}

function explain(policy: SourcePolicy, index: number, answers: Answers, question: Question): RuleExplanation {
  const { id, effect, review, file, line, json } = policy;
  const base = { id, effect, ...(review === undefined ? {} : { review }), file, line };
  if (answers.true.has(`${index}`)) return { ...base, result: 'matched' };
  const scope = scopeTexts(json);
  const asked = { principal: uid(bare(question.principal)), action: uid(bare(question.action)), resource: uid(bare(question.resource)) };
  for (const part of ['action', 'resource', 'principal'] as const)
    if (!answers.true.has(`${index}:${part}`)) return { ...base, result: 'other-scope', part: [scope[part]], found: `${part} is ${asked[part]}` };
  for (const [at, { kind, body }] of json.conditions.entries()) {
    for (const [piece, expr] of isExact(body) ? pieces(kind, body).entries() : []) {
      const key = `${index}:${at}:${piece}`;
      const error = answers.failed.get(key);
      if (error !== undefined) return { ...base, result: 'failed', part: [textOf(expr)], found: reasonOf(error) };
      const holds = answers.true.has(key);
      if (holds === (kind === 'when')) continue;
      const found = valuesOf(expr, question);
      return {
        ...base,
        result: kind === 'when' ? 'condition-false' : 'excepted',
        part: (kind === 'when' ? disjuncts(expr) : [expr]).map(textOf),
        ...(found === '' ? {} : { found }),
      };
    }
  }
  const error = answers.failed.get(`${index}`);
  return {
    ...base,
    result: error === undefined ? 'condition-false' : 'failed',
    part: ['its conditions'],
    ...(error === undefined ? {} : { found: reasonOf(error) }),
  };
}

function reasonOf(error: string): string {
  return error.replace(/^.*?: /, '');
}

/** What the request has at each attribute that the expression reads. */
function valuesOf(expr: Expr, question: Question): string {
  const paths = [...pathsIn(expr)].filter((path) => path.includes('.'));
  // Of context.parameters.limit and context.parameters only the longer one says something.
  const leaves = paths.filter((path) => !paths.some((other) => other.startsWith(`${path}.`)));
  const own = attributePath(expr);
  return [...new Set(own === undefined ? leaves : [own, ...leaves])]
    .slice(0, 3)
    .map((path) => `${path} is ${valueAt(path, question)}`)
    .join('; ');
}

function valueAt(path: string, question: Question): string {
  const [variable = '', ...attributes] = path.split('.');
  let value: unknown = variable === 'context' ? question.context : (question as unknown as Record<string, unknown>)[variable];
  for (const attribute of attributes) {
    const holder = entityOf(value, question)?.attrs ?? value;
    if (typeof holder !== 'object' || holder === null || !Object.hasOwn(holder, attribute)) return 'absent';
    value = (holder as Record<string, unknown>)[attribute];
  }
  const reference = (value as { readonly __entity?: { readonly type: string; readonly id: string } } | null)?.__entity;
  const text = reference === undefined ? JSON.stringify(value) : `${uid(reference)}${parentsOf(value, question)}`;
  return text.length > maxValue ? `${text.slice(0, maxValue - 1)}…` : text;
}

function entityOf(value: unknown, { entities }: Question): cedar.EntityJson | undefined {
  const { type, id } = ((value as { readonly __entity?: object } | null)?.__entity ?? value ?? {}) as { readonly type?: unknown; readonly id?: unknown };
  return (entities as readonly cedar.EntityJson[]).find((entity) => {
    const own = bare(entity.uid);
    return own.type === type && own.id === id;
  });
}

function parentsOf(value: unknown, question: Question): string {
  const parents = entityOf(value, question)?.parents ?? [];
  return parents.length === 0 ? '' : ` in ${parents.map((parent) => uid(bare(parent))).join(', ')}`;
}

function uid({ type, id }: { readonly type: string; readonly id: string }): string {
  return `${type}::${JSON.stringify(id)}`;
}
