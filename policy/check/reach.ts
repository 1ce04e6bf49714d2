import type * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import type { ConnectorDefinition } from '../../domain/connector.js';
import { policyParameterNames } from '../../domain/display.js';
import { isJsonObject, type Json } from '../../domain/json.js';
import { neverHolds, alwaysHolds } from './constant.js';
import { bare, pathsIn, type NamedEntity } from './expression.js';
import type { Finding } from './finding.js';
import { lineOfText, type SourcePolicy } from './source.js';

type Constraint = cedar.PrincipalConstraint | cedar.ResourceConstraint;

/** Rules that no request can match, and permits that a forbid without condition always overrides. */
export function unreachable(policies: readonly SourcePolicy[]): readonly Finding[] {
  const findings: Finding[] = [];
  const absolute = policies.filter(({ effect, json }) => effect === 'forbid' && alwaysHolds(json.conditions));
  for (const policy of policies) {
    const { id, file } = policy;
    const why = neverHolds(policy.json.conditions);
    if (why !== undefined) {
      const line = lineOfText(policy, why.at);
      findings.push({ severity: 'error', code: 'unreachable-rule', file, line, message: `policy "${id}" can never match: ${why.text}.` });
    }
    const cover = policy.effect === 'permit' ? absolute.find((forbid) => coversScope(forbid.json, policy.json)) : undefined;
    if (cover !== undefined)
      findings.push({
        severity: 'error',
        code: 'unreachable-rule',
        file,
        line: policy.line,
        message: `policy "${id}" can never permit: "${cover.id}" (${cover.file}:${cover.line}) forbids all that it could match, without condition.`,
      });
  }
  return findings;
}

/** Rules that speak of actions, types of resources or parameters that none of these connectors offers. */
export function unoffered(policies: readonly SourcePolicy[], connectors: ReadonlyMap<string, ConnectorDefinition>): readonly Finding[] {
  return policies.flatMap((policy) => {
    const { id, file, json } = policy;
    const named = actionsOf(json.action);
    const gone = (named ?? []).filter((action) => !connectors.has(action));
    const warn = (code: 'unoffered-action' | 'unseen-parameter', text: string, at: string): Finding => ({
      severity: 'warning',
      code,
      file,
      line: lineOfText(policy, at),
      message: `policy "${id}" ${text}.`,
    });
    const findings = gone.map((action) => warn('unoffered-action', `speaks of the action "${action}", which no connector offers`, `"${action}"`));
    const offered = (named ?? [...connectors.keys()]).flatMap((action) => connectors.get(action) ?? []);
    if (offered.length === 0) return findings;
    const type = typeOf(json.resource);
    if (type !== undefined && !offered.some(({ resourceTypes }) => resourceTypes.includes(type)))
      findings.push(warn('unoffered-action', `speaks of a ${type}, on which ${listed(offered.map(({ name }) => name))} cannot be performed`, type));
    for (const parameter of parametersOf(json.conditions))
      if (!offered.some((definition) => policyParameterNames(definition).includes(parameter)))
        findings.push(
          warn(
            'unseen-parameter',
            `reads context.parameters.${parameter}, which ${listed(offered.map(({ name }) => name))} does not hand to policy`,
            parameter,
          ),
        );
    return findings;
  });
}

/** Masks that name a parameter which none of the connectors that the policy is for has: such a mask hides nothing. */
export function unknownMasks(policies: readonly SourcePolicy[], connectors: ReadonlyMap<string, ConnectorDefinition>): readonly Finding[] {
  return policies.flatMap(({ mask, ...policy }) => {
    if (mask === undefined) return [];
    const meant = (actionsOf(policy.json.action) ?? [...connectors.keys()]).flatMap((action) => connectors.get(action) ?? []);
    const names = mask.split(',').map((name) => name.trim());
    const gone = meant.length === 0 ? [] : names.filter((name) => !meant.some(({ parameters }) => hasParameter(parameters, name.split('.'))));
    return gone.map((name): Finding => {
      const message = `policy "${policy.id}" masks "${name}", which is no parameter of ${listed(meant.map((one) => one.name))}; nothing is hidden by it.`;
      return { severity: 'error', code: 'unknown-mask', file: policy.file, line: lineOfText(policy, '@mask'), message };
    });
  });
}

/** True if the schema may have this member; of an open object any may be there. */
function hasParameter(schema: Json | undefined, [name, ...rest]: readonly string[]): boolean {
  if (name === undefined) return true;
  if (!isJsonObject(schema)) return false;
  const { properties, additionalProperties, items } = schema;
  if (isJsonObject(items)) return hasParameter(items, [name, ...rest]);
  if (isJsonObject(properties) && Object.hasOwn(properties, name)) return hasParameter(properties[name], rest);
  if (isJsonObject(additionalProperties)) return hasParameter(additionalProperties, rest);
  return properties === undefined && additionalProperties !== false && schema['type'] === 'object';
}

/** Ids of the actions that a head names; undefined if it is for all. */
export function actionsOf(action: cedar.ActionConstraint): readonly string[] | undefined {
  if (action.op === 'All') return undefined;
  if ('entities' in action) return action.entities.map((entity) => bare(entity).id);
  return 'entity' in action ? [bare(action.entity).id] : [];
}

/** The one type that a head is limited to, if it is. */
export function typeOf(constraint: Constraint): string | undefined {
  if (constraint.op === 'is') return constraint.entity_type;
  return constraint.op === '==' && 'entity' in constraint ? bare(constraint.entity).type : undefined;
}

function parametersOf(conditions: unknown): readonly string[] {
  const prefix = 'context.parameters.';
  return [...new Set([...pathsIn(conditions)].filter((path) => path.startsWith(prefix)).map((path) => path.slice(prefix.length).split('.', 1)[0] ?? ''))];
}

function coversScope(wide: cedar.PolicyJson, narrow: cedar.PolicyJson): boolean {
  return covers(wide.principal, narrow.principal) && coversActions(wide.action, narrow.action) && covers(wide.resource, narrow.resource);
}

/** True when everything that `narrow` matches is sure to match `wide`. */
function covers(wide: Constraint, narrow: Constraint): boolean {
  if (wide.op === 'All' || JSON.stringify(wide) === JSON.stringify(narrow)) return true;
  if (wide.op === 'is' && wide.in === undefined) return typeOf(narrow) === wide.entity_type;
  if (wide.op !== 'in' || !('entity' in wide)) return false;
  const within = narrow.op === 'is' ? narrow.in : narrow.op === 'All' ? undefined : narrow;
  return within !== undefined && 'entity' in within && same(bare(within.entity), bare(wide.entity));
}

function coversActions(wide: cedar.ActionConstraint, narrow: cedar.ActionConstraint): boolean {
  const [all, some] = [actionsOf(wide), actionsOf(narrow)];
  return all === undefined || (some !== undefined && some.every((action) => all.includes(action)));
}

function same(a: NamedEntity, b: NamedEntity): boolean {
  return a.type === b.type && a.id === b.id;
}

function listed(names: readonly string[]): string {
  return names.length > 3 ? `${names.slice(0, 3).join(', ')} and ${names.length - 3} more` : names.join(', ');
}
