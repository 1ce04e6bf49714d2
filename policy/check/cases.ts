import { Ajv2020 } from 'ajv/dist/2020.js';
import { Type, type Static } from 'typebox';
import type { LineCounter } from 'yaml';
import { describe, parseYaml } from '../../config/load.js';
import { CountersignError } from '../../domain/errors.js';
import type { JsonObject } from '../../domain/json.js';
import type { Plan } from '../../domain/plan.js';
import { assurances } from '../../domain/principal.js';
import { approversAt } from '../../domain/separation.js';
import { makePlan, type PlanDeps } from '../plan.js';
import { Proposal, toRequest } from './proposal.js';

const strict = { additionalProperties: false } as const;
const Words = Type.Array(Type.String(), { maxItems: 500 });
const Time = Type.String({ pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d(:\\d\\d(\\.\\d+)?)?(Z|[+-]\\d\\d:\\d\\d)$' });
const Environment = Type.Union([Type.Literal('development'), Type.Literal('production')]);
const Request = Type.Partial(Proposal);

const ExpectedStage = Type.Object(
  {
    name: Type.Optional(Type.String()),
    route: Type.Optional(Type.String()),
    quorum: Type.Optional(Type.Integer()),
    assurance: Type.Optional(Type.Union(assurances.map((name) => Type.Literal(name)))),
    /** Ids of those who may approve at first, and of those whom escalations add. */
    approvers: Type.Optional(Words),
    escalated: Type.Optional(Words),
  },
  strict,
);

const Expected = Type.Object(
  {
    outcome: Type.Optional(Type.Union([Type.Literal('allow'), Type.Literal('review'), Type.Literal('deny')])),
    denial: Type.Optional(Type.String()),
    policies: Type.Optional(Words),
    stages: Type.Optional(Type.Array(ExpectedStage, { maxItems: 50 })),
    signals: Type.Optional(Words),
  },
  { ...strict, minProperties: 1 },
);
type Expected = Static<typeof Expected>;

/** A file of cases: requests, and what policy is expected to say of them. */
const CasesFile = Type.Object(
  {
    defaults: Type.Optional(Type.Object({ now: Type.Optional(Time), environment: Type.Optional(Environment), request: Type.Optional(Request) }, strict)),
    cases: Type.Array(
      Type.Object(
        {
          name: Type.String({ minLength: 1, maxLength: 200 }),
          now: Type.Optional(Time),
          environment: Type.Optional(Environment),
          request: Type.Optional(Request),
          expect: Expected,
        },
        strict,
      ),
      { minItems: 1, maxItems: 2_000 },
    ),
  },
  strict,
);

const validate = new Ajv2020({ strict: true, strictRequired: false }).compile<Static<typeof CasesFile>>(CasesFile);
const validateRequest = new Ajv2020({ strict: true }).compile<Proposal>(Proposal);

/** One case, with where it stands. */
export type PolicyCase = {
  readonly file: string;
  readonly line: number;
  readonly name: string;
  readonly now: Date;
  readonly environment?: string;
  readonly request: Proposal;
  readonly expect: Expected;
};

/** What was expected and what came, for one member of the expectation. */
export type Difference = { readonly member: string; readonly expected: JsonObject[string]; readonly got: JsonObject[string] };

/** How a case went. `matched` are the policies that decided it. */
export type CaseResult = {
  readonly of: PolicyCase;
  readonly differences: readonly Difference[];
  readonly matched: readonly string[];
  readonly detail?: string;
};

/** Reads a file of cases. Throws `config-invalid` with file and line. */
export function parseCases(file: string, text: string): readonly PolicyCase[] {
  const { document, lines, data } = parseYaml(file, text);
  if (!validate(data)) throw new CountersignError('config-invalid', describe(file, document, lines, validate.errors?.at(-1)));
  const { defaults, cases } = data;
  return cases.map((entry, index) => {
    const line = lineOfCase(document.getIn(['cases', index], true), lines);
    const invalid = (what: string) => new CountersignError('config-invalid', `${file}:${line}: the case "${entry.name}" ${what}`);
    const request = { ...defaults?.request, ...entry.request };
    if (!validateRequest(request)) throw invalid(`has no whole request: ${validateRequest.errors?.at(-1)?.message ?? 'it is not valid'}.`);
    const now = entry.now ?? defaults?.now;
    if (now === undefined) throw invalid('has no time; write "now" into it or into the defaults.');
    const environment = entry.environment ?? defaults?.environment;
    return { file, line, name: entry.name, now: new Date(now), request, expect: entry.expect, ...(environment === undefined ? {} : { environment }) };
  });
}

function lineOfCase(node: unknown, lines: LineCounter): number {
  return lines.linePos((node as { readonly range?: readonly [number, number, number] } | undefined)?.range?.[0] ?? 0).line;
}

/** Judges the request of a case as the worker would, and compares. Only what the case speaks of is compared. */
export async function runCase(deps: PlanDeps, of: PolicyCase): Promise<CaseResult> {
  const { request, objection } = await toRequest(of.request, undefined, deps, of.now).catch((error: unknown) => {
    throw error instanceof CountersignError ? new CountersignError(error.code, `${of.file}:${of.line}: the case "${of.name}": ${error.detail}`) : error;
  });
  const { plan } = await makePlan({ ...deps, environment: of.environment ?? deps.environment }, request, of.now);
  const got = await outcomeOf(deps, plan, of.expect);
  const differences = (Object.keys(of.expect) as (keyof Expected)[]).flatMap((member): readonly Difference[] => {
    const expected = normal(of.expect[member]);
    return JSON.stringify(expected) === JSON.stringify(got[member]) ? [] : [{ member, expected, got: got[member] ?? null }];
  });
  const detail = objection === undefined ? plan.denial?.detail : `The api would refuse this request: ${objection}.`;
  return { of, differences, matched: plan.policies, ...(detail === undefined ? {} : { detail }) };
}

async function outcomeOf(deps: PlanDeps, plan: Plan, expect: Expected): Promise<Readonly<Record<string, JsonObject[string]>>> {
  const stages = await Promise.all(
    plan.stages.map(async (stage, index) => {
      const ids = async (level: number) =>
        (await deps.directory.members(approversAt(stage, level), 500)).map(({ id }) => id).filter((id) => !plan.excluded.includes(id));
      const approvers = (await ids(0)).sort();
      const escalated = (await ids(stage.escalations.length)).filter((id) => !approvers.includes(id)).sort();
      const whole = { name: stage.name, route: stage.route, quorum: stage.quorum, assurance: stage.assurance, approvers, escalated };
      // A stage that no case speaks of is told by its name.
      const spoken = Object.keys(expect.stages?.[index] ?? { name: '', route: '' });
      return Object.fromEntries(Object.entries(whole).filter(([key]) => spoken.includes(key)));
    }),
  );
  return {
    outcome: plan.outcome,
    denial: plan.denial?.code ?? null,
    policies: [...plan.policies].sort(),
    stages,
    signals: plan.risk.signals.map(({ name }) => name).sort(),
  };
}

/** Lists of words in one order, and members of a stage in that of {@link outcomeOf}. */
function normal(value: unknown): JsonObject[string] {
  if (Array.isArray(value)) return value.every((item) => typeof item === 'string') ? [...value].sort() : value.map(normal);
  if (typeof value !== 'object' || value === null) return value as JsonObject[string];
  const order = ['name', 'route', 'quorum', 'assurance', 'approvers', 'escalated'];
  return Object.fromEntries(order.flatMap((key) => (Object.hasOwn(value, key) ? [[key, normal((value as Record<string, unknown>)[key])]] : [])));
}
