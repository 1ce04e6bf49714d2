import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { bold, box, cyan, dim, green, red, yellow } from './term.mjs';

/** Links of an action for people. */
export function links(config, id) {
  return {
    inbox: `${config.publicUrl}/inbox/actions/${id}`,
    temporal: config.uiUrl === undefined ? undefined : `${config.uiUrl}/namespaces/${config.namespace}/workflows/${id}`,
  };
}

/** What a person at the terminal needs in order to decide. */
export function invitation(config, view, scenario) {
  const { inbox, temporal } = links(config, view.id);
  const resource = `${view.resource?.type ?? ''} ${view.resource?.id ?? ''}`.trim();
  return box([
    bold(view.status === 'pending' ? 'An agent waits for a person' : `This action is ${view.status}`),
    `${scenario.agent} asks for ${bold(view.action ?? scenario.body.action)} on ${bold(resource || scenario.body.resource.id)}`,
    dim(`“${scenario.body.reason}”`),
    '',
    `Inbox        ${cyan(inbox)}`,
    ...(temporal === undefined ? [] : [`Temporal UI  ${cyan(temporal)}`]),
    `Teams        ${cyan('npm run teams')}${dim('  opens it in a local Microsoft Teams')}`,
    `More         ${cyan('npm run demo -- <scenario>')}${dim('  allowed, denied, approval, …')}`,
    '',
    scenario.next,
  ]);
}

/** Prints what has happened since the last call; `seen` counts events. */
export function tell(view, seen, write) {
  const story = Array.isArray(view.story) ? view.story : [];
  for (const event of story.filter((one) => one.seq > seen)) write(`  ${dim(String(event.at).slice(11, 19))}  ${event.text}`);
  return Math.max(seen, ...story.map((one) => one.seq));
}

/** How a final action ended, as lines for people, with the path of the exported file if there is one. */
export function ending(config, view) {
  const paint = { executed: green, failed: red, error: red, unknown: yellow, denied: red, rejected: red }[view.status] ?? yellow;
  const lines = [paint(bold(`The action is ${view.status}.`))];
  if (view.denial?.detail) lines.push(`  ${view.denial.detail}`);
  const { outcome } = view;
  if (outcome?.detail) lines.push(`  ${outcome.detail}`);
  if (outcome?.check) lines.push(`  Check: ${outcome.check}`);
  const facts = outcome?.facts ?? [];
  for (const fact of facts) lines.push(`  ${fact.label}: ${fact.value}`);
  const file = view.status === 'executed' ? exportedFile(config.exports, view.id) : undefined;
  if (file !== undefined && !facts.some((fact) => fact.value === file)) lines.push(`  Exported to ${cyan(file)}`);
  return lines;
}

/** The file an action exported, found by the action's id in its name. */
export function exportedFile(folder, id) {
  try {
    const found = readdirSync(folder, { recursive: true }).find((name) => name.includes(id) && statSync(path.join(folder, name)).isFile());
    return found === undefined ? undefined : path.join(folder, found);
  } catch {
    return undefined;
  }
}
