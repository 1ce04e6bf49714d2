import { isMap, isScalar, isSeq, type LineCounter, type Node } from 'yaml';
import { parseYaml } from '../../config/load.js';
import type { Directory } from '../../directory/port.js';
import { CountersignError } from '../../domain/errors.js';
import type { PolicyBundle } from '../bundle.js';
import { resolveStages } from '../resolve-stages.js';
import type { RouteStage } from '../routes.js';
import { staff } from '../staffing.js';
import { bare } from './expression.js';
import type { Finding } from './finding.js';
import type { SourcePolicy } from './source.js';

/** Somebody who can ask, and who may not approve what they ask for. */
export type Asker = { readonly id: string; readonly kind: 'agent' | 'person'; readonly excluded: readonly string[]; readonly because: string };

/** A directory, and all that can ask as far as it can list them. */
export type People = { readonly directory: Directory; readonly askers: readonly Asker[] };

type Place = { readonly id: string; readonly line: number };

/** Groups and people of `routes.yaml` that the directory does not know, wherever in a route they stand. */
export async function unknownApprovers(file: string, text: string, directory: Directory): Promise<readonly Finding[]> {
  const { document, lines } = parseYaml(file, text);
  const groups: Place[] = [];
  const people: Place[] = [];
  collect(document.contents, lines, { groups, people });
  const findings: Finding[] = [];
  for (const { id, line } of groups)
    if (!(await directory.hasGroup(id)))
      findings.push({ severity: 'error', code: 'unknown-group', file, line, message: `the directory has no group "${id}", so it admits nobody.` });
  for (const { id, line } of people) {
    const person = await directory.person(id);
    const message = person === undefined ? `the directory has no person "${id}".` : `"${id}" is not active, so they cannot approve.`;
    if (person?.active !== true) findings.push({ severity: person === undefined ? 'error' : 'warning', code: 'unknown-person', file, line, message });
  }
  return findings;
}

// Whatever a route will consist of: approvers stand in lists called groups and people.
function collect(node: Node | null, lines: LineCounter, into: Readonly<Record<'groups' | 'people', Place[]>>): void {
  if (isSeq(node)) for (const item of node.items) collect(item as Node | null, lines, into);
  if (!isMap(node)) return;
  for (const { key, value } of node.items) {
    const name = isScalar(key) ? key.value : undefined;
    if ((name === 'groups' || name === 'people') && isSeq(value))
      for (const item of value.items)
        if (isScalar(item) && typeof item.value === 'string') into[name].push({ id: item.value, line: lines.linePos(item.range?.[0] ?? 0).line });
    collect(value as Node | null, lines, into);
  }
}

/** Lines on which the routes of `routes.yaml` begin. */
function routeLines(file: string, text: string): ReadonlyMap<string, number> {
  const { document, lines } = parseYaml(file, text);
  const routes = document.get('routes');
  const places = new Map<string, number>();
  for (const { key } of isMap(routes) ? routes.items : []) if (isScalar(key)) places.set(String(key.value), lines.linePos(key.range?.[0] ?? 0).line);
  return places;
}

/**
 * Routes that the people of the directory could not pass: whoever asks, or when one of those asks who may come to this route.
 * Judged as at run time, after all escalations.
 */
export async function unsatisfiableRoutes(
  file: string,
  text: string,
  bundle: PolicyBundle,
  policies: readonly SourcePolicy[],
  { directory, askers }: People,
): Promise<readonly Finding[]> {
  const places = routeLines(file, text);
  const findings: Finding[] = [];
  const report = (route: string, message: string) =>
    findings.push({ severity: 'error', code: 'unsatisfiable-route', file, line: places.get(route) ?? 1, message });
  for (const [route, stages] of bundle.routes) {
    // Who manages whom is open until somebody asks.
    const open = stages.some(({ approvers, escalations }) =>
      [approvers, ...escalations.map((step) => step.approvers)].some((set) => set.managerOf !== undefined),
    );
    const gap = open ? undefined : await gapIn(directory, stages);
    if (gap !== undefined) {
      report(route, `nobody can pass the route "${route}", whoever asks: ${gap}`);
      continue;
    }
    const users = policies.filter((policy) => policy.review === route);
    const failing = new Map<string, string[]>();
    for (const asker of askers.filter((candidate) => users.some((policy) => admits(policy, candidate)))) {
      const short = await gapIn(directory, stages, asker);
      if (short !== undefined) failing.set(short, [...(failing.get(short) ?? []), `${asker.id} (${asker.because})`]);
    }
    for (const [short, who] of failing) report(route, `nobody can pass the route "${route}" when it is asked for by ${listed(who)}: ${short}`);
  }
  return findings;
}

/** Why these stages cannot be passed, settled as at run time for whoever asks. */
async function gapIn(directory: Directory, stages: readonly RouteStage[], asker?: Asker): Promise<string | undefined> {
  const person = (id: string | undefined) => (id === undefined ? undefined : directory.person(id));
  const owner = asker?.kind === 'agent' ? await person((await directory.agent(asker.id))?.owner) : undefined;
  const requester = asker?.kind === 'person' ? await person(asker.id) : undefined;
  const asking = { ...(owner === undefined ? {} : { owner }), ...(requester === undefined ? {} : { requester }) };
  const excluded = asker?.excluded ?? [];
  try {
    return (await staff(directory, await resolveStages(directory, stages, asking, excluded), excluded)).gap;
  } catch (error) {
    if (error instanceof CountersignError && error.code === 'route-unsatisfiable') return error.detail;
    throw error;
  }
}

/** Routes that no policy asks for. */
export function unusedRoutes(file: string, text: string, policies: readonly SourcePolicy[]): readonly Finding[] {
  const used = new Set(policies.map(({ review }) => review));
  return [...routeLines(file, text)].flatMap(([route, line]): readonly Finding[] =>
    used.has(route) ? [] : [{ severity: 'warning', code: 'unused-route', file, line, message: `no policy asks for the route "${route}".` }],
  );
}

/** Policies that ask for a route which `routes.yaml` does not define. */
export function unknownRoutes(file: string, text: string, policies: readonly SourcePolicy[]): readonly Finding[] {
  const known = routeLines(file, text);
  return policies.flatMap(({ id, review, file: at, line }): readonly Finding[] =>
    review === undefined || known.has(review)
      ? []
      : [
          {
            severity: 'error',
            code: 'unknown-route',
            file: at,
            line,
            message: `policy "${id}" asks for the route "${review}", which routes.yaml does not define.`,
          },
        ],
  );
}

function admits({ json: { principal } }: SourcePolicy, asker: Asker): boolean {
  const type = asker.kind === 'agent' ? 'Agent' : 'Person';
  if (principal.op === 'is') return principal.entity_type === type;
  if (principal.op !== '==' || !('entity' in principal)) return true;
  const { type: of, id } = bare(principal.entity);
  return of === type && id === asker.id;
}

function listed(who: readonly string[]): string {
  return who.length > 5 ? `${who.slice(0, 5).join(', ')} and ${who.length - 5} more` : who.join(', ');
}
