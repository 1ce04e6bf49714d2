import { Ajv2020 } from 'ajv/dist/2020.js';
import { Command, InvalidArgumentError } from 'commander';
import { readOpened, type OpenedEntry } from '../activities/adapters/evidence/opened-sqlite.js';
import { CountersignError } from '../domain/errors.js';
import { isPlan } from '../domain/shapes.js';
import { compilePolicies, readPolicyFiles } from '../policy/bundle.js';
import { replay, type RecordedRequest, type Replayed } from '../policy/check/simulate.js';
import { readSource } from '../policy/check/source.js';
import { openDeployment, requirePeople, withDeployment, type DeploymentOptions } from './policy-deployment.js';
import { moment } from './policy-explain.js';
import { columns } from './table.js';

type SimulateOptions = DeploymentOptions & {
  readonly since: Date;
  readonly evidence?: string;
  readonly failOnWeaker?: boolean;
  readonly failOnChange?: boolean;
  readonly failOnUnjudged?: boolean;
};

const unitMs = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const maxEntries = 100_000;
const text = { type: 'string' } as const;
const isOpened = new Ajv2020({ strict: true, strictRequired: false, strictTypes: false }).compile({
  type: 'object',
  required: ['action', 'resource', 'requester', 'result'],
  properties: {
    action: text,
    resource: { type: 'object', required: ['type', 'id'], properties: { type: text, id: text } },
    requester: { type: 'object', required: ['kind', 'id'], properties: { kind: { enum: ['agent', 'person'] }, id: text } },
    judged: {
      type: 'object',
      required: ['parameters', 'withheld', 'requestedAt'],
      properties: { parameters: { type: 'object' }, withheld: { type: 'array', items: text }, requestedAt: text },
    },
    result: { type: 'object', required: ['plan'], properties: { plan: { type: 'object' } } },
  },
});

/** `countersign policy simulate`: what a changed policy would have said of what was asked before. */
export function simulateCommand(): Command {
  return withDeployment(
    new Command('simulate').description('Ask a changed policy about the requests in the evidence log, and list every verdict that would be another'),
  )
    .requiredOption('--since <time>', 'how far back: 12h, 7d, or a time such as 2026-04-01T00:00:00Z', since)
    .option('--evidence <file>', 'evidence log; that of the configuration if absent')
    .option('--fail-on-weaker', 'exit with 1 when a verdict would be weaker, or neither weaker nor stricter')
    .option('--fail-on-change', 'exit with 1 when any verdict would be another')
    .option('--fail-on-unjudged', 'exit with 1 when something could not be judged')
    .option('--json', 'as JSON')
    .action(simulate);
}

async function simulate(options: SimulateOptions): Promise<void> {
  const deployment = openDeployment(options);
  const { directory } = requirePeople(deployment);
  const { policies, connectors, timeZone, environment, config } = deployment;
  const evidence = options.evidence ?? config?.resolve(config.evidence.file);
  if (evidence === undefined) throw new CountersignError('config-invalid', 'No evidence log was named; use --evidence or --config.');
  const files = readPolicyFiles(policies);
  const bundle = compilePolicies(files, policies);
  const source = readSource(files, policies).policies;
  const replayed: Replayed[] = [];
  for (const entry of readOpened(evidence, options.since, maxEntries)) {
    const recorded = recordedIn(entry);
    replayed.push('change' in recorded ? recorded : await replay({ bundle: () => bundle, directory, connectors, timeZone, environment }, source, recorded));
  }
  const changes = replayed.filter(({ change }) => change !== 'none' && change !== 'unjudged');
  const unjudged = replayed.filter(({ change }) => change === 'unjudged');
  const count = (change: Replayed['change']) => replayed.filter((one) => one.change === change).length;
  const summary = {
    policyDigest: bundle.digest,
    since: options.since.toISOString(),
    requests: replayed.length,
    unchanged: count('none'),
    weaker: count('weaker'),
    stricter: count('stricter'),
    different: count('different'),
    unjudged: unjudged.length,
  };
  process.stdout.write(options.json === true ? `${JSON.stringify({ ...summary, changes, notJudged: unjudged }, null, 2)}\n` : render(summary, replayed));
  const weaker = summary.weaker + summary.different;
  if (
    (options.failOnWeaker === true && weaker > 0) ||
    (options.failOnChange === true && changes.length > 0) ||
    (options.failOnUnjudged === true && unjudged.length > 0)
  )
    process.exitCode = 1;
}

/** The request that an entry holds, or why nothing can be said of it. */
function recordedIn({ actionId, at, body, holds }: OpenedEntry): RecordedRequest | Replayed {
  const unknown = { actionId, at, action: '', resource: { type: '', id: '' }, requester: '', change: 'unjudged' } as const;
  if (!holds) return { ...unknown, why: 'the entry is not what its digest says' };
  const opened = body as unknown as RecordedRequest & { readonly result: { readonly plan: RecordedRequest['plan'] } };
  if (!isOpened(body) || !isPlan(opened.result.plan)) return { ...unknown, why: 'the entry is of a form that is not known here' };
  const { action, resource, requester, judged, result } = opened;
  return { actionId, at, action, resource, requester, plan: result.plan, ...(judged === undefined ? {} : { judged }) };
}

type Summary = {
  readonly since: string;
  readonly requests: number;
  readonly unchanged: number;
  readonly weaker: number;
  readonly stricter: number;
  readonly different: number;
  readonly unjudged: number;
};

function render(summary: Summary, replayed: readonly Replayed[]): string {
  const { since: from, requests, unchanged, weaker, stricter, different, unjudged } = summary;
  const changed = (['weaker', 'different', 'stricter'] as const).flatMap((kind) => replayed.flatMap((one) => (one.change === kind ? [one] : [])));
  const rows = changed.map(({ at, actionId, requester, action, resource, change, was, would, why }) => [
    change.toUpperCase(),
    at.slice(0, 16),
    actionId.slice(0, 12),
    requester,
    `${action} ${resource.id}`,
    short(was),
    short(would),
    why,
  ]);
  const heads = ['', 'at', 'action', 'requester', 'asked for', 'was', 'would be', 'in what'];
  const gaps = new Map<string, number>();
  for (const one of replayed) if (one.change === 'unjudged') gaps.set(one.why, (gaps.get(one.why) ?? 0) + 1);
  return `${[
    ...(rows.length === 0 ? [] : [...columns([heads, ...rows]), '']),
    ...(gaps.size === 0 ? [] : ['Not judged:', ...[...gaps].map(([why, count]) => `  ${count} × ${why}`), '']),
    `${requests} requests since ${from}: ${unchanged} unchanged, ${weaker} weaker, ${stricter} stricter, ${different} different, ${unjudged} not judged`,
  ].join('\n')}\n`;
}

function short({ outcome, routes }: { readonly outcome: string; readonly routes: readonly string[] }): string {
  return routes.length === 0 ? outcome : `${outcome} ${routes.join('+')}`;
}

function since(value: string): Date {
  const [, count, unit] = /^([1-9]\d{0,4})([mhd])$/.exec(value) ?? [];
  if (unit !== undefined) return new Date(Date.now() - Number(count) * unitMs[unit as keyof typeof unitMs]);
  try {
    return moment(value);
  } catch {
    throw new InvalidArgumentError('write 12h, 7d, or a time such as 2026-04-01T00:00:00Z');
  }
}
