import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { Command } from 'commander';
import { describe, parseYaml } from '../config/load.js';
import { CountersignError } from '../domain/errors.js';
import { compilePolicies, readPolicyFiles } from '../policy/bundle.js';
import { spanText, type StageExplanation, type Standing } from '../policy/check/approvers.js';
import { explainRequest, type Explanation } from '../policy/check/explain.js';
import { Proposal, toRequest } from '../policy/check/proposal.js';
import type { RuleExplanation } from '../policy/check/rules.js';
import { openDeployment, requirePeople, withDeployment, type DeploymentOptions } from './policy-deployment.js';
import { columns } from './table.js';

const validate = new Ajv2020({ strict: true }).compile<Proposal>(Proposal);
const maxOthers = 20;

/** `countersign policy explain`: why one request gets the verdict it gets. */
export function explainCommand(): Command {
  return withDeployment(new Command('explain').description('Say why a request is allowed, denied or asked about, and who can approve it'))
    .argument('<action.json>', 'the body of POST /v1/actions, with "requester" beside it')
    .option('--requester <id>', 'agent or person of the directory who asks, if the file does not say')
    .option('--as-of <time>', 'the moment for which it is judged, as 2026-04-01T10:00:00Z; now if absent', moment)
    .option('--json', 'as JSON')
    .action(explain);
}

async function explain(file: string, options: DeploymentOptions & { readonly requester?: string; readonly asOf?: Date }): Promise<void> {
  const deployment = openDeployment(options);
  const { directory, file: people } = requirePeople(deployment);
  const { connectors, timeZone, environment, policies } = deployment;
  const now = options.asOf ?? new Date();
  const { request, objection } = await toRequest(readProposal(file), options.requester, { directory, connectors }, now);
  const files = readPolicyFiles(policies);
  const bundle = compilePolicies(files, policies);
  const explanation = await explainRequest({ bundle: () => bundle, directory, connectors, timeZone, environment }, files, policies, people, request, now);
  const warning = objection === undefined ? {} : { objection };
  if (options.json === true) process.stdout.write(`${JSON.stringify({ ...explanation, ...warning }, null, 2)}\n`);
  else
    process.stdout.write(
      `${[...(objection === undefined ? [] : [`The api would refuse this request: ${objection}.`, '']), ...render(explanation, environment, timeZone)].join('\n')}\n`,
    );
}

/** A time of the command line. Throws `config-invalid`. */
export function moment(text: string): Date {
  const at = /^\d{4}-\d\d-\d\d/.test(text) ? new Date(text) : new Date(Number.NaN);
  if (Number.isNaN(at.getTime())) throw new CountersignError('config-invalid', `"${text}" is no time; write it as 2026-04-01T10:00:00Z.`);
  return at;
}

function readProposal(file: string): Proposal {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    throw new CountersignError('config-invalid', `${file} cannot be read.`);
  }
  const { document, lines, data } = parseYaml(file, text);
  if (!validate(data)) throw new CountersignError('config-invalid', describe(file, document, lines, validate.errors?.at(-1)));
  return data;
}

function render({ asked, asOf, local, plan, rules, stages, misfit }: Explanation, environment: string, timeZone: string): readonly string[] {
  const behalf = asked.onBehalfOf === undefined ? '' : `, on behalf of ${asked.onBehalfOf}`;
  const { score, signals } = plan.risk;
  return [
    `${asked.requester} asks for ${asked.action} on ${asked.resource}${behalf}`,
    `as of ${asOf} (${local} in ${timeZone}), environment ${environment}`,
    '',
    ...verdict(plan),
    ...(misfit === undefined ? [] : [`  ${misfit}`]),
    '',
    `Risk: ${score}${signals.length === 0 ? ', no signal' : ''}`,
    ...columns(signals.map(({ name, points, detail }) => [`  ${name}`, `+${points}`, detail])),
    '',
    ...(rules.length === 0 ? ['No rule was asked.'] : ['Rules:', ...rules.flatMap(renderRule)]),
    ...stages.flatMap((stage, index) => ['', ...renderStage(stage, index)]),
  ];
}

function verdict(plan: Explanation['plan']): readonly string[] {
  const by = plan.policies.length === 0 ? [] : [`  by ${plan.policies.join(', ')}`];
  switch (plan.outcome) {
    case 'allow':
      return ['Verdict: allowed without asking anybody', ...by];
    case 'review':
      return ['Verdict: people are asked', ...by];
    case 'deny':
      return [`Verdict: denied (${plan.denial?.code ?? 'denied-by-policy'})`, `  ${plan.denial?.detail ?? ''}`, ...by];
  }
}

const marks = { matched: '✓', 'other-scope': '·', 'condition-false': '✗', excepted: '✗', failed: '!' } as const;
const labels = { 'other-scope': 'is for', 'condition-false': 'false', excepted: 'excepted, since', failed: 'failed' } as const;

function renderRule({ id, effect, review, file, line, result, part = [], found }: RuleExplanation): readonly string[] {
  const does = review === undefined ? effect : `${effect}, asks ${review}`;
  const head = `  ${marks[result]} ${id} (${does}) ${file}:${line}`;
  if (result === 'matched') return [head];
  const why = part.length === 1 ? [`      ${labels[result]}: ${part[0]}`] : [`      ${labels[result]}, each of:`, ...part.map((each) => `        ${each}`)];
  return [head, ...why, ...(found === undefined ? [] : [`      ${found}`])];
}

function renderStage(stage: StageExplanation, index: number): readonly string[] {
  const { name, route, quorum, assurance, expiresInMs, can, cannot } = stage;
  const others = cannot.length > maxOthers ? cannot.filter(({ why }) => !why.startsWith('is not in ')) : cannot;
  const rest = cannot.length - others.length;
  const rows = (label: string, standings: readonly Standing[]) =>
    standings.map(({ id, name: called, why }, at) => [`  ${at === 0 ? label : ''}`, id, called, why]);
  return [
    `Stage ${index + 1}: ${name} (route ${route}): ${quorum} of these, assurance ${assurance}${assurance === 'chat' ? ' (the word of the api alone)' : ''}, within ${spanText(expiresInMs)}`,
    ...columns([...rows('can', can), ...rows('cannot', others)]),
    ...(rest > 0 ? [`          ${rest} others are in none of its groups`] : []),
  ];
}
