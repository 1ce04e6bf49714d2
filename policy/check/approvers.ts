import type { DirectoryFile } from '../../directory/schema.js';
import type { Directory } from '../../directory/port.js';
import type { Plan, PlanStage } from '../../domain/plan.js';
import type { ActionRequest } from '../../domain/request.js';
import { approversAt, approversEver, involvedIn } from '../../domain/separation.js';

/** Somebody, and why they can or cannot approve a stage. */
export type Standing = { readonly id: string; readonly name: string; readonly why: string };

/** Who can pass one stage of a plan, and who cannot. */
export type StageExplanation = Pick<PlanStage, 'name' | 'route' | 'quorum' | 'assurance' | 'expiresInMs'> & {
  readonly can: readonly Standing[];
  readonly cannot: readonly Standing[];
};

const limit = 500;

/** For each stage of a plan who of the directory can approve and who cannot, with the reason. */
export async function explainStages(directory: Directory, file: DirectoryFile, request: ActionRequest, plan: Plan): Promise<readonly StageExplanation[]> {
  const involvement = whyExcluded(file, request);
  return Promise.all(plan.stages.map(async (stage) => explainStage(directory, file, stage, [...plan.excluded, ...involvedIn(request)], involvement)));
}

async function explainStage(
  directory: Directory,
  file: DirectoryFile,
  stage: PlanStage,
  excluded: readonly string[],
  involvement: ReadonlyMap<string, string>,
): Promise<StageExplanation> {
  const eligible = new Map((await directory.members(approversEver(stage), limit)).map((person) => [person.id, person]));
  const can: Standing[] = [];
  const cannot: Standing[] = [];
  for (const { id, name, active = true, groups } of file.people) {
    const membership = why(stage, { id, groups });
    if (excluded.includes(id))
      cannot.push({ id, name, why: `${involvement.get(id) ?? 'is involved in the action'}${membership === undefined ? '' : `, though ${membership}`}` });
    else if (!active) cannot.push({ id, name, why: `is not active${membership === undefined ? '' : `, though ${membership}`}` });
    else if (eligible.has(id)) can.push({ id, name, why: membership ?? 'the directory says so' });
    else cannot.push({ id, name, why: `is not in ${setText(stage)}` });
  }
  const { name, route, quorum, assurance, expiresInMs } = stage;
  return { name, route, quorum, assurance, expiresInMs, can, cannot };
}

/** What makes this person an approver of the stage, at first or from some escalation on. */
function why(stage: PlanStage, person: { readonly id: string; readonly groups: readonly string[] }): string | undefined {
  for (let level = 0; level <= stage.escalations.length; level += 1) {
    const { groups, people } = approversAt(stage, level);
    const group = groups.find((id) => person.groups.includes(id));
    const text = people.includes(person.id) ? 'named by the route' : group === undefined ? undefined : `in ${group}`;
    if (text !== undefined) return level === 0 ? text : `${text}, after ${spanText(stage.escalations[level - 1]?.afterMs ?? 0)} without an answer`;
  }
  return undefined;
}

function setText(stage: PlanStage): string {
  const { groups, people } = approversEver(stage);
  return [...groups, ...(people.length === 0 ? [] : [`the people it names (${people.join(', ')})`])].join(' or ');
}

function whyExcluded(file: DirectoryFile, request: ActionRequest): ReadonlyMap<string, string> {
  const { requester, onBehalfOf, via = [] } = request;
  const reasons = new Map<string, string>();
  const add = (id: string, reason: string) => void (reasons.has(id) || reasons.set(id, reason));
  const agent = requester.kind === 'agent' ? file.agents.find(({ id }) => id === requester.id) : undefined;
  add(requester.id, 'asks for the action');
  if (agent !== undefined) add(agent.owner, `owns ${agent.id}`);
  if (onBehalfOf !== undefined) add(onBehalfOf, 'is the person on whose behalf it is asked');
  else for (const id of agent?.actsFor ?? []) add(id, `is somebody for whom ${requester.id} may be asking`);
  for (const actor of via) add(actor.kind === 'agent' ? actor.owner : actor.id, 'passed the request on');
  return reasons;
}

/** `86400000` as `24h`: the largest unit that divides it. */
export function spanText(ms: number): string {
  for (const [unit, size] of [
    ['d', 172_800_000],
    ['h', 3_600_000],
    ['m', 60_000],
  ] as const) {
    const by = unit === 'd' ? 86_400_000 : size;
    if (ms >= size && ms % by === 0) return `${ms / by}${unit}`;
  }
  return `${ms / 1000}s`;
}
