import path from 'node:path';
import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { Type, type Static } from 'typebox';
import { describe, parseYaml } from '../../config/load.js';
import { CountersignError } from '../../domain/errors.js';
import type { PlanStage } from '../../domain/plan.js';
import type { PolicyBundle } from '../bundle.js';
import { withEffect, type SourcePolicy } from './source.js';

const strict = { additionalProperties: false } as const;
const PropertiesFile = Type.Object(
  {
    properties: Type.Array(
      Type.Object(
        {
          name: Type.String({ minLength: 1, maxLength: 200 }),
          /** Of which actions it speaks; of all when absent. */
          actions: Type.Optional(Type.Array(Type.String({ pattern: '^[a-z][a-z0-9.-]{0,127}$' }), { minItems: 1, maxItems: 100 })),
          /** A Cedar condition: of which requests it speaks; of all when absent. */
          when: Type.Optional(Type.String({ minLength: 1, maxLength: 4_000 })),
          /** At least so many people are asked before it happens. */
          people: Type.Optional(Type.Integer({ minimum: 1, maximum: 20 })),
          /** It never happens, whoever approves. */
          never: Type.Optional(Type.Literal(true)),
        },
        strict,
      ),
      { minItems: 1, maxItems: 200 },
    ),
  },
  strict,
);
const validate = new Ajv2020({ strict: true }).compile<Static<typeof PropertiesFile>>(PropertiesFile);

/** What policy is to be proven of: requests for which, by this policy set, nothing may be allowed. */
export type Question = {
  readonly property: string;
  readonly principal: string;
  readonly action: string;
  readonly resource: string;
  readonly schema: string;
  readonly policies: string;
};

/**
 * The questions whose answers prove the properties of `proofs.yaml`, one for each kind of request. Cedar knows no review, so every permit
 * that asks enough people stands in the question as a forbid: what is then still allowed would happen with fewer. A rule that
 * fails is passed over here and denies in earnest, so that what is proven holds all the more. Throws `config-invalid` with file and line.
 */
export function questionsOf(file: string, text: string, schema: string, bundle: PolicyBundle, policies: readonly SourcePolicy[]): readonly Question[] {
  const { document, lines, data } = parseYaml(file, text);
  if (!validate(data)) throw new CountersignError('config-invalid', describe(file, document, lines, validate.errors?.at(-1)));
  const kinds = requestKinds(schema);
  return data.properties.flatMap(({ name, actions, when, people, never }, index) => {
    const node = document.getIn(['properties', index], true) as { readonly range?: readonly [number, number, number] } | undefined;
    const invalid = (what: string) =>
      new CountersignError('config-invalid', `${file}:${lines.linePos(node?.range?.[0] ?? 0).line}: the property "${name}" ${what}`);
    if ((people === undefined) === (never === undefined)) throw invalid('needs either "people" or "never: true".');
    const unknown = actions?.find((action) => !kinds.some((kind) => kind.action === action));
    if (unknown !== undefined) throw invalid(`speaks of the action "${unknown}", which the schema does not have.`);
    const head = actions === undefined ? 'action' : `action in [${actions.map((action) => `Action::"${action}"`).join(', ')}]`;
    // Only what the property speaks of is left to be allowed.
    const rest = when === undefined ? '' : `forbid (principal, ${head}, resource) unless { ${when} };`;
    const problem = rest === '' ? undefined : whyInvalid(rest, schema);
    if (problem !== undefined) throw invalid(`has a "when" that is no condition here: ${problem}`);
    const set = `${policies.map((policy) => withEffect(policy.text, effectFor(policy, bundle, people))).join('\n')}\n${rest}\n`;
    return kinds.filter((kind) => actions === undefined || actions.includes(kind.action)).map((kind) => ({ property: name, ...kind, schema, policies: set }));
  });
}

/** A permit through which fewer than `people` are asked stays one. */
function effectFor({ effect, review }: SourcePolicy, bundle: PolicyBundle, people: number | undefined): 'permit' | 'forbid' {
  if (effect === 'forbid' || people === undefined) return effect;
  const asked = review === undefined ? 0 : peopleOf(bundle.routes.get(review) ?? []);
  return asked >= people ? 'forbid' : 'permit';
}

function peopleOf(stages: readonly PlanStage[]): number {
  return stages.reduce((sum, { quorum }) => sum + quorum, 0);
}

type Kind = Pick<Question, 'principal' | 'action' | 'resource'>;

function requestKinds(schema: string): readonly Kind[] {
  const answer = cedar.schemaToJsonWithResolvedTypes(schema);
  if (answer.type === 'failure') throw new CountersignError('config-invalid', `schema.cedarschema: ${answer.errors[0]?.message ?? 'it cannot be read'}`);
  const spaces = answer.json as unknown as Record<
    string,
    { readonly actions: Record<string, { readonly appliesTo?: { readonly principalTypes: string[]; readonly resourceTypes: string[] } }> }
  >;
  return Object.values(spaces).flatMap(({ actions }) =>
    Object.entries(actions).flatMap(([action, { appliesTo }]) =>
      (appliesTo?.principalTypes ?? []).flatMap((principal) => (appliesTo?.resourceTypes ?? []).map((resource) => ({ principal, action, resource }))),
    ),
  );
}

function whyInvalid(policy: string, schema: string): string | undefined {
  const answer = cedar.validate({ schema, policies: { staticPolicies: { when: policy } }, validationSettings: { mode: 'strict' } });
  if (answer.type === 'failure') return answer.errors[0]?.message ?? 'it cannot be read';
  return answer.validationErrors[0]?.error.message.replace('for policy `when`, ', '');
}

const approvalSchema = `entity Group;
entity Person in [Group];
entity Agent in [Group] { owner: Person };
entity AskedByAgent { route: String, requester: Agent, via: Set<Person>, onBehalfOf?: Person };
entity AskedByPerson { route: String, requester: Person, via: Set<Person>, onBehalfOf?: Person };
action "approve" appliesTo { principal: [Person, Agent], resource: [AskedByAgent, AskedByPerson], context: {} };
`;

/** The rule by which the code excludes people, as a model: whoever a route names may approve, unless they are involved. */
const separation = `forbid (principal is Agent, action, resource);
forbid (principal is Person, action, resource is AskedByAgent) when { principal == resource.requester.owner };
forbid (principal is Person, action, resource is AskedByPerson) when { principal == resource.requester };
forbid (principal is Person, action, resource) when { resource has onBehalfOf && principal == resource.onBehalfOf };
forbid (principal is Person, action, resource) when { resource.via.contains(principal) };
`;

/**
 * That nobody approves what they asked for, and that no agent approves, for the approvers of all routes. It is proven of a model of
 * the rule that `domain/separation.ts` enforces, with agents that may even be members of groups; the code itself is held to the rule by tests.
 * @param rule for tests, what stands in for the rule
 */
export function separationQuestions(bundle: PolicyBundle, rule = separation): readonly Question[] {
  const permits = [...bundle.routes].flatMap(([route, stages]) =>
    stages
      .flatMap((stage) =>
        [stage.approvers, ...stage.escalations.map(({ approvers }) => approvers)].flatMap(({ groups, people }) => [
          ...groups.map((id) => `principal in Group::${JSON.stringify(id)}`),
          ...people.map((id) => `principal is Person && principal == Person::${JSON.stringify(id)}`),
        ]),
      )
      .map((who) => `permit (principal, action, resource) when { resource.route == ${JSON.stringify(route)} && ${who} };`),
  );
  const base = `${permits.join('\n')}\n${rule}`;
  const ask = (property: string, principal: string, resource: string, involved: string): Question => ({
    property,
    principal,
    action: 'approve',
    resource,
    schema: approvalSchema,
    policies: `${base}forbid (principal, action, resource is ${resource}) unless { ${involved} };\n`,
  });
  const others = '(resource has onBehalfOf && principal == resource.onBehalfOf) || resource.via.contains(principal)';
  return [
    ask('no requester approves their own action (modelled)', 'Person', 'AskedByAgent', `principal == resource.requester.owner || ${others}`),
    ask('no requester approves their own action (modelled)', 'Person', 'AskedByPerson', `principal == resource.requester || ${others}`),
    ...['AskedByAgent', 'AskedByPerson'].map((resource) => ask('no agent decides (modelled)', 'Agent', resource, 'true')),
  ];
}

/** Where the properties of a policy folder stand. */
export function propertiesFile(folder: string): string {
  return path.join(folder, 'proofs.yaml');
}
